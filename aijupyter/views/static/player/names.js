// Who is called what, and giving names.

const MOST_LANES = 40;
const ANSWER_SECONDS = 20;
const UNANSWERED = {
  kind: "renamed", ok: false, problem: "The kernel does not answer.", mend: "Is it running? Run the cell again.",
};

/** Speakers as they are shown. Labels that bear one name are one person, as they are in the frames. */
class People {
  constructor(model, conversation) {
    this.conversation = conversation;
    this.known = new Map();
    this.set(model.get("names"), model.get("people"));
  }

  set(names, people) {
    this.names = names;
    this.known = new Map(people.map((row) => [row.speaker, row]));
    const { labels } = this.conversation;
    const groups = new Map();
    this.groupOf = new Map();
    labels.forEach((label, place) => {
      const name = Object.hasOwn(names, label) ? names[label] : label;
      if (!groups.has(name)) groups.set(name, this._group(name, label, groups.size));
      groups.get(name).labels.push(label);
      this.groupOf.set(place, groups.get(name));
    });
    this.groups = [...groups.values()];
    if (this.conversation.speaker.includes(NOBODY)) {
      const shown = labels.length ? "Unknown" : "Speech";
      const nobody = { name: null, shown, labels: [], colour: "var(--aij-quiet)" };
      this.groupOf.set(NOBODY, nobody);
      this.groups.push(nobody);
    }
    this.nameless = !labels.length;
    for (const group of this.groups) Object.assign(group, { lines: 0, words: 0, talk: 0, asked: 0 });
    this._measure();
    this.speaking = this.groups.filter((group) => group.lines);
    const byTalk = [...this.speaking].sort((one, other) => other.talk - one.talk);
    this.lanes = this.speaking.length <= MOST_LANES ? this.speaking : byTalk.slice(0, MOST_LANES);
  }

  _group(name, label, place) {
    const bare = /^\d+$/.test(label) && !Object.hasOwn(this.names, label);
    return { name, shown: bare ? `Speaker ${label}` : name, labels: [], colour: `var(--aij-speaker-${place % 6})` };
  }

  _measure() {
    const { conversation } = this;
    for (let line = 0; line < conversation.count; line += 1) {
      const group = this.of(line);
      group.lines += 1;
      group.words += conversation.first[line + 1] - conversation.first[line];
      group.talk += conversation.length(line);
    }
    for (const { line } of conversation.questions) if (line >= 0) this.of(line).asked += 1;
  }

  of(line) {
    return this.groupOf.get(this.conversation.speaker[line]);
  }

  /** What the frames know of a speaker: pace, energy, talk_ratio. */
  facts(group) {
    return this.known.get(group.name) ?? {};
  }
}

/** A small form beside a name, to give another. The kernel keeps it, or says why it cannot. */
class Naming {
  constructor(state, root) {
    Object.assign(this, { state, root, form: null, group: null, waiting: new Map() });
    this._answered = (content) => this._hear(content);
    state.model.on("msg:custom", this._answered);
  }

  open(group, anchor) {
    if (!group.labels.length) return;
    this.close();
    this.group = group;
    this.back = document.activeElement;
    const label = `A name for ${brief(harmless(group.shown), 80)}`;
    this.input = h("input", { class: "aij-input", type: "text", maxlength: 80, "aria-label": label });
    this.input.value = group.shown;
    this.trouble = h("div", { class: "aij-trouble", role: "alert" });
    this.save = h("button", { class: "aij-button", type: "submit" }, "Save");
    const cancel = h("button", { class: "aij-button", type: "button", onclick: () => this.close() }, "Cancel");
    this.form = h(
      "form",
      { class: "aij-rename", onsubmit: (event) => this._submit(event), onkeydown: (event) => this._key(event) },
      h("div", { class: "aij-row" }, this.input, this.save, cancel),
      this.trouble,
      h("div", { class: "aij-quiet" }, "Leave it empty to take the name back."),
    );
    this.root.append(this.form);
    this._place(anchor);
    this.input.focus();
    this.input.select();
  }

  _place(anchor) {
    const [outer, near] = [this.root.getBoundingClientRect(), anchor.getBoundingClientRect()];
    const most = Math.max(4, outer.width - this.form.offsetWidth - 8);
    this.form.style.left = `${Math.min(most, Math.max(4, near.left - outer.left))}px`;
    this.form.style.top = `${near.bottom - outer.top + 4}px`;
  }

  _key(event) {
    event.stopPropagation(); // the player's own keys, and the notebook's, mean something else
    if (event.key === "Escape") this.close();
  }

  _submit(event) {
    event.preventDefault();
    const name = this.input.value.trim();
    const { group, state } = this;
    if (name === group.shown) return this.close();
    const names = Object.fromEntries(group.labels.map((label) => [label, name || null]));
    const before = state.people.names;
    const id = String(Math.random()); // every view of a player hears every answer
    this._show({ ...before, ...names });
    this.save.disabled = true;
    const late = setTimeout(() => this._hear({ ...UNANSWERED, id }), ANSWER_SECONDS * 1000);
    this.waiting.set(id, { before, late });
    try {
      if (alone(this.root)) throw new Error("no kernel");
      state.model.send({ kind: "rename", id, names });
    } catch {
      this._hear({ ...UNANSWERED, id });
    }
  }

  _hear(content) {
    const asked = content?.kind === "renamed" ? this.waiting.get(content.id) : undefined;
    if (!asked) return;
    clearTimeout(asked.late);
    this.waiting.delete(content.id);
    if (content.ok) return this.close();
    this._show(asked.before);
    if (!this.form) return;
    this.save.disabled = false;
    this.trouble.textContent = harmless(`${content.problem} ${content.mend}`.trim());
    this.input.focus();
  }

  /** Names as they will be, until the kernel has said so. */
  _show(names) {
    const kept = Object.fromEntries(Object.entries(names).filter(([, name]) => name !== null));
    this.state.people.set(kept, [...this.state.people.known.values()]);
    this.state.tell("names");
  }

  close() {
    if (!this.form) return;
    this.form.remove();
    this.form = null;
    this.back?.isConnected && this.back.focus({ preventScroll: true });
  }

  destroy() {
    for (const { late } of this.waiting.values()) clearTimeout(late);
    this.state.model.off("msg:custom", this._answered);
  }
}
