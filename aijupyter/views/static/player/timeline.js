// The timeline: the picture, the names of its lanes, the playhead, and what the mouse finds under it.

class Timeline {
  constructor(state, root, naming) {
    Object.assign(this, { state, root, naming, width: 0, dragging: false });
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.head = h("div", { class: "aij-playhead" });
    this.range = h("div", { class: "aij-range", hidden: true });
    this.pointer = h("div", { class: "aij-pointer", hidden: true });
    this.tip = h("div", { class: "aij-tip", hidden: true });
    this.track = h(
      "div",
      {
        class: "aij-track", role: "slider", tabindex: 0, "aria-label": "Position", "aria-valuemin": 0,
        onpointerdown: (event) => this._down(event),
        onpointermove: (event) => this._move(event),
        onpointerup: (event) => this._up(event),
        onpointercancel: () => { this.dragging = this.state.held = false; },
        onpointerleave: () => this._leave(),
      },
      this.canvas, this.range, this.head, this.pointer,
    );
    this.labels = h("div", { class: "aij-lane-names" });
    this.element = h("div", { class: "aij-timeline" }, this.labels, this.track, this.tip);
    this.painter = new Painter(this.canvas, root, state);
    state.on("time", () => this._follow());
    state.on("search", () => this.draw());
    state.on("names", () => this.renew());
    state.on("lit", (thing) => this._light(thing));
  }

  /** All anew: other lanes, other rows. */
  renew() {
    this._names();
    this.draw();
  }

  draw() {
    this.width = this.track.clientWidth;
    if (!this.width) return;
    this.painter.draw(this.width);
    this.track.setAttribute("aria-valuemax", this.state.duration.toFixed(1));
    this._follow();
  }

  _names() {
    const place = geometry(this.state);
    this.labels.style.height = `${place.height}px`;
    const at = (top, tall) => ({ top: `${top}px`, height: `${tall}px`, lineHeight: `${tall}px` });
    const { lanes } = this.state.people;
    const names = lanes.map((group, lane) => this._name(group, at(place.first + lane * place.lane, place.lane)));
    const row = (title, top) => h("div", { class: "aij-lane-name aij-quiet", style: at(top, 16) }, title);
    if (place.feeling) names.push(row("Feeling", place.feelingTop - 4));
    if (place.questions) names.push(row("Questions", place.questionsTop - 1));
    if (place.topics) names.push(row("Topics", place.topicsTop - 1));
    this.labels.replaceChildren(...names);
  }

  _name(group, style) {
    const name = speakerTag(group);
    const row = h("div", { class: "aij-lane-name", style }, name);
    if (!group.labels.length) return row;
    const rename = () => this.naming.open(group, name);
    name.addEventListener("dblclick", rename);
    const label = `Rename ${brief(name.textContent, 80)}`;
    const looks = { class: "aij-pencil", type: "button", title: "Rename", "aria-label": label };
    row.append(h("button", { ...looks, onclick: rename }, "✎"));
    return row;
  }

  _follow() {
    const { position, duration, line } = this.state;
    this.head.style.transform = `translateX(${(position / duration) * this.width}px)`;
    const second = Math.floor(position);
    if (second === this.second && line === this.told) return;
    Object.assign(this, { second, told: line });
    this.track.setAttribute("aria-valuenow", position.toFixed(1));
    const who = line < 0 ? "" : `, ${brief(harmless(this.state.people.of(line).shown), 80)}`;
    this.track.setAttribute("aria-valuetext", `${clock(position)}${who}`);
  }

  _time(event) {
    const box = this.track.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.state.duration;
  }

  _down(event) {
    if (event.button !== 0) return;
    this.dragging = true;
    this.track.setPointerCapture(event.pointerId);
    this.state.preview(this._time(event));
  }

  _move(event) {
    const time = this._time(event);
    if (this.dragging) this.state.preview(time);
    this._tell(event, time);
  }

  _up(event) {
    if (!this.dragging) return;
    this.dragging = false;
    const time = this._time(event);
    this.state.seek(time);
    this.state.tell("shown", this.state.conversation.lineAt(time), 0);
  }

  _leave() {
    this.pointer.hidden = true;
    this.tip.hidden = true;
  }

  /** What is under the mouse: the time, who speaks, what is said or asked. */
  _tell(event, time) {
    const { conversation, people } = this.state;
    const box = this.track.getBoundingClientRect();
    const left = event.clientX - box.left;
    const line = this._lineUnder(time, event.clientY - box.top);
    const parts = [h("b", {}, clock(time))];
    const topic = this._topicUnder(left, event.clientY - box.top);
    if (topic) parts.push(" Topic: ", h("bdi", {}, brief(harmless(topic.value), 80)), " ");
    if (line >= 0) {
      const group = people.of(line);
      const emotion = conversation.emotionOf(line);
      parts.push(" ", speakerTag(group, 40));
      if (emotion && !isNeutral(emotion)) parts.push(` · ${brief(harmless(emotion), 30)}`);
      parts.push(h("bdi", { class: "aij-tip-text", dir: "auto" }, brief(harmless(conversation.texts[line]), 140)));
    }
    this.tip.replaceChildren(...parts);
    this.tip.hidden = false;
    this.pointer.hidden = false;
    this.pointer.style.transform = `translateX(${left}px)`;
    const outer = this.element.getBoundingClientRect();
    const wanted = box.left - outer.left + left - this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.min(outer.width - this.tip.offsetWidth, Math.max(0, wanted))}px`;
  }

  /** The line at a time, rather one of the lane that the mouse is on; -1 where nobody speaks. */
  _lineUnder(time, top) {
    const { conversation, people } = this.state;
    const place = geometry(this.state);
    const group = people.lanes[Math.floor((top - place.first) / place.lane)];
    const slack = (3 / Math.max(1, this.width)) * this.state.duration;
    const last = conversation.lineAt(time + slack);
    const heard = [];
    for (let line = last; line >= Math.max(0, last - 6); line -= 1) {
      if (conversation.end[line] + slack >= time) heard.push(line);
    }
    return heard.find((line) => people.of(line) === group) ?? heard[0] ?? -1;
  }

  /** The topic whose mark is under the mouse. */
  _topicUnder(left, top) {
    const place = geometry(this.state);
    if (!place.topics || top < place.topicsTop) return null;
    const scale = this.width / this.state.duration;
    const near = ({ start }) => start !== null && Math.abs(start * scale - left) < 5;
    return this.state.conversation.facts.topics.find(near);
  }

  /** Show where something is that is pointed at elsewhere. */
  _light(thing) {
    const known = thing && Number.isFinite(thing.start);
    this.range.hidden = !known;
    if (!known) return;
    const { duration } = this.state;
    const end = Number.isFinite(thing.end) ? Math.max(thing.end, thing.start) : thing.start;
    this.range.style.left = `${(100 * thing.start) / duration}%`;
    this.range.style.width = `max(3px, ${(100 * (end - thing.start)) / duration}%)`;
  }
}
