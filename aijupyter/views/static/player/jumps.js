// What came up: summaries, questions, topics and phrases, each a way into the conversation.

const FEW = 8;
const TITLES = {
  AbstractiveSummaryShort: "In short",
  AbstractiveSummaryLong: "Summary",
  ExtractiveSummary: "In their words",
};

class Jumps {
  constructor(state) {
    this.state = state;
    this.speakers = h("div", {});
    this.element = h("aside", { class: "aij-jumps", tabindex: 0, role: "region", "aria-label": "What came up" });
    this.asked = h("div", {});
    this._build();
    state.on("names", () => this.renew());
  }

  get empty() {
    return !this.element.childElementCount;
  }

  _build() {
    const { state } = this;
    const { facts, questions } = state.conversation;
    const felt = feelings(state.conversation);
    const told = facts.summaries?.AbstractiveSummaryShort || facts.summaries?.AbstractiveSummaryLong;
    const others = Object.entries(facts.others ?? {}).filter(([, items]) => items.length);
    const other = ([name, items]) => section(spaced(name), this._list(items, (item) => this._sentence(item)));
    const parts = [
      this._told("AbstractiveSummaryShort"),
      this._told("AbstractiveSummaryLong"),
      this._notMade(facts.notMade ?? []),
      !told && this._sentences("ExtractiveSummary"),
      !state.people.nameless && section("Talk", this.speakers),
      felt.length && section("Feelings", ...feelingCharts(state, felt)),
      questions.length && section(`Questions (${questions.length})`, this.asked),
      ...others.map(other),
      told && this._sentences("ExtractiveSummary"),
      this._chips("Topics", facts.topics),
      this._chips("Key phrases", facts.phrases),
    ];
    this.element.append(...parts.filter(Boolean));
    this.renew();
  }

  /** What shows speakers, again. */
  renew() {
    this.speakers.replaceChildren(...speakerCharts(this.state));
    const { questions } = this.state.conversation;
    const open = Boolean(this.asked.querySelector("[data-all]"));
    this.asked.replaceChildren(this._list(questions, (question) => this._question(question), open));
  }

  /** A summary in somebody's own words: to be read. */
  _told(kind) {
    const parts = this.state.conversation.facts.summaries?.[kind] ?? [];
    const text = parts.map((part) => h("p", { dir: "auto" }, h("bdi", {}, harmless(part.value))));
    return text.length ? section(TITLES[kind], ...text) : null;
  }

  /** Summaries that were asked for and are not there, and why. */
  _notMade(kinds) {
    const told = ({ kind, reason }) => `${TITLES[kind] ?? spaced(kind)}: not made. ${reason ?? ""}`;
    const rows = kinds.map((one) => h("p", { class: "aij-quiet", dir: "auto" }, brief(harmless(told(one)), 300)));
    return rows.length ? section("Not made", ...rows) : null;
  }

  _sentences(kind) {
    const parts = this.state.conversation.facts.summaries?.[kind] ?? [];
    return parts.length ? section(TITLES[kind], this._list(parts, (part) => this._sentence(part))) : null;
  }

  /** The first few, and the rest when asked for. */
  _list(items, draw, open = false) {
    const list = h("ul", { class: "aij-list" });
    const fill = (most) => list.replaceChildren(...items.slice(0, most).map((item) => h("li", {}, draw(item))));
    const all = () => {
      fill(items.length);
      list.dataset.all = "true";
      more.remove();
    };
    const more = h("button", { class: "aij-button aij-all", type: "button", onclick: all }, `All ${items.length}`);
    fill(open ? items.length : FEW);
    if (open) list.dataset.all = "true";
    return h("div", {}, list, items.length > FEW && !open && more);
  }

  _question(question) {
    const { state } = this;
    const group = question.line < 0 ? null : state.people.of(question.line);
    return this._jump(question, question.line, group && speakerTag(group, 60));
  }

  _sentence(part) {
    return this._jump(part, Number.isFinite(part.start) ? this.state.conversation._lineOf(part) : -1, null);
  }

  _jump(thing, line, who) {
    const { state } = this;
    const go = () => {
      if (Number.isFinite(thing.start)) state.seek(thing.start, { play: true });
      if (line >= 0) state.tell("shown", line, Math.max(0, state.conversation.texts[line].indexOf(thing.value)));
    };
    const text = h("bdi", { dir: "auto" }, harmless(thing.value));
    const when = Number.isFinite(thing.start) && h("span", { class: "aij-when" }, clock(thing.start));
    const looks = { class: "aij-jump aij-sentence", type: "button", onclick: go, ...this._lights(thing) };
    return h("button", looks, when, who, who && " ", text);
  }

  _chips(title, things) {
    const seen = new Map((things ?? []).map((thing) => [thing.value, thing]));
    if (!seen.size) return null;
    const chips = [...seen.values()].slice(0, 60).map((thing) => this._chip(thing));
    return section(title, h("div", { class: "aij-chips-row" }, ...chips));
  }

  /** A phrase: a click finds it wherever it is said. */
  _chip(thing) {
    const { state } = this;
    const go = () => {
      state.find(thing.value);
      if (state.hits.length) state.goToHit(Number.isFinite(thing.start) ? state.hitNear(thing.start) : 0);
      else if (Number.isFinite(thing.start)) state.goTo(state.conversation.lineAt(thing.start + 0.01));
    };
    const sure = Number.isFinite(thing.confidence) ? `, ${percent(thing.confidence)} sure` : "";
    const when = Number.isFinite(thing.start) ? `from ${clock(thing.start)}${sure}` : sure.slice(2);
    const looks = { class: "aij-chip aij-jump", type: "button", title: when, onclick: go, ...this._lights(thing) };
    return h("button", looks, h("bdi", {}, brief(harmless(thing.value), 120)));
  }

  _lights(thing) {
    const on = () => this.state.tell("lit", thing);
    const off = () => this.state.tell("lit", null);
    return { onmouseenter: on, onmouseleave: off, onfocus: on, onblur: off };
  }
}

function section(title, ...content) {
  return h("details", { class: "aij-section", open: true }, h("summary", {}, title), ...content);
}

/** "NextSteps" as "Next steps". */
function spaced(name) {
  const apart = (_, small, capital) => `${small} ${capital.toLowerCase()}`;
  return brief(harmless(name), 60).replace(/([a-z])([A-Z])/g, apart) || "More";
}
