// What an <audio> element plays from: pieces of streams, put where they belong. aijupyter/views/audio.py sends them.

/** One run of the recording from `start` on, as far as it has come. */
class SoundStream {
  constructor(number, start) {
    this.number = number;
    this.start = start;
    this.end = start; // of what has come
    this.appended = start; // of what is in the element's buffer
    this.until = start; // of what was asked for
    this.next = 0;
    this.done = false;
    this.parts = []; // of a file that comes as it is
  }

  /** Where it begins anew, should the kernel have forgotten it. */
  get resume() {
    return Math.max(this.start, this.end - SOUND_LAG);
  }

  /** There was nothing: the place is behind the recording's end. */
  get empty() {
    return this.done && this.end <= this.start;
  }

  /** Whether it brings what is needed at a place; `end` is where the buffer there ends, null where there is none. */
  covers(at, end) {
    if (this.parts.length) return true;
    if (end !== null) return end >= this.appended - SOUND_LAG && end <= this.end + SOUND_LAG;
    return at >= Math.max(this.start, this.appended - SOUND_LAG) - 0.05 && at <= this.end + SOUND_REACH;
  }
}

class SoundMedia {
  /** `tell()` is called whenever there may be something to do. */
  constructor(element, duration, tell) {
    this.element = element;
    this.duration = duration;
    this.stream = null;
    this.whole = false;
    this.end = null; // of the recording, once it is known from its sound
    this._tell = tell;
    this._queue = [];
    this._buffer = null;
    const { Source, types } = soundSource();
    this._source = types.length ? new Source() : null;
    this._source?.addEventListener("sourceopen", tell);
    if (this._source) this._show(this._source);
  }

  close() {
    this._source?.removeEventListener("sourceopen", this._tell);
    this._buffer?.removeEventListener("updateend", this._tell);
    this._source = this._buffer = this.stream = null;
    this.element.removeAttribute("src");
    this.element.load();
    URL.revokeObjectURL(this._url);
  }

  _show(what) {
    if (this._url) URL.revokeObjectURL(this._url);
    this._url = URL.createObjectURL(what);
    this.element.src = this._url;
  }

  /** Whether everything up to the recording's end is in the buffer. */
  get complete() {
    return this.whole || this._source?.readyState === "ended";
  }

  /** Until when there is sound without a gap from a place on; null where there is none. */
  bufferedEnd(at) {
    const { buffered } = this.element;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) - 0.1 <= at && at <= buffered.end(index) + 0.05) return buffered.end(index);
    }
    return null;
  }

  renew(number, start) {
    this._queue = [];
    this.stream = new SoundStream(number, start);
  }

  lose() {
    this.stream = null;
  }

  take(content, data) {
    const { stream } = this;
    stream.next = content.piece + 1;
    stream.end = content.end;
    stream.done = content.last;
    if (content.piece === 0) this._queue.push({ begin: content });
    if (data?.byteLength) this._queue.push({ data, stream, end: content.end });
    if (content.last && !stream.empty) this.end = content.end;
  }

  /** A part of a file that comes as it is; true when that was the last one. */
  takeWhole(content, data) {
    const { stream } = this;
    if (content.piece === 0) stream.parts = [];
    stream.parts.push(data);
    stream.next = content.piece + 1;
    if (!content.last) return false;
    stream.done = this.whole = true;
    this._show(new Blob(stream.parts, { type: content.whole.type }));
    this._source = null;
    return true;
  }

  /** Give the element the next of what has come. The buffer takes one thing at a time and then calls again. */
  pump(at) {
    if (!this._source || this._source.readyState === "closed" || this._buffer?.updating) return;
    this._settle();
    while (this._queue.length) {
      const item = this._queue.shift();
      if (item.begin) this._begin(item.begin);
      else {
        this._append(item, at);
        return;
      }
    }
    if (this._buffer && !this._tidy(at)) this._finish();
  }

  _settle() {
    if (this._appending) this._appending.stream.appended = this._appending.end;
    this._appending = null;
  }

  _begin({ type, offset }) {
    if (this._buffer === null) {
      if (this.duration !== null) this._source.duration = this.duration;
      this._buffer = this._source.addSourceBuffer(SOUND_TYPES[type]);
      this._buffer.addEventListener("updateend", this._tell);
    } else {
      // Where the source has ended, setting the offset opens it again, which abort() needs; inside a piece it throws.
      try {
        this._buffer.timestampOffset = offset;
      } catch {
        // abort() ends the piece
      }
      this._buffer.abort();
    }
    this._buffer.timestampOffset = offset;
  }

  _append(item, at) {
    try {
      this._buffer.appendBuffer(item.data);
      this._appending = item;
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      this._queue.unshift(item);
      if (!this._remove(0, at - 10)) this._remove(at + SOUND_AHEAD.paused, Infinity);
    }
  }

  /** Give back what is far away. */
  _tidy(at) {
    return this._remove(0, at - SOUND_KEPT.behind, 60) || this._remove(at + SOUND_KEPT.ahead, Infinity, 60);
  }

  /** Remove what is buffered between two places; false where that is nothing, or no more than `least` seconds. */
  _remove(start, end, least = 0) {
    const { buffered } = this._buffer;
    if (!buffered.length) return false;
    const [from, to] = [Math.max(start, buffered.start(0)), Math.min(end, buffered.end(buffered.length - 1))];
    if (to - from <= least) return false;
    this._buffer.remove(from, end);
    return true;
  }

  _finish() {
    const ends = this.stream?.done && !this.stream.empty;
    if (ends && this._source.readyState === "open" && this._buffer.buffered.length) this._source.endOfStream();
  }
}
