// What every view of ours is built with. Text is only ever set as text: nothing here can make markup of a string.

const STEERING = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028-\u202e\ufeff]/g;

/** The text with what could steer the page's layout (control characters, overrides of direction) made visible. */
function harmless(text) {
  return text.replace(STEERING, "\ufffd");
}

/** An element: `h("button", { class: "aij-button", onclick: f, "aria-label": "Play" }, "text", child)`. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  const kept = children.filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...kept.map((child) => (typeof child === "string" ? harmless(child) : child)));
  return element;
}

/** Seconds as m:ss or h:mm:ss; a dash where there are none. */
function clock(seconds) {
  if (!Number.isFinite(seconds)) return "-";
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A listener for keydown: what is typed in a view must not reach the notebook, where x cuts the cell. */
function ownKeys(event) {
  const { key } = event;
  const chord = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && key === "Enter");
  if (!chord && key !== "Escape" && !/^F\d+$/.test(key)) event.stopPropagation();
}

const ALONE = "jupyter-widgets-disconnected"; // ipywidgets' own, for its boxes; anywidget's views lose track of it

/** Whether the kernel that made this has gone, or there never was one (a saved notebook). */
function alone(el) {
  return el.closest(`.${ALONE}`) !== null;
}

/** Have `alone` know of a widget that stands in no box; what it returns ends that. */
function heedKernel(model, el) {
  const heed = function heed() {
    if (this?.model) el.classList.toggle(ALONE, !this.model.comm_live); // a callback's `this` is the view
  };
  model.on("comm_live_update", heed);
  return () => model.off("comm_live_update", heed);
}
