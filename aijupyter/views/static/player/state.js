// What all parts of a player look at and change: the position, the hits, who is called what.

class State {
  constructor(model, conversation, isReachable) {
    this.model = model;
    this.isReachable = isReachable;
    this.conversation = conversation;
    this.listeners = new Map();
    this.position = 0;
    this.line = -1;
    this.word = -1;
    this.following = true;
    this.query = "";
    this.hits = [];
    this.hit = -1;
    this.rate = 1;
    this.sound = null;
    this.held = false; // a person drags the position
    this._frame = 0;
    this._listen();
    this.people = new People(model, conversation);
  }

  on(event, callback) {
    if (!this.listeners.has(event)) this.listeners.set(event, []);
    this.listeners.get(event).push(callback);
  }

  tell(event, ...said) {
    for (const callback of this.listeners.get(event) ?? []) callback(...said);
  }

  get duration() {
    const told = this.model.get("duration");
    return Number.isFinite(told) && told > 0 ? told : Math.max(this.conversation.spoken, 0.001);
  }

  get audible() {
    return this.sound !== null;
  }

  get playing() {
    return this.sound !== null && !this.sound.paused;
  }

  /** There is audio now, or another, or none. */
  _listen() {
    this.sound?.destroy();
    this.sound = null;
    if (!this.model.get("audible")) return;
    this.sound = new Sound(this.model, this.model.get("duration"), this.isReachable);
    this.sound.rate = this.rate;
    this.sound.onchange = () => this._heard();
    if (this.position > 0) this.sound.seek(this.position, { play: false });
  }

  renewSound() {
    this._listen();
    this._heard();
  }

  _heard() {
    this.tell("sound");
    if (this.playing && !this._frame) this._frame = requestAnimationFrame(() => this._step());
    if (!this.held) this._at(this.sound ? this.sound.time : this.position);
  }

  _step() {
    this._frame = 0;
    if (!this.sound) return;
    if (!this.held) this._at(this.sound.time);
    if (this.playing) this._frame = requestAnimationFrame(() => this._step());
  }

  /** The position is at a time now, whoever moved it. */
  _at(time) {
    if (!Number.isFinite(time)) return;
    this.position = Math.min(this.duration, Math.max(0, time));
    const line = this.conversation.lineAt(this.position + 0.005);
    const word = line < 0 ? -1 : this.conversation.wordAt(line, this.position + 0.005);
    const moved = line !== this.line || word !== this.word;
    this.line = line;
    this.word = word;
    this.tell("time", moved);
  }

  seek(time, { play = false } = {}) {
    if (!Number.isFinite(time)) return;
    const bounded = Math.min(this.duration, Math.max(0, time));
    this.held = false;
    if (this.sound) this.sound.seek(bounded, { play: play || undefined });
    this._at(bounded);
  }

  /** Show a position without moving the sound: while a person drags. */
  preview(time) {
    this.held = true;
    this._at(time);
  }

  toggle() {
    if (!this.sound) return;
    if (this.sound.paused) {
      this.following = true;
      this.sound.play();
    } else this.sound.pause();
  }

  setRate(rate) {
    this.rate = rate;
    if (this.sound) this.sound.rate = rate;
  }

  /** Go to a line, at a place in its text, and show it there. */
  goTo(line, offset = 0, { play = false } = {}) {
    if (line < 0 || line >= this.conversation.count) return;
    const time = offset > 0 ? this.conversation.timeOf(line, offset) : this.conversation.start[line];
    if (play) this.following = true;
    this.seek(time, { play });
    this.tell("shown", line, offset);
  }

  find(query) {
    this.query = query;
    this.hits = findHits(this.conversation, query);
    this.hit = -1;
    this.tell("search");
  }

  goToHit(place, { seek = true } = {}) {
    if (!this.hits.length) return;
    this.hit = (place + this.hits.length) % this.hits.length;
    const { line, from } = this.hits[this.hit];
    this.tell("search");
    if (seek) this.goTo(line, from);
    else this.tell("shown", line, from);
  }

  /** The first hit at or after a time, from which to go on. */
  hitNear(time) {
    const near = this.hits.findIndex((hit) => this.conversation.roughTimeOf(hit.line, hit.to) >= time - 0.3);
    return near < 0 ? 0 : near;
  }

  destroy() {
    cancelAnimationFrame(this._frame);
    this.sound?.destroy();
    this.sound = null;
    this.listeners.clear();
  }
}
