// The sound of a recording. It comes from the kernel in pieces, over the widget's comm, as far ahead as is needed;
// aijupyter/views/audio.py sends them and says what the messages are. Times are seconds in the recording.

const SOUND_TYPES = { webm: 'audio/webm; codecs="opus"', mp4: 'audio/mp4; codecs="mp4a.40.2"' };
const SOUND_EVENTS = ["play", "pause", "seeking", "seeked", "timeupdate", "waiting", "playing", "canplay", "ended",
  "ratechange", "loadedmetadata", "durationchange"];
const SOUND_AHEAD = { playing: 300, paused: 30 }; // in store, at normal speed: a busy kernel answers late
const SOUND_KEPT = { behind: 120, ahead: 1200 }; // what is further away is given back
const SOUND_EARLY = 0.5; // a stream begins before where it is wanted, and so does one that goes on with another's end
const SOUND_LAG = 1.5; // the last bytes of a piece may come with the next one
const SOUND_REACH = 10; // a place that a running stream will soon come to
const SOUND_PATIENCE = { first: 4000, most: 60000 }; // milliseconds without an answer, until it is asked for again
const SOUND_SEEK_PAUSE = 150; // milliseconds between streams while a person drags

/** The browser's way to be given sound in pieces, if it has one (iPhones have the managed one only). */
function soundSource() {
  const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;
  if (!Source) return { types: [] };
  return { Source, types: Object.keys(SOUND_TYPES).filter((name) => Source.isTypeSupported(SOUND_TYPES[name])) };
}

class Sound {
  /** `model` is anywidget's, or null where there is nothing to hear; `duration` in seconds, or null. */
  constructor(model, duration, isReachable = () => true) {
    this.model = model ?? null;
    this._isReachable = isReachable;
    this.duration = Number.isFinite(duration) && duration > 0 ? duration : null;
    this.message = "";
    /** Called when anything changed: state, message, position, playing, rate. */
    this.onchange = () => {};
    this.element = document.createElement("audio");
    this.element.preservesPitch = true;
    this.element.disableRemotePlayback = true; // what ManagedMediaSource insists on
    this._view = Math.random().toString(36).slice(2);
    this._number = 0;
    this._at = 0;
    this._failed = false;
    this._media = null;
    this._retry = { timer: 0, patience: SOUND_PATIENCE.first };
    this._heard = (content, buffers) => this._receive(content, buffers);
    this._others = (event) => event.detail !== this._view && this.pause();
    this._onevent = () => this._update();
    this._onerror = () => {
      if (this.element.error && this._media) this._fail("The browser cannot play what came. Press play to try again.");
    };
    for (const name of SOUND_EVENTS) this.element.addEventListener(name, this._onevent);
    this.element.addEventListener("error", this._onerror);
    this.model?.on("msg:custom", this._heard);
    globalThis.addEventListener("aijupyter-plays", this._others);
  }

  /** The position: the wanted one while its sound is still on its way. */
  get time() {
    return this._at ?? this.element.currentTime;
  }

  get paused() {
    return this.element.paused;
  }

  get rate() {
    return this.element.playbackRate;
  }

  set rate(rate) {
    this.element.defaultPlaybackRate = rate;
    this.element.playbackRate = rate;
  }

  get state() {
    if (this.model === null) return "none";
    if (this._failed) return "failed";
    if (this._media === null) return "idle";
    return this._isReady() ? "ready" : "loading";
  }

  play() {
    if (this.model === null) return;
    this._open();
    const end = this._media.end ?? this.duration ?? Infinity;
    if (this.element.ended || this.time >= end - 0.05) this._go(0);
    globalThis.dispatchEvent(new CustomEvent("aijupyter-plays", { detail: this._view }));
    this._start();
    this._update();
  }

  pause() {
    this.element.pause();
  }

  /** Go to a position; `play` true or false also starts or stops, undefined leaves that as it is. */
  seek(seconds, { play } = {}) {
    if (this.model === null || !Number.isFinite(seconds)) return;
    this._open();
    this._go(Math.min(Math.max(0, seconds), this.duration ?? Infinity));
    if (play === true) this.play();
    else if (play === false) this.pause();
    this._update();
  }

  destroy() {
    if (this._view === null) return;
    this.pause();
    globalThis.removeEventListener("aijupyter-plays", this._others);
    this.model?.off("msg:custom", this._heard);
    this._ask("end");
    this._close();
    for (const name of SOUND_EVENTS) this.element.removeEventListener(name, this._onevent);
    this.element.removeEventListener("error", this._onerror);
    this.onchange = () => {};
    this.model = null;
    this._view = null;
  }

  // --- the element -----------------------------------------------------------------------------------------------

  _open() {
    if (this._failed) this._close();
    if (this._media !== null) return;
    this._failed = false;
    this.message = "";
    this._media = new SoundMedia(this.element, this.duration, this._onevent);
    this._seekElement();
  }

  _close() {
    clearTimeout(this._retry.timer);
    this._retry = { timer: 0, patience: SOUND_PATIENCE.first };
    if (this._media === null) return;
    this._at = this.time;
    this._media.close();
    this._media = null;
    this._failed = false;
  }

