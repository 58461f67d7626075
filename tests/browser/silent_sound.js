class Sound {
  constructor(model, duration) { // seconds
    Object.assign(this, { model, duration, at: 0, since: null, speed: 1, state: "idle", message: "", onchange: () => {} });
    window.sound = this;
  }
  get time() {
    const gone = this.since === null ? 0 : ((performance.now() - this.since) / 1000) * this.speed;
    return Math.min(this.duration, this.at + gone);
  }
  get paused() { return this.since === null; }
  set rate(speed) {
    this.at = this.time;
    if (this.since !== null) this.since = performance.now();
    this.speed = speed;
  }
  play() { this.seek(this.time, { play: true }); }
  pause() { this.seek(this.time, { play: false }); }
  seek(seconds, { play = !this.paused } = {}) {
    Object.assign(this, { at: seconds, since: play ? performance.now() : null, state: "ready" });
    this.onchange();
  }
  destroy() {
    this.since = null;
    window.destroyed = (window.destroyed ?? 0) + 1;
  }
}
