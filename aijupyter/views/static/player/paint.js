// The timeline's picture: the waveform in the speakers' colours, a lane for each of them, how it felt, and moments.

const BAR = 3;
const WAVE = 42;
const FEELING = 8;
const MOMENTS = 14;
const MOST_TICKS = 400;
const GAP = 6;
const FOUND = 8;
const FEW_HITS = 60;

/** Where the rows of the timeline are, in pixels from its top. */
function geometry(state) {
  const lanes = state.people.lanes.length;
  const lane = lanes <= 8 ? 22 : 16;
  const wave = state.model.get("peaks")?.byteLength ? WAVE : 0;
  const first = FOUND + (wave ? wave + GAP : 0);
  const feeling = state.conversation.emotions.length ? FEELING : 0;
  const questions = state.conversation.questions.length ? MOMENTS : 0;
  const topics = state.conversation.facts.topics?.length ? MOMENTS : 0;
  const feelingTop = first + lanes * lane + 4;
  const questionsTop = feelingTop + (feeling ? feeling + GAP : 0);
  const topicsTop = questionsTop + questions;
  const height = topicsTop + topics;
  return { lane, wave, first, feeling, questions, topics, feelingTop, questionsTop, topicsTop, height };
}

/** The colours of now: those of a theme are known only to the page's styles. */
class Palette {
  constructor(root) {
    this.styles = getComputedStyle(root);
    this.known = new Map();
  }

  of(colour) {
    const name = /^var\((--[\w-]+)\)$/.exec(colour)?.[1];
    if (!name) return colour;
    if (!this.known.has(name)) this.known.set(name, this.styles.getPropertyValue(name).trim() || "#888");
    return this.known.get(name);
  }
}

class Painter {
  constructor(canvas, root, state) {
    Object.assign(this, { canvas, root, state });
  }

  /** Draw all of it, `width` pixels wide. */
  draw(width) {
    const { canvas, state } = this;
    const place = geometry(state);
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(place.height * ratio));
    canvas.style.height = `${place.height}px`;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, place.height);
    this.palette = new Palette(this.root);
    this.scale = width / state.duration;
    this._lanes(context, place, width);
    if (place.wave) this._wave(context, width);
    if (place.feeling) this._feelings(context, place, width);
    if (place.questions) this._questions(context, place.questionsTop + MOMENTS / 2);
    if (place.topics) this._topics(context, place.topicsTop + MOMENTS / 2);
    this._hits(context, place);
  }

  _span(line, least) {
    const { start, end } = this.state.conversation;
    if (Number.isNaN(start[line])) return null;
    const from = start[line] * this.scale;
    const to = end[line] > start[line] ? end[line] * this.scale : from;
    return [from, Math.max(least, to - from)];
  }

  _lanes(context, place, width) {
    const { people, conversation } = this.state;
    const tall = place.lane - 8;
    context.fillStyle = this.palette.of("var(--aij-faint)");
    people.lanes.forEach((_, lane) => round(context, 0, place.first + lane * place.lane + 4, width, tall, 3));
    const laneOf = new Map(people.lanes.map((group, lane) => [group, lane]));
    for (let line = 0; line < conversation.count; line += 1) {
      const lane = laneOf.get(people.of(line));
      const span = this._span(line, 1.5);
      if (lane === undefined || !span) continue;
      context.fillStyle = this.palette.of(people.of(line).colour);
      round(context, span[0], place.first + lane * place.lane + 4, span[1], tall, Math.min(3, span[1] / 2));
    }
  }

  _wave(context, width) {
    const view = this.state.model.get("peaks");
    const peaks = new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
    const bars = Math.max(1, Math.floor(width / BAR));
    const colours = this._coloursOf(bars);
    for (let bar = 0; bar < bars; bar += 1) {
      const from = Math.floor((bar * peaks.length) / bars);
      const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / bars));
      let high = 0;
      for (let peak = from; peak < to; peak += 1) high = Math.max(high, peaks[peak]);
      const tall = Math.max(2, (high / 255) * WAVE);
      context.fillStyle = colours[bar];
      round(context, bar * BAR, FOUND + (WAVE - tall) / 2, BAR - 1, tall, 1);
    }
  }

  /** For each bar of the waveform, the colour of who speaks then. */
  _coloursOf(bars) {
    const { conversation, people, duration } = this.state;
    const colours = new Array(bars).fill(this.palette.of("var(--aij-line)"));
    for (let line = 0; line < conversation.count; line += 1) {
      const colour = this.palette.of(people.of(line).colour);
      const from = Math.floor((conversation.start[line] / duration) * bars);
      const to = Math.ceil((conversation.end[line] / duration) * bars);
      for (let bar = Math.max(0, from); bar < Math.min(bars, to); bar += 1) colours[bar] = colour;
    }
    return colours;
  }

  _feelings(context, place, width) {
    const { conversation } = this.state;
    context.fillStyle = this.palette.of("var(--aij-faint)");
    round(context, 0, place.feelingTop, width, FEELING, 3);
    for (let line = 0; line < conversation.count; line += 1) {
      const emotion = conversation.emotionOf(line);
      const span = this._span(line, 1.5);
      if (!emotion || !span || isNeutral(emotion)) continue;
      context.fillStyle = feelingColour(emotion);
      round(context, span[0], place.feelingTop, Math.max(3, span[1]), FEELING, 2);
    }
  }

  _questions(context, middle) {
    const { people, conversation } = this.state;
    context.font = "bold 11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    let before = -Infinity;
    for (const question of conversation.questions) {
      const left = Math.max(4, question.start * this.scale);
      if (question.start === null || left - before < 8) continue; // one for those that would lie upon one another
      before = left;
      context.fillStyle = this.palette.of(question.line < 0 ? "var(--aij-ink)" : people.of(question.line).colour);
      context.fillText("?", left, middle);
    }
  }

  /** A diamond where each topic first comes up. */
  _topics(context, middle) {
    context.fillStyle = this.palette.of("var(--aij-quiet)");
    for (const topic of this.state.conversation.facts.topics.slice(0, MOST_TICKS)) {
      if (topic.start === null) continue;
      const left = Math.max(4, topic.start * this.scale);
      context.beginPath();
      for (const [x, y] of [[0, -4], [4, 0], [0, 4], [-4, 0]]) context.lineTo(left + x, middle + y);
      context.fill();
    }
  }

  _hits(context, place) {
    const { state } = this;
    const few = state.hits.length <= FEW_HITS;
    context.fillStyle = this.palette.of("var(--aij-hit)");
    state.hits.forEach((hit, number) => {
      const from = state.conversation.roughTimeOf(hit.line, hit.from) * this.scale;
      if (Number.isNaN(from)) return;
      context.fillRect(from - 1, 0, 2, FOUND - 2);
      const now = number === state.hit;
      context.globalAlpha = now ? 1 : 0.5;
      if (few || now) context.fillRect(from - 1, FOUND - 2, now ? 2 : 1, place.height);
      context.globalAlpha = 1;
    });
  }
}

function round(context, left, top, width, height, radius) {
  context.beginPath();
  if (radius > 0.8) context.roundRect(left, top, width, height, radius);
  else context.rect(left, top, width, height);
  context.fill();
}
