// Puts a live widget in the place of its saved form, wherever that is in the page. The notebook keeps the saved form
// alone, so that it has something to show when its kernel is gone: JupyterLab would say "model not found" otherwise.

const LOOK = ["jp-RenderedHTMLCommon", "jp-RenderedHTML"]; // a widget is not to look like text

/** Draw the widget where the saved form is; it stays where that cannot be done. */
async function perform(model, place, performances) {
  const manager = model.widget_manager;
  const view = await manager.create_view(await manager.get_model(model.get("shown")));
  const widget = view.luminoWidget ?? view.pWidget;
  if (!place.isConnected) return void widget.dispose();
  for (const [former, performed] of performances) {
    if (former.isConnected) continue;
    performed.dispose(); // its output was drawn anew, or is out of sight and will be played again
    performances.delete(former);
  }
  place.closest(`.${LOOK[0]}`)?.classList.remove(...LOOK);
  place.replaceChildren();
  widget.constructor.attach(widget, place);
  performances.set(place, widget);
}

export default {
  initialize({ model }) {
    const performances = new Map();
    const begun = new WeakSet();
    let asked = 0;
    const look = () => {
      asked = 0;
      for (const place of document.querySelectorAll(`[id="${model.get("place")}"]`)) {
        if (performances.has(place) || begun.has(place)) continue;
        begun.add(place);
        perform(model, place, performances)
          .catch((error) => console.warn("aijupyter: the saved form stays", error))
          .finally(() => begun.delete(place));
      }
    };
    const watch = new MutationObserver(() => { asked ||= requestAnimationFrame(look); });
    watch.observe(document.body, { childList: true, subtree: true });
    look();
    return () => watch.disconnect();
  },
  render() {},
};
