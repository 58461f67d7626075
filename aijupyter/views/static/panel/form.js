// The panel: which recordings, which question, ask. What is chosen lives in the kernel; this shows it and tells changes.

const TYPING_MS = 250;
const PATIENCE_MS = 1500;
let forms = 0;

function step(number, title, ...content) {
  return h("section", { class: "aij-panel-step", "aria-label": title },
    h("h4", {}, h("span", { class: "aij-panel-number", "aria-hidden": "true" }, number), title), ...content);
}

/** The text of the code, to select or to copy. */
function codeFold() {
  const text = h("code", {});
  const said = h("span", { class: "aij-quiet", role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      said.textContent = "copied";
    } catch { // not everywhere may a page do that: then the text is selected for the person to copy
      getSelection().selectAllChildren(text);
      said.textContent = "selected: press Ctrl+C";
    }
    setTimeout(() => { said.textContent = ""; }, 2500);
  };
  return {
    element: h("details", { class: "aij-panel-code" }, h("summary", {}, "The same as code"),
      h("div", { class: "aij-row" },
        h("button", { type: "button", class: "aij-button", onclick: copy }, "Copy"), said),
      h("pre", { tabindex: "0", "aria-label": "Code" }, text)),
    show: (code) => { if (text.textContent !== code) text.textContent = code; },
  };
}

/** Whether no recording is named yet. */
const isEmpty = (state) => !state.text.trim() && !state.uploads.length;

/** The verbs as cards of which one is chosen. */
function verbChoice(verbs, change) {
  const choice = segments(verbs.map((verb) => [verb.name, h("span", {},
    h("b", {}, verb.label), h("span", { class: "aij-quiet" }, verb.help))]), "Operation", change);
  choice.element.classList.add("aij-panel-verbs");
  return choice;
}

class Form {
  constructor(model, el) {
    this.model = model;
    this.id = `aij-panel-${Date.now().toString(36)}-${forms++}`;
    this.sent = 0;
    this.heardAll = true;
    this.typing = null;
    this.files = dropZone((message, buffers) => this.send(message, buffers));
    this.root = h("div", { class: "aij aij-panel", onkeydown: ownKeys },
      h("p", { class: "aij-quiet" }, "The panel is alive while its kernel runs."));
    el.append(this.root);
    this.listen = (message) => this.hear(message);
    model.on("msg:custom", this.listen);
    this.tell({ kind: "hello" });
  }

  close() {
    this.model.off("msg:custom", this.listen);
    clearTimeout(this.typing);
    clearTimeout(this.patience);
  }

