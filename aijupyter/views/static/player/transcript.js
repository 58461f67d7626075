// The transcript: thousands of lines, of which only those are drawn that can be seen.

const AHEAD = 500;
const ROUNDS = 4;

class TranscriptView {
  constructor(state, naming) {
    Object.assign(this, { state, naming, drawn: new Map(), put: 0, frame: 0, width: 0 });
    this.heights = new Heights(state.conversation.rows);
    this.lines = h("div", { class: "aij-lines", role: "list", "aria-label": "Lines" });
    this.view = h(
      "div",
      {
        class: "aij-transcript", tabindex: 0, role: "region", "aria-label": "Transcript",
        onscroll: () => this._scrolled(),
        onwheel: () => this._leave(),
        ontouchmove: () => this._leave(),
        onclick: (event) => this._click(event),
        ondblclick: (event) => this._doubleClick(event),
      },
      this.lines,
    );
    const looks = { class: "aij-button aij-follow", type: "button", hidden: true };
    this.button = h("button", { ...looks, onclick: () => this.follow() }, "↓ Follow");
    this.element = h("div", { class: "aij-words" }, this.view, this.button);
    state.on("time", (moved) => this._moved(moved));
    state.on("search", () => this.redraw());
    state.on("names", () => this.redraw());
    state.on("sound", () => this._offer());
    state.on("shown", (line, offset) => this.show(line, offset));
  }

  /** Fit to the width that there is; the heights of all rows are unknown again. */
  resize() {
    const width = this.view.clientWidth;
    if (!width || width === this.width) return;
    const row = this.heights.at(this.view.scrollTop);
    const inside = this.view.scrollTop - this.heights.top(row);
    this.width = width;
    const wide = width > 560;
    this.heights.guess(Math.max(12, (wide ? width - 230 : width - 40) / 7.2), 21, wide ? 9 : 31);
    for (const element of this.drawn.values()) element.remove();
    this.drawn.clear();
    this._put(this.heights.top(row) + Math.min(inside, this.heights.tall[row] ?? 0));
    this.draw();
  }

  /** Draw the rows that are seen, and a few around them; measure them, and correct what was guessed. */
  draw() {
    if (!this.width || !this.heights.rows.length) return;
    for (let round = 0; round < ROUNDS; round += 1) {
      const top = this.view.scrollTop;
      const first = this.heights.at(top - AHEAD);
      const last = this.heights.at(top + this.view.clientHeight + AHEAD);
      const fresh = this._fill(first, last);
      if (!this._measure(fresh, top)) break;
    }
    this._current();
  }

  _fill(first, last) {
    for (const [row, element] of this.drawn) {
      if (row >= first && row <= last) continue;
      element.remove();
      this.drawn.delete(row);
    }
    const fresh = [];
    let next = null;
    for (let row = last; row >= first; row -= 1) {
      let element = this.drawn.get(row);
      if (!element) {
        element = drawRow(this.state, row);
        this.drawn.set(row, element);
        this.lines.insertBefore(element, next);
        fresh.push(row);
      }
      next = element;
    }
    return fresh;
  }

  /** Learn how tall new rows are, keeping what is seen in its place; says whether anything moved. */
  _measure(fresh, top) {
    const heights = fresh.map((row) => this.drawn.get(row).offsetHeight);
    const anchor = this.heights.at(top);
    const inside = top - this.heights.top(anchor);
    let wrong = 0;
    fresh.forEach((row, place) => { wrong += Math.abs(this.heights.learn(row, heights[place])); });
    if (wrong || fresh.length) {
      this.lines.style.height = `${this.heights.total}px`;
      for (const [row, element] of this.drawn) element.style.transform = `translateY(${this.heights.top(row)}px)`;
    }
    if (wrong && Math.abs(this.heights.top(anchor) + inside - top) >= 1) this._put(this.heights.top(anchor) + inside);
    return wrong > 0;
  }

  /** Every row anew: the names or the hits are others. */
  redraw() {
    for (const [row, element] of this.drawn) {
      const fresh = drawRow(this.state, row);
      fresh.style.transform = element.style.transform;
      element.replaceWith(fresh);
      this.drawn.set(row, fresh);
    }
    this._measure([...this.drawn.keys()], this.view.scrollTop);
    this._current();
  }

  _put(top) {
    this.view.scrollTop = top;
    this.put = this.view.scrollTop;
  }