  _go(seconds) {
    this._at = seconds;
    this._seekElement();
  }

  _seekElement() {
    if (this._at !== null && this.element.readyState > 0) this.element.currentTime = this._at;
  }

  _start() {
    this.message = "";
    this.element.play().catch((error) => {
      if (error.name === "NotAllowedError") this._say("The browser wants a click before it plays.");
    });
  }

  _isReady() {
    const { readyState, seeking, ended, paused } = this.element;
    if (this._media.stream?.empty) return true;
    if (this._at !== null || seeking) return false;
    return readyState >= 3 || ended || (paused && readyState >= 2) || (this._media.complete && readyState >= 2);
  }

  /** Something happened, in the element, its buffer or the kernel: look at everything anew. */
  _update() {
    if (this.model === null) return;
    this._arrive();
    if (this._media !== null && !this._failed) {
      this._media.pump(this.time);
      this._feed();
      this._watch();
    }
    this.onchange();
  }

  /** The wanted position is where the element is, as soon as it can be there. */
  _arrive() {
    const { element } = this;
    if (this._at === null || element.readyState === 0) return;
    const there = Math.abs(element.currentTime - this._at) < 0.01;
    if (!there && !element.seeking && !element.ended) element.currentTime = this._at;
    else if (element.readyState >= 2 && !element.seeking) this._at = null;
  }

  _say(message) {
    this.message = message;
    this.onchange();
  }

  _fail(message) {
    this._failed = true;
    this.element.pause();
    clearTimeout(this._retry.timer);
    this._say(message);
  }

  // --- the kernel ------------------------------------------------------------------------------------------------

  _ask(what, more = {}) {
    try {
      if (!this._isReachable()) throw new Error("no kernel");
      this.model.send({ kind: "audio", do: what, view: this._view, ...more });
    } catch {
      if (what !== "end") this._fail("The kernel is gone. Run the cell again.");
    }
  }

  /** See to it that what lies ahead is there, or on its way. */
  _feed() {
    const media = this._media;
    if (media.whole) return;
    const at = this.time;
    const end = media.bufferedEnd(at);
    const { stream } = media;
    if (end !== null && media.end !== null && end >= media.end - 0.1) return;
    if (!stream?.covers(at, end)) this._renew(end === null ? at : end);
    else if (!stream.done) {
      const [wanted, slack] = this._wanted();
      const until = Math.min(at + wanted, (this.duration ?? Infinity) + 60);
      if (stream.until < until - slack) this._continue(until);
    }
  }

  _wanted() {
    const [wanted, slack] = this.paused ? [SOUND_AHEAD.paused, 10] : [SOUND_AHEAD.playing, 30];
    return [wanted * Math.max(1, this.rate), slack];
  }

  _renew(place) {
    const since = performance.now() - (this._renewed ?? -Infinity);
    if (since < SOUND_SEEK_PAUSE) {
      this._later ??= setTimeout(() => {
        this._later = undefined;
        this._update();
      }, SOUND_SEEK_PAUSE - since);
      return;
    }
    this._renewed = performance.now();
    this._number += 1;
    const start = Math.max(0, Math.min(place, (this.duration ?? Infinity) - SOUND_EARLY) - SOUND_EARLY);
    this._media.renew(this._number, start);
    this._continue(this.time + this._wanted()[0]);
  }

  _continue(until) {
    const { stream } = this._media;
    stream.until = Math.max(stream.until, until);
    const { types } = soundSource();
    this._ask("stream", { stream: stream.number, from: stream.resume, until: stream.until, types });
  }

  _receive(content, buffers) {
    if (content?.kind !== "audio" || content.view !== this._view || this._media === null || this._failed) return;
    const { stream } = this._media;
    if (!stream || content.stream !== stream.number) return;
    this._retry.patience = SOUND_PATIENCE.first;
    this._rest();
    if (content.failed) {
      this._fail(String(content.failed));
      return;
    }
    if (content.piece !== 0 && content.piece !== stream.next) {
      this._media.lose(); // a piece was lost on the way: a new stream goes on from there
    } else if (content.whole) this._takeWhole(content, buffers[0]);
    else {
      this._media.take(content, buffers[0]);
      if (stream.empty) this.pause();
    }
    this._update();
  }

  _takeWhole(content, data) {
    const playing = !this.paused;
    const at = this.time;
    if (!this._media.takeWhole(content, data)) return;
    this._at = at;
    if (playing) this._start();
  }

  /** Where nothing comes that should, say so, and ask again: a message may be lost, a kernel busy. */
  _watch() {
    if (this.state !== "loading") this._rest();
    else if (!this._retry.timer) {
      this._retry.timer = setTimeout(() => {
        this._retry = { timer: 0, patience: Math.min(SOUND_PATIENCE.most, 2 * this._retry.patience), told: true };
        this._say("The kernel has not answered yet: it may be busy with a cell.");
        this._media.lose();
        this._update();
      }, this._retry.patience);
    }
  }

  _rest() {
    clearTimeout(this._retry.timer);
    this._retry.timer = 0;
    if (this._retry.told && !this._failed) this.message = "";
    this._retry.told = false;
  }
}