  /** Tell the kernel, if it is there. What it says before it has heard this does not overwrite what is shown. */
  tell(message) {
    this.sent += 1;
    this.heardAll = false;
    if (!this.send({ ...message, view: this.id, number: this.sent })) return false;
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.late(), PATIENCE_MS);
    return true;
  }

  /** Whether it went out: a kernel that has gone hears nothing. */
  send(message, buffers) {
    try {
      if (alone(this.root)) throw new Error("no kernel");
      this.model.send(message, undefined, buffers);
      return true;
    } catch {
      this.fail({ problem: "The kernel that knows this panel is gone.", mend: "Run the cell again." });
      return false;
    }
  }

  fail(failure) {
    if (!this.built) return;
    this.failure.hidden = !failure;
    if (failure) this.failure.replaceChildren(h("div", {}, failure.problem), h("div", { class: "aij-quiet" }, failure.mend));
  }

  late() {
    if (this.heardAll || !this.found) return;
    this.line("", "Waiting for the kernel, which is busy…");
  }

  hear(message) {
    if (message.kind !== "state") return this.files.heard(message);
    if (message.about && !this.built) this.build(message.about);
    if (!this.built) return undefined;
    this.heardAll = (message.heard[this.id] ?? 0) >= this.sent;
    return this.show(message, this.heardAll && this.typing === null);
  }

  build(about) {
    this.built = true;
    this.about = about;
    this.code = codeFold();
    this.found = h("div", { class: "aij-panel-found", role: "status" });
    this.text = h("textarea", {
      class: "aij-input", rows: "2", spellcheck: "false", id: `${this.id}-text`,
      placeholder: "calls/monday.mp3\ncalls/*.wav", oninput: () => this.type(),
    });
    this.verbs = verbChoice(about.verbs, (verb) => {
      this.fieldsOf(verb);
      this.tell({ kind: "operation", operation: verb });
    });
    this.options = h("div", {});
    this.reason = h("span", { class: "aij-quiet", id: `${this.id}-reason` });
    this.button = h("button", {
      type: "button", class: "aij-button aij-panel-ask", "aria-describedby": `${this.id}-reason`, onclick: () => this.ask(),
    }, "Ask");
    this.failure = h("div", { class: "aij-panel-failure", role: "alert", hidden: true });
    this.root.setAttribute("role", "form");
    this.root.setAttribute("aria-label", "Ask about recordings");
    this.root.replaceChildren(
      h("header", { class: "aij-row" }, h("b", {}, "Ask about recordings"), h("span", { class: "aij-quiet" }, "to ", about.place)),
      step(1, "Recordings", this.files.element,
        h("label", { for: `${this.id}-text`, class: "aij-quiet" },
          "Or write down paths, patterns, folders or URLs, one a line. Best for large files: they stay where they are."),
        this.text, this.found),
      step(2, "Question", this.verbs.element, this.options),
      step(3, "Answer", h("div", { class: "aij-row" }, this.button, this.reason), this.failure, this.code.element));
  }

  fieldsOf(verb) {
    if (this.verb === verb) return;
    this.verb = verb;
    const { fields } = this.about.verbs.find((one) => one.name === verb);
    this.fields = optionFields(fields, this.id, (name, value) => this.tell({ kind: "choose", options: { [name]: value } }));
    this.fields.show({}, []);
    this.options.replaceChildren(this.fields.element);
  }

  type() {
    clearTimeout(this.typing);
    this.grow();
    this.typing = setTimeout(() => this.typed(), TYPING_MS);
  }

  typed() {
    if (this.typing === null) return;
    clearTimeout(this.typing);
    this.typing = null;
    this.tell({ kind: "sources", text: this.text.value });
  }

  /** As many lines as are written, up to ten. */
  grow() {
    this.text.rows = Math.min(10, Math.max(2, this.text.value.split("\n").length));
  }

  ask() {
    this.typed();
    if (this.button.getAttribute("aria-disabled") === "true" && this.heardAll) return;
    this.button.textContent = "Asking…";
    if (!this.tell({ kind: "ask" })) this.button.textContent = "Ask";
  }

  line(tone, ...content) {
    this.found.dataset.tone = tone;
    this.found.replaceChildren(...content);
  }

  show(state, settled) {
    const general = state.problems.filter((one) => !one.option);
    if (settled) {
      this.fieldsOf(state.operation);
      this.verbs.set(state.operation);
      if (this.text.value !== state.text) this.text.value = state.text;
      this.grow();
    }
    this.fields?.show(settled ? state.options : null, state.problems);
    this.files.show(state.uploads);
    this.code.show(state.code);
    this.showFound(state, general);
    const wrong = state.problems[0];
    this.button.textContent = state.asking ? "Asking…" : state.button;
    this.button.setAttribute("aria-disabled", String(Boolean(wrong || state.asking)));
    this.reason.textContent = wrong ? this.reasonFor(wrong, state) : state.asked;
    this.fail(state.failure);
  }

  /** Why it cannot be asked, with the mend where that stands nowhere else. */
  reasonFor(wrong, state) {
    if (wrong.option) return "An option above needs a look.";
    return isEmpty(state) ? `${wrong.problem} ${wrong.mend}` : wrong.problem;
  }

  showFound(state, problems) {
    if (isEmpty(state)) {
      this.line("", `What is dropped is kept in ${this.about.folder}/ beside the notebook when it is asked about.`);
      return;
    }
    const told = problems.slice(0, 5).map((one) => h("div", { class: "aij-panel-bad" },
      one.problem, " ", h("span", { class: "aij-quiet" }, one.mend)));
    const more = problems.length - told.length;
    if (more) told.push(h("div", { class: "aij-quiet" }, `and ${more} more`));
    this.line(told.length ? "bad" : "good", state.found && h("div", { class: "aij-panel-count" }, state.found), ...told);
  }
}

export default {
  render({ model, el }) {
    const form = new Form(model, el);
    return () => form.close();
  },
};