  _scrolled() {
    if (Math.abs(this.view.scrollTop - this.put) > 2 && !this.gliding) this._leave();
    this.put = this.view.scrollTop;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** The person looks elsewhere: do not pull them back. */
  _leave() {
    this.gliding = false;
    if (!this.state.playing) return;
    this.state.following = false;
    this._offer();
  }

  follow() {
    this.state.following = true;
    this._offer();
    if (this.state.line >= 0) this.show(this.state.line, 0);
  }

  _offer() {
    this.button.hidden = !this.state.playing || this.state.following;
  }

  /** Bring a place of a line into view. */
  show(line, offset) {
    const { conversation } = this.state;
    if (line < 0) return;
    let row = conversation.rowOf[line];
    while (conversation.rows[row + 1]?.line === line && conversation.rows[row + 1].from <= offset) row += 1;
    this._reveal(row);
    this._reveal(row); // what was guessed on the way is known now
    this.lit = line;
    this._current();
  }

  _reveal(row) {
    const [top, tall, seen] = [this.heights.top(row), this.heights.tall[row], this.view.clientHeight];
    const { scrollTop } = this.view;
    if (top >= scrollTop + 8 && top + Math.min(tall, seen) <= scrollTop + seen - 8) return;
    this.gliding = false;
    this._put(top - Math.max(12, (seen - tall) / 3));
    this.draw();
  }

  _moved(moved) {
    if (!moved) return;
    if (this.state.line !== this.lit) this.lit = -1;
    this._current();
    if (this.state.playing && this.state.following && this.state.line >= 0) this._keepInView();
  }

  /** While it plays: glide on when the words that are said come near the edge. */
  _keepInView() {
    const { conversation, line, word } = this.state;
    const offset = word < 0 ? 0 : conversation.words(line)[word].from;
    let row = conversation.rowOf[line];
    while (conversation.rows[row + 1]?.line === line && conversation.rows[row + 1].from <= offset) row += 1;
    const [top, seen] = [this.heights.top(row), this.view.clientHeight];
    const bottom = top + this.heights.tall[row];
    if (top >= this.view.scrollTop && bottom <= this.view.scrollTop + seen * 0.85) return;
    this._glide(Math.max(0, top - seen * 0.2));
  }

  _glide(target) {
    const far = Math.abs(target - this.view.scrollTop) > 3 * this.view.clientHeight;
    if (this.gliding) return;
    if (far || stillness()) return this._put(target);
    this.gliding = true;
    const step = () => {
      const rest = target - this.view.scrollTop;
      const bottom = this.lines.offsetHeight - this.view.clientHeight;
      if (!this.gliding || Math.abs(rest) < 2 || (rest > 0 && this.view.scrollTop >= bottom - 1)) {
        this.gliding = false;
        return;
      }
      this._put(this.view.scrollTop + Math.sign(rest) * Math.max(1.5, Math.abs(rest) * 0.18));
      this.draw();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /** Mark the line and the word of now. */
  _current() {
    const { conversation, line, word } = this.state;
    const said = word < 0 ? -1 : conversation.words(line)[word].word;
    for (const [row, element] of this.drawn) {
      const own = conversation.rows[row].line === line;
      if (own !== element.hasAttribute("aria-current")) element.toggleAttribute("aria-current", own);
      if (own) element.setAttribute("aria-current", "true");
      element.classList.toggle("aij-lit", conversation.rows[row].line === this.lit && !own);
      const before = element.querySelector(".aij-now");
      const now = own && said >= 0 ? element.querySelector(`[data-word="${said}"]`) : null;
      if (before === now) continue;
      before?.classList.remove("aij-now");
      now?.classList.add("aij-now");
    }
  }

  _click(event) {
    const element = event.target.closest(".aij-line");
    if (!element || !getSelection().isCollapsed || event.detail > 1 || event.target.closest(".aij-speaker")) return;
    const line = Number(element.dataset.line);
    const word = event.target.closest(".aij-word");
    const { conversation } = this.state;
    const time = word ? conversation.wordStart[Number(word.dataset.word)] / 1000 : NaN;
    this.state.following = true;
    this.state.seek(word && time < NO_TIME / 1000 ? time : this._rowTime(element), { play: true });
    this.lit = line;
    this._current();
  }

  _rowTime(element) {
    const { line, from } = this.state.conversation.rows[Number(element.dataset.row)];
    return from ? this.state.conversation.timeOf(line, from) : this.state.conversation.start[line];
  }

  _doubleClick(event) {
    const name = event.target.closest(".aij-who .aij-speaker");
    if (!name) return;
    getSelection().removeAllRanges();
    this.naming.open(this.state.people.of(Number(name.closest(".aij-line").dataset.line)), name);
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    this.gliding = false;
  }
}

function stillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
