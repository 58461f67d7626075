// The keyboard, while the player has the focus. What it means here must not reach the notebook, where dd deletes cells.

const STEP = 5;

class Keys {
  constructor(state, root, controls, voice) {
    Object.assign(this, { state, root, controls, voice, cursor: -1 });
    this.actions = {
      " ": () => state.toggle(),
      ArrowLeft: () => state.seek(state.position - STEP),
      ArrowRight: () => state.seek(state.position + STEP),
      ArrowUp: () => this._line(-1),
      ArrowDown: () => this._line(1),
      Home: () => this._to(0),
      End: () => this._to(state.conversation.count - 1),
      Enter: () => state.goTo(Math.max(0, state.line), 0, { play: true }),
      "/": () => { controls.box.focus(); controls.box.select(); },
      n: () => controls.step(1),
      N: () => controls.step(-1),
    };
    root.addEventListener("keydown", (event) => this._key(event));
  }

  _key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    if (event.key === "Escape") return this._escape(event);
    if (event.key === "Enter" && event.shiftKey) return; // the notebook's: run the cell
    if (event.key.length > 1 && /^F\d+$/.test(event.key)) return;
    event.stopPropagation();
    const { target } = event;
    if (target.closest("input, select, textarea")) return;
    if (target.closest("button, summary") && (event.key === " " || event.key === "Enter")) return;
    if (target.closest(".aij-jumps") && /^(Arrow(Up|Down)|Home|End|Page.*)$/.test(event.key)) return; // to scroll it
    const action = Object.hasOwn(this.actions, event.key) ? this.actions[event.key] : null;
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** Escape gives up the search; with nothing to give up it is the notebook's. */
  _escape(event) {
    if (!this.state.query) return;
    event.preventDefault();
    event.stopPropagation();
    this.controls.clear();
  }

  /** The next line or the one before, also where several begin at the same time. */
  _line(by) {
    const { state, cursor } = this;
    const { begin, count } = state.conversation;
    const here = state.line >= 0 && Math.abs(begin[cursor] - begin[state.line]) < 0.01 ? cursor : state.line;
    this._to(Math.min(count - 1, Math.max(0, here + by)));
  }

  _to(line) {
    const { state } = this;
    if (line < 0) return;
    this.cursor = line;
    const { conversation, people } = state;
    state.goTo(line);
    const said = `${people.of(line).shown}, ${clock(conversation.start[line])}: ${conversation.texts[line]}`;
    this.voice.textContent = brief(harmless(said), 400);
  }
}
