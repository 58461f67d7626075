// The player of a conversation: puts the parts together, and takes them apart again.

class PlayerView {
  constructor(model, el) {
    this.model = model;
    this.root = h("div", { class: "aij aij-player", "data-aij": "player", tabindex: -1, role: "region" });
    const conversation = new Conversation(model);
    this.root.setAttribute("aria-label", `Conversation: ${brief(harmless(conversation.facts.recording), 120)}`);
    this.state = new State(model, conversation, () => !alone(this.root));
    this.naming = new Naming(this.state, this.root);
    this.controls = new Controls(this.state);
    this.timeline = new Timeline(this.state, this.root, this.naming);
    this.transcript = new TranscriptView(this.state, this.naming);
    this.jumps = new Jumps(this.state);
    this.voice = h("div", { class: "aij-unseen", "aria-live": "polite" });
    this.probe = h("div", { class: "aij-unseen aij-probe", "aria-hidden": "true" });
    new Keys(this.state, this.root, this.controls, this.voice);
    this._assemble(conversation);
    this.listened = this._listen();
    el.append(this.root);
    this.heedless = heedKernel(model, this.root);
    this._watch();
  }

  _assemble(conversation) {
    const nothing = h("p", { class: "aij-quiet" }, "No speech was heard.");
    const words = conversation.count ? this.transcript.element : nothing;
    const body = h("div", { class: "aij-body" }, words, !this.jumps.empty && this.jumps.element);
    this.root.classList.toggle("aij-nameless", this.state.people.nameless);
    this.root.append(this.controls.element, this.timeline.element, body, this.voice, this.probe);
    this.state.on("time", () => { this.root.dataset.time = this.state.position.toFixed(2); });
    this.root.dataset.time = "0.00";
  }

  /** What the kernel changes. */
  _listen() {
    const { model, state } = this;
    const named = () => {
      state.people.set(model.get("names"), model.get("people"));
      state.tell("names");
    };
    const redraw = () => {
      this.controls.summarise();
      this.timeline.renew();
    };
    const changes = {
      "change:names": named,
      "change:people": named,
      "change:audible": () => state.renewSound(),
      "change:duration": redraw,
      "change:peaks": redraw,
    };
    for (const [event, callback] of Object.entries(changes)) model.on(event, callback);
    return changes;
  }

  /** Draw when there is room, again when there is more or less of it, and when the theme's colours change. */
  _watch() {
    const soon = () => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this._draw());
    };
    this.sized = new ResizeObserver(soon);
    this.sized.observe(this.root);
    // The probe has a transition on the theme's colours: JupyterLab ends it early, for it hides the page a moment.
    const recoloured = () => {
      this.width = 0;
      soon();
    };
    for (const event of ["run", "end", "cancel"]) this.probe.addEventListener(`transition${event}`, recoloured);
  }

  _draw() {
    if (!this.root.isConnected) this.state.sound?.pause(); // its cell was deleted: nobody could stop it
    const width = this.root.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    this.timeline.renew();
    this.transcript.resize();
    this.root.dataset.drawn = "true";
  }

  destroy() {
    this.sized.disconnect();
    cancelAnimationFrame(this.frame);
    this.heedless();
    for (const [event, callback] of Object.entries(this.listened)) this.model.off(event, callback);
    for (const part of [this.naming, this.controls, this.transcript, this.state]) part.destroy();
    this.root.remove();
  }
}

export default {
  render({ model, el }) {
    const view = new PlayerView(model, el);
    return () => view.destroy();
  },
};
