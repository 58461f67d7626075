// A job's card. The kernel says where the job is; the time ticks here, without the kernel.

function way(ask, note) {
  const body = h("tbody");
  const table = h("table", { class: "aij-table" },
    h("thead", {}, h("tr", {}, ...["at", "state", "cause"].map((name) => h("th", { scope: "col" }, name)))), body);
  const details = h("details", { class: "aij-way" }, h("summary", { class: "aij-quiet" }, "its way"), table);
  const load = async () => {
    const answer = await ask("history");
    note.tell(answer.note);
    const rows = (answer.steps ?? []).map((step) => h("tr", {},
      h("td", { class: "aij-quiet" }, new Date(1000 * step.at).toLocaleTimeString()),
      h("td", {}, step.state), h("td", {}, step.cause)));
    body.replaceChildren(...rows);
  };
  details.addEventListener("toggle", () => { if (details.open) load(); });
  return { el: details, changed: () => { if (details.open) load(); } };
}

function render({ model, el }) {
  const time = kernelClock();
  const ask = asker(model, el);
  const note = notes();
  const steps = way(ask, note);
  const badge = h("span", { class: "aij-chip aij-badge", role: "status", "aria-live": "polite" });
  const name = h("b", { class: "aij-job-name" });
  const what = h("span", { class: "aij-quiet aij-job-id" });
  const elapsed = h("span", { class: "aij-quiet aij-job-time", role: "timer", "aria-live": "off" });
  const cancel = actor("Cancel", async () => note.tell((await ask("cancel")).note));
  const fill = h("div");
  const bar = h("div", { class: "aij-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  const line = h("div", { class: "aij-quiet aij-job-line" });
  const error = h("div", { class: "aij-job-error", role: "alert" });
  const root = h("section", { class: "aij aij-job", "data-aij": "job", onkeydown: ownKeys },
    h("div", { class: "aij-row" }, badge, name, what, h("span", { class: "aij-job-right" }, elapsed, cancel)),
    bar, line, error, note.el, steps.el);
  el.append(root);
  const card = () => model.get("card");

  const told = (job, now) => {
    if (job.place !== null && job.place !== undefined) {
      const turn = job.eta ? `, sent in about ${clock(job.eta - (now - job.now))}` : "";
      return (job.place ? `${job.place.toLocaleString()} before it` : "next to be sent") + turn;
    }
    return job.earlier ? `asked earlier, ${ago(now - job.created)}` : "";
  };
  const tick = () => {
    const job = card();
    const now = time.now(job.now);
    say(elapsed, duration((job.ended ?? now) - job.created, job.ended !== null));
    say(line, told(job, now));
    HIDE(line, !line.textContent);
  };
  const draw = () => {
    const job = card();
    const before = root.dataset.state;
    root.dataset.state = job.state;
    root.setAttribute("aria-label", `Job: ${job.operation} ${job.recording}`);
    badge.dataset.tone = job.tone;
    say(badge, job.state);
    say(name, job.recording);
    say(what, `${job.operation} · ${job.id}`);
    what.title = `ai.job("${job.key}")`;
    HIDE(cancel, !job.cancel);
    if (job.cancel) say(cancel, job.cancel);
    drawBar(job);
    error.replaceChildren();
    if (job.error) error.append(...troubled(job.error));
    HIDE(error, !job.error);
    tick();
    if (before !== undefined && before !== job.state) steps.changed();
  };
  const drawBar = (job) => {
    const known = Number.isFinite(job.progress);
    HIDE(bar, job.over || job.state === "unconfirmed" || (!known && job.place !== null));
    bar.classList.toggle("aij-unknown", !known);
    const percent = known ? Math.round(100 * Math.min(1, Math.max(0, job.progress))) : 0;
    if (known) bar.setAttribute("aria-valuenow", percent);
    else bar.removeAttribute("aria-valuenow");
    bar.setAttribute("aria-label", known ? `${percent} percent done` : "under way");
    fill.style.width = known ? `${percent}%` : "";
  };

  ask("hello");
  return following(model, el, { time, card, draw, tick });
}

export default { render };
