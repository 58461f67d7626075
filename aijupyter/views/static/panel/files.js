// Recordings that come through the browser: chosen or dropped, sent in parts, each part acknowledged before the next.
// A whole file in one message would break the connection: Jupyter's websocket takes 10 MiB at most.

const PART_BYTES = 1 << 20;

/** Sends files one after the other. `changed` is called whenever `rows()` has something new to show. */
class Sender {
  constructor(send, changed) {
    this.send = send;
    this.changed = changed;
    this.queue = [];
    this.known = []; // what the kernel knows: { id, name, size, received, problem }
    this.count = 0;
    this.prefix = Math.random().toString(36).slice(2);
  }

  add(files) {
    for (const file of files) {
      this.queue.push({ file, token: `${this.prefix}-${this.count++}`, id: null, received: 0, failed: "" });
    }
    this.changed();
    this.next();
  }

  /** Begin with the first that waits, unless one is under way. */
  next() {
    if (this.queue.some((one) => one.begun && !one.failed)) return;
    const one = this.queue.find((waiting) => !waiting.begun && !waiting.failed);
    if (!one) return;
    one.begun = true;
    this.send({ kind: "begin", token: one.token, name: one.file.name, size: one.file.size });
  }

  /** The kernel expects a file of ours, or has got a part of it. */
  heard(message) {
    if (message.kind === "expect") {
      const one = this.queue.find((waiting) => waiting.token === message.token);
      if (!one) return;
      one.id = message.id;
      this.part(one);
    } else if (message.kind === "got") {
      const one = this.queue.find((waiting) => waiting.id === message.id);
      if (!one) return;
      one.received = message.received;
      this.part(one);
    }
  }

  async part(one) {
    if (one.received >= one.file.size) {
      this.queue = this.queue.filter((other) => other !== one);
      const known = this.known.find((other) => other.id === one.id);
      if (known) known.received = known.size;
      else this.known.push({ id: one.id, name: one.file.name, size: one.file.size, received: one.file.size });
      this.changed();
      this.next();
      return;
    }
    try {
      const bytes = await one.file.slice(one.received, one.received + PART_BYTES).arrayBuffer();
      if (!bytes.byteLength) throw new Error("nothing to read");
      if (!this.queue.includes(one)) return; // taken back meanwhile
      this.send({ kind: "part", id: one.id, offset: one.received }, [bytes]);
    } catch {
      one.failed = "cannot be read; a folder's path can be written below";
      if (one.id) this.send({ kind: "drop", id: one.id });
      this.next();
    }
    this.changed();
  }

  drop(row) {
    this.queue = this.queue.filter((one) => one.token !== row.token && (!row.id || one.id !== row.id));
    this.known = this.known.filter((one) => !row.id || one.id !== row.id);
    if (row.id) this.send({ kind: "drop", id: row.id });
    this.changed();
    this.next();
  }

  /** All files, those of other views of this panel as well: { id, token, name, size, received, problem }. */
  rows() {
    const ours = new Map(this.queue.filter((one) => one.id).map((one) => [one.id, one]));
    const waiting = this.queue.filter((one) => !one.id || !this.known.some((known) => known.id === one.id));
    return [
      ...this.known.map((known) => {
        const one = ours.get(known.id);
        return one ? { ...known, token: one.token, received: one.received, problem: one.failed } : known;
      }),
      ...waiting.map((one) => ({
        id: one.id, token: one.token, name: one.file.name, size: one.file.size, received: one.received, problem: one.failed,
      })),
    ];
  }
}

/** A size in bytes as a person says it. */
function sizeInWords(size) {
  for (const [unit, least] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (size >= least) return `${(size / least).toFixed(size / least >= 10 ? 0 : 1)} ${unit}`;
  }
  return `${size} byte${size === 1 ? "" : "s"}`;
}

/** Where files are dropped, with the list of those that were: { element, show }. */
function dropZone(send) {
  const list = h("ul", { class: "aij-panel-files", "aria-label": "Uploaded files" });
  const input = h("input", {
    type: "file", multiple: true, accept: "audio/*,video/*", class: "aij-panel-hidden", tabindex: "-1",
    "aria-label": "Upload recordings", onchange: () => { sender.add([...input.files]); input.value = ""; },
  });
  const choose = h("button", { type: "button", class: "aij-button", onclick: () => input.click() }, "Choose files");
  const zone = h("div", { class: "aij-panel-drop" },
    h("span", {}, "Drop audio or video here, or"), choose, input);
  let inside = 0;
  const light = (change) => {
    inside = Math.max(0, inside + change);
    zone.classList.toggle("aij-panel-over", inside > 0);
  };
  const taken = (handle) => (event) => { event.preventDefault(); event.stopPropagation(); handle(event); };
  zone.addEventListener("dragenter", taken(() => light(1)));
  zone.addEventListener("dragover", taken(() => {}));
  zone.addEventListener("dragleave", taken(() => light(-1)));
  zone.addEventListener("drop", taken((event) => { light(-inside); sender.add([...event.dataTransfer.files]); }));

  const row = (file) => h("li", { class: "aij-panel-file" },
    h("span", { class: "aij-panel-name" }, file.name),
    file.problem ? h("span", { class: "aij-panel-bad" }, file.problem)
      : h("span", { class: "aij-quiet" },
        file.received < file.size ? `${sizeInWords(file.received)} of ${sizeInWords(file.size)}` : sizeInWords(file.size)),
    !file.problem && file.received < file.size && h("div", { class: "aij-bar" },
      h("div", { style: { width: `${(100 * file.received) / file.size}%` } })),
    h("button", {
      type: "button", class: "aij-panel-remove", "aria-label": `Remove ${file.name}`, title: "Remove",
      onclick: () => sender.drop(file),
    }, "×"));
  const draw = () => list.replaceChildren(...sender.rows().map(row));
  const sender = new Sender(send, draw);

  return {
    element: h("div", {}, zone, list),
    heard: (message) => sender.heard(message),
    show(known) { sender.known = known.map((one) => ({ ...one })); draw(); },
  };
}
