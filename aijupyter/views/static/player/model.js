// The conversation as the kernel sends it: columns of numbers, texts once. aijupyter/views/payload.py writes it.

const NO_TIME = 0xffffffff;
const NOBODY = 0xffff;
const UNKNOWN = 0xff;
const PIECE = 1200;
const WORD_WINDOW = 80;

/** Takes typed arrays from a buffer one after the other, wherever it begins. */
function taker(view) {
  const bytes = new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
  let place = 0;
  return (Kind, count) => {
    const size = count * Kind.BYTES_PER_ELEMENT;
    const taken = new Kind(bytes.slice(place, place + size).buffer);
    place += size;
    return taken;
  };
}

function seconds(milliseconds) {
  return Float64Array.from(milliseconds, (value) => (value === NO_TIME ? NaN : value / 1000));
}

class Conversation {
  constructor(model) {
    this.facts = model.get("facts");
    this._read(model.get("columns"));
    const texts = JSON.parse(new TextDecoder().decode(model.get("texts")));
    this.texts = texts.lines;
    this._apart = texts.words;
    this._words = new Map();
    this.labels = this.facts.labels;
    this.emotions = this.facts.emotions;
    this.rows = this._cut();
    this.spoken = this._length();
    this.questions = this._placed(this.facts.questions);
    this.asked = new Map(this.questions.map((question) => [question.line, question]));
  }

  _read(columns) {
    const take = taker(columns);
    const [lines, words] = take(Uint32Array, 2);
    this.count = lines;
    this.wordCount = words;
    this.start = seconds(take(Uint32Array, lines));
    this.end = seconds(take(Uint32Array, lines));
    const counts = take(Uint32Array, lines);
    this.wordStart = take(Uint32Array, words);
    this.wordEnd = take(Uint32Array, words);
    this.speaker = take(Uint16Array, lines);
    this.sure = take(Uint8Array, lines);
    this.emotion = take(Uint8Array, lines);
    this.emotionSure = take(Uint8Array, lines);
    this.wordSure = take(Uint8Array, words);
    this.first = new Uint32Array(lines + 1);
    this.begin = new Float64Array(lines); // as `start`, and where there is none that of the line before
    for (let line = 0; line < lines; line += 1) {
      this.first[line + 1] = this.first[line] + counts[line];
      const before = line ? this.begin[line - 1] : 0;
      this.begin[line] = Number.isNaN(this.start[line]) ? before : Math.max(before, this.start[line]);
    }
  }

  /** What is drawn as one row: a line, or a part of one that is too long to draw whole. */
  _cut() {
    const rows = [];
    this.texts.forEach((text, line) => {
      let from = 0;
      while (text.length - from > PIECE * 1.3) {
        const to = cutNear(text, from + PIECE);
        rows.push({ line, from, to });
        from = to;
      }
      rows.push({ line, from, to: text.length });
    });
    this.rowOf = new Uint32Array(this.count);
    for (let row = rows.length - 1; row >= 0; row -= 1) this.rowOf[rows[row].line] = row;
    return rows;
  }

  _length() {
    let last = 0;
    for (const times of [this.start, this.end]) {
      for (const time of times) if (time > last) last = time;
    }
    return last;
  }

  /** Things with a time, each with the line that it is in. */
  _placed(things) {
    return (things ?? []).map((thing) => ({ ...thing, line: this._lineOf(thing) }));
  }

  _lineOf({ value, start }) {
    if (start === null || start === undefined) return this.texts.findIndex((text) => text.includes(value));
    const near = this.lineAt(start + 0.01);
    for (const line of [near, near - 1, near + 1, near - 2]) {
      if (this.texts[line]?.includes(value)) return line;
    }
    return near;
  }

  /** The line that began last at a time, -1 before all. */
  lineAt(time) {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.begin[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The words of a line where they stand in its text, as {from, to, word}; `word` is their place among all words. */
  words(line) {
    const known = this._words.get(line);
    if (known) return known;
    const found = this._align(line);
    this._words.set(line, found);
    return found;
  }

  _align(line) {
    const [text, first, last] = [this.texts[line], this.first[line], this.first[line + 1]];
    if (first === last) return [];
    const own = this._apart[line] ?? text.split(" ");
    const small = text.toLowerCase().length === text.length ? text.toLowerCase() : text;
    const found = [];
    let place = 0;
    own.forEach((word, index) => {
      if (!word) return;
      let from = this._apart[line] ? text.indexOf(word, place) : place;
      if (from < 0 || from - place > WORD_WINDOW) from = small.indexOf(word.toLowerCase(), place);
      if (from < 0 || from - place > WORD_WINDOW) return; // said otherwise in the text: it stays without a mark
      found.push({ from, to: from + word.length, word: first + index });
      place = from + word.length + (this._apart[line] ? 0 : 1);
    });
    return found;
  }

  /** The place among a line's words of the one that is said at a time, -1 for none. */
  wordAt(line, time) {
    const words = this.words(line);
    let found = -1;
    for (let place = 0; place < words.length; place += 1) {
      const start = this.wordStart[words[place].word];
      if (start !== NO_TIME && start <= time * 1000 + 1) found = place;
      else if (start !== NO_TIME) break;
    }
    return found;
  }

  /** When a place in a line's text is said; NaN where nobody knows. */
  timeOf(line, offset) {
    for (const { to, word } of this.words(line)) {
      if (to > offset) return this.wordStart[word] === NO_TIME ? this.start[line] : this.wordStart[word] / 1000;
    }
    return this.start[line];
  }

  /** As `timeOf`, and quicker: by the share of the text that is before. */
  roughTimeOf(line, offset) {
    const [start, end] = [this.start[line], this.end[line]];
    return end > start ? start + ((end - start) * offset) / Math.max(1, this.texts[line].length) : start;
  }

  emotionOf(line) {
    return this.emotion[line] === UNKNOWN ? null : this.emotions[this.emotion[line]];
  }

  confidence(percent) {
    return percent === UNKNOWN ? null : percent;
  }

  /** Seconds from start to end of a line; 0 where either is not known. */
  length(line) {
    const length = this.end[line] - this.start[line];
    return length > 0 ? length : 0;
  }
}
