// What every view of ours is built with. Text is only ever set as text: nothing here can make markup of a string.

/** An element: `h("button", { class: "aij-button", onclick: f, "aria-label": "Play" }, "text", child)`. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
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
