// What the cards of jobs share: asking the kernel, telling what it says, and times that tick here.

const UNREACHABLE = { problem: "The kernel that knows this is gone.", mend: "Run the cell again." };

/** `ask(kind, details)` sends a message and promises its one answer; another view's answers are not ours. */
function asker(model, el) {
  const view = Math.random().toString(36).slice(2);
  const waiting = new Map();
  let count = 0;
  model.on("msg:custom", (answer) => {
    if (answer?.view !== view) return;
    waiting.get(answer.asked)?.(answer);
    waiting.delete(answer.asked);
  });
  return (kind, details = {}) => new Promise((resolve) => {
    if (alone(el)) return resolve({ note: UNREACHABLE });
    waiting.set(++count, resolve);
    try {
      model.send({ kind, view, asked: count, ...details });
    } catch {
      resolve({ note: UNREACHABLE });
    }
  });
}

/** What is wrong, and what to do. */
function troubled({ problem, mend }) {
  return [h("div", {}, problem), h("div", { class: "aij-quiet" }, mend)];
}

/** A place for what went wrong, and what to do; `tell(null)` empties it. */
function notes() {
  const el = h("div", { class: "aij-note", role: "status" });
  const tell = (note) => {
    el.replaceChildren();
    if (note) el.append(...troubled(note));
  };
  return { el, tell };
}

/** A button that waits for its answer before it can be pressed again. */
function actor(label, act, attributes = {}) {
  const button = h("button", { class: "aij-button", type: "button", ...attributes }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      await act();
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}

/** Set what has changed and nothing else: a text that is set anew loses the selection, and is read aloud again. */
function say(el, text) {
  const shown = harmless(text);
  if (el.textContent !== shown) el.textContent = shown;
}

const HIDE = (el, hidden) => { el.hidden = hidden; };

/** The kernel's clock, as far as it is known. Its state may be an old one that a page found when it was loaded. */
function kernelClock() {
  let ahead = null;
  const fresh = (now) => { ahead = Date.now() / 1000 - now; };
  const first = (now) => { if (Math.abs(Date.now() / 1000 - now) < 60) ahead = 0; };
  return { fresh, first, now: (otherwise) => (ahead === null ? otherwise : Date.now() / 1000 - ahead) };
}

/** How long something took or has taken: parts of a second only once it is over. */
function duration(seconds, over) {
  if (!Number.isFinite(seconds) || (over && seconds < 0.05)) return "";
  return over && seconds < 60 ? `${Math.max(0, seconds).toFixed(1)} s` : clock(seconds);
}

/** A moment of the past in words. */
function ago(seconds) {
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = steps.find(([, length]) => seconds >= length) ?? ["second", 1];
  const count = Math.max(1, Math.floor(seconds / size));
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}

/** Bring what was opened below a card into view, once it is there. */
function reveal(el) {
  const box = el.closest(".widget-vbox");
  setTimeout(() => box?.lastElementChild?.scrollIntoView({ block: "nearest", behavior: "smooth" }), 300);
}

/** Calls `draw` now and every half second while `moving()`; what it returns ends that. */
function ticking(draw, moving) {
  draw();
  const timer = setInterval(() => { if (moving()) draw(); }, 500);
  return () => clearInterval(timer);
}

/** Draws the card now and whenever the kernel tells another, and lets its times tick; what it returns ends that. */
function following(model, el, { time, card, draw, tick }) {
  time.first(card().now);
  const changed = () => { time.fresh(card().now); draw(); };
  model.on("change:card", changed);
  draw();
  const stop = ticking(tick, () => !card().over && !alone(el));
  return () => { stop(); model.off("change:card", changed); };
}
