// Above the timeline: what this is, and the buttons.

const RATES = [0.75, 1, 1.25, 1.5, 1.75, 2];
const PLAY = "M7 4.5v15l13-7.5z";
const PAUSE = "M6 4.5h4.5v15H6zM13.5 4.5H18v15h-4.5z";
const SEARCH_AFTER = 120; // milliseconds without another key
const SILENT = 'To listen, say where the recording is: call.audio = "path"';

function icon(path) {
  const names = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(names, "svg");
  const line = document.createElementNS(names, "path");
  const looks = { viewBox: "0 0 24 24", width: 16, height: 16, fill: "currentColor", "aria-hidden": "true" };
  for (const [name, value] of Object.entries(looks)) drawing.setAttribute(name, value);
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

class Controls {
  constructor(state) {
    this.state = state;
    this.summary = h("div", { class: "aij-row aij-head" });
    this.play = h("button", { class: "aij-button aij-play", type: "button", onclick: () => state.toggle() });
    this.time = h("span", { class: "aij-time" });
    this.status = h("span", { class: "aij-quiet aij-status", role: "status" });
    this.speed = h(
      "select",
      { class: "aij-input", "aria-label": "Speed", onchange: () => state.setRate(Number(this.speed.value)) },
      ...RATES.map((rate) => h("option", { value: rate, selected: rate === 1 }, `${rate}×`)),
    );
    const buttons = [this.play, this.time, this.speed, this.status, this._search()];
    this.element = h("div", {}, this.summary, h("div", { class: "aij-row aij-controls" }, ...buttons));
    state.on("time", () => this._clock());
    state.on("sound", () => this._sound());
    state.on("search", () => this._found());
    state.on("names", () => this.summarise());
    this.summarise();
    this._sound();
    this._clock();
  }

  _search() {
    this.box = h("input", {
      class: "aij-input aij-search", type: "search", placeholder: "Search", title: "Search ( / )",
      "aria-label": "Search in the conversation",
      oninput: () => this._typed(), onkeydown: (event) => this._key(event),
    });
    this.count = h("span", { class: "aij-quiet aij-count", role: "status", "aria-live": "polite" });
    this.steps = [this._stepper("Previous hit", "N", "↑", -1), this._stepper("Next hit", "n", "↓", 1)];
    return h("div", { class: "aij-row aij-finder", role: "search" }, this.count, ...this.steps, this.box);
  }

  _stepper(name, key, arrow, by) {
    const looks = { class: "aij-button", type: "button", hidden: true, "aria-label": name, title: `${name} (${key})` };
    return h("button", { ...looks, onclick: () => this.step(by) }, arrow);
  }

  summarise() {
    const { conversation, people, duration } = this.state;
    const speakers = people.speaking.filter((group) => group.labels.length).length;
    const words = conversation.wordCount || wordsIn(conversation);
    const facts = words || !conversation.count ? [clock(duration), counted(words, "word")] : [clock(duration)];
    this.box.hidden = !words; // nothing to find
    if (speakers) facts.push(counted(speakers, "speaker"));
    const name = h("b", { class: "aij-recording" }, h("bdi", {}, brief(harmless(conversation.facts.recording), 200)));
    this.summary.replaceChildren(name, h("span", { class: "aij-quiet" }, facts.join(" · ")), ...this._feeling());
  }

  /** How it felt on the whole: what was felt most, and what stood out. */
  _feeling() {
    const found = feelings(this.state.conversation);
    if (!found.length) return [];
    const told = [found[0], ...found.slice(1, 3).filter(({ share, emotion }) => share >= 0.05 && !isNeutral(emotion))];
    return told.map(({ emotion, share }, place) => {
      const name = `${place || share < 0.5 ? "" : "mostly "}${brief(harmless(emotion), 40).toLowerCase()}`;
      return h("span", { class: "aij-chip", title: `${percent(share)} of the talk` }, feelingDot(emotion), name);
    });
  }

  _clock() {
    const text = `${clock(this.state.position)} / ${clock(this.state.duration)}`;
    if (this.time.textContent !== text) this.time.textContent = text;
  }

  _sound() {
    const { audible, playing, sound } = this.state;
    this.play.disabled = !audible;
    this.speed.hidden = !audible;
    const name = playing ? "Pause" : "Play";
    if (this.play.getAttribute("aria-label") !== name) {
      this.play.replaceChildren(icon(playing ? PAUSE : PLAY));
      this.play.setAttribute("aria-label", name);
      this.play.title = `${name} (space)`;
    }
    this.status.textContent = audible ? soundInWords(sound) : SILENT;
  }

  _typed() {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.search(), SEARCH_AFTER);
  }

  search() {
    clearTimeout(this.later);
    if (this.box.value === this.state.query) return;
    this.state.find(this.box.value);
    const { state } = this;
    if (!state.hits.length) return;
    state.goToHit(state.hitNear(state.position), { seek: !state.playing }); // who listens is not pulled away
  }

  step(by) {
    this.search();
    const { state } = this;
    if (state.hits.length) state.goToHit(state.hit < 0 ? state.hitNear(state.position) : state.hit + by);
  }

  clear() {
    this.box.value = "";
    this.search();
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopPropagation();
    if (event.key === "Enter") {
      event.preventDefault();
      if (this.box.value === this.state.query) this.step(event.shiftKey ? -1 : 1);
      else this.search();
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.clear();
      this.box.closest(".aij-player")?.focus({ preventScroll: true });
    }
  }

  _found() {
    const { state } = this;
    if (this.box.value.trim() !== state.query.trim()) this.box.value = state.query;
    this.count.textContent = hitsInWords(state);
    for (const button of this.steps) button.hidden = !state.hits.length;
  }

  destroy() {
    clearTimeout(this.later);
  }
}

function soundInWords(sound) {
  if (sound.state === "failed") return harmless(String(sound.message || "The audio could not be played."));
  return sound.state === "loading" ? "loading…" : "";
}

/** For answers that do not time their words. */
function wordsIn(conversation) {
  return conversation.texts.reduce((sum, text) => sum + (text.match(/\S+/g)?.length ?? 0), 0);
}
