// Puts a live widget in the place of its saved form, wherever that is in the page. The notebook keeps the saved form
// alone, so that it has something to show when its kernel is gone: JupyterLab would say "model not found" otherwise.

const LOOK = ["jp-RenderedHTMLCommon", "jp-RenderedHTML"]; // a widget is not to look like text

/** Whether the notebook has let go of an output; one that is merely out of sight is still in its cell. */
const isGone = (place) => !place.isConnected && !place.closest(".jp-OutputArea");

/** Dispose of a widget, which has to be in the page for that. */
function end(widget) {
  const wings = document.body.appendChild(document.createElement("div"));
  wings.hidden = true;
  wings.append(widget.node);
  widget.dispose();
  wings.remove();
}

/** Draw the widget where the saved form is; it stays where that cannot be done. */
async function perform(model, place, performances) {
  const manager = model.widget_manager;
  const view = await manager.create_view(await manager.get_model(model.get("shown")));
  const widget = view.luminoWidget ?? view.pWidget;
  if (!place.isConnected) return void widget.dispose();
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
      for (const [place, widget] of performances) {
        if (!isGone(place)) continue;
        performances.delete(place);
        end(widget);
      }
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
