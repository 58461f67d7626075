// The page's side of stage.py: a model as anywidget gives it to a widget, and what a kernel would do with it.
(() => {
  class Model {
    constructor(state) {
      this.state = state;
      this.callbacks = [];
      this.sent = [];
    }
    get(name) { return this.state[name]; }
    set(name, value) { this.state[name] = value; }
    save_changes() {}
    send(content, callbacks, buffers) {
      this.sent.push(content);
      this.answer?.(content, buffers);
    }
    on(event, callback) { this.callbacks.push([event, callback]); }
    off(event, callback) {
      this.callbacks = this.callbacks.filter(([name, called]) => name !== event || (callback && called !== callback));
    }
    fire(event, ...said) {
      for (const [name, callback] of [...this.callbacks]) if (name === event) callback(...said);
    }
    /** What a kernel does: a custom message, or traits that change. */
    tell(content, buffers = []) { this.fire("msg:custom", content, buffers); }
    change(values) {
      Object.assign(this.state, values);
      for (const name of Object.keys(values)) this.fire(`change:${name}`);
    }
  }

  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

  /** Render a widget. `rendered` and `took` are milliseconds: until render returned, and until all was drawn. */
  window.stage = async (state, buffers, module, styles) => {
    for (const [name, text] of Object.entries(buffers)) state[name] = bytes(text);
    document.head.append(Object.assign(document.createElement("style"), { textContent: styles }));
    const file = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
    const widget = (await import(file)).default;
    const el = document.createElement("div");
    document.body.append(el);
    window.model = new Model(state);
    const began = performance.now();
    window.leave = await widget.render({ model: window.model, el, signal: new AbortController().signal });
    window.rendered = performance.now() - began;
    const drawn = () => {
      if (el.querySelector('[data-drawn="true"]')) window.took = performance.now() - began;
      else requestAnimationFrame(drawn);
    };
    drawn();
  };
})();
