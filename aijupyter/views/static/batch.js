// A batch's card: one bar, its counts, and on demand a page of its jobs.

const JOBS_TOLD_MS = 1000;

/** One bar of as many segments as there are groups of jobs. */
function segments() {
  const el = h("div", {
    class: "aij-bar aij-segments", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100,
  });
  const parts = new Map();
  const draw = (batch) => {
    for (const { name, tone, count } of batch.groups) {
      if (!parts.has(name)) parts.set(name, el.appendChild(h("div", { "data-tone": tone, title: name })));
      parts.get(name).style.width = `${(100 * count) / Math.max(1, batch.total)}%`;
    }
    const percent = batch.total ? Math.floor((100 * batch.done) / batch.total) : 100;
    el.setAttribute("aria-valuenow", percent);
    el.setAttribute("aria-label", `${percent} percent ended`);
  };
  return { el, draw };
}

function pace(batch, past) {
  if (batch.over) return "";
  if (!batch.rate || !Number.isFinite(batch.eta)) return "not known yet how long it takes";
  const rate = batch.rate >= 1 ? `${batch.rate.toFixed(1)} a second` : `${(60 * batch.rate).toFixed(1)} a minute`;
  return `${rate}, about ${clock(batch.eta - past)} to go`;
}

function jobList(ask, note, card) {
  const columns = [
    { name: "recording", head: true, class: "aij-name", more: (row) => row.error },
    { name: "state", class: "aij-tight", tone: (row) => row.tone },
    { name: "seconds", title: "took", class: "aij-number", cell: (row) => duration(row.seconds, true) },
  ];
  const act = async (row) => {
    const kind = card().opened === row.row ? "close" : "open";
    const { note: told } = await ask(kind, { row: row.row });
    note.tell(told);
    if (kind === "open" && !told) reveal(details);
  };
  const acts = (row) => ({ label: card().opened === row.row ? "close" : "open", open: card().opened === row.row });
  let groups = [];
  const load = async (wanted) => {
    const page = await ask("page", { ...wanted, groups });
    note.tell(page.note);
    return page;
  };
  const table = pagedTable({ columns, label: "jobs of the batch", size: 12, load, act, acts });
  const details = h("details", { class: "aij-jobs" }, h("summary", { class: "aij-quiet" }, "its jobs"), table.el);
  details.addEventListener("toggle", () => { if (details.open) table.draw(); });
  let later = null;
  const changed = () => {
    if (!details.open || later !== null) return;
    later = setTimeout(() => { later = null; table.draw(); }, JOBS_TOLD_MS);
  };
  const choose = (names) => {
    groups = names;
    if (details.open) table.restart();
    else details.open = true;
  };
  return { el: details, changed, choose, now: () => { if (details.open) table.draw(); } };
}

function render({ model, el }) {
  const card = () => model.get("card");
  const time = kernelClock();
  const ask = asker(model, el);
  const note = notes();
  const head = h("b", { role: "status", "aria-live": "polite" });
  const speed = h("span", { class: "aij-quiet" });
  const elapsed = h("span", { class: "aij-quiet aij-job-time", role: "timer", "aria-live": "off" });
  const act = (kind) => async () => note.tell((await ask(kind)).note);
  const cancel = actor("Cancel", act("cancel"), { title: "Give up what was not sent yet" });
  const retry = actor("Retry", act("retry"), { title: "Ask again what failed, expired or was cancelled" });
  const bar = segments();
  const jobs = jobList(ask, note, card);
  const groups = groupChips(jobs.choose, "show the jobs that are");
  const error = h("div", { class: "aij-job-error", role: "alert" });
  const root = h(
    "section", { class: "aij aij-batch", "data-aij": "batch", onkeydown: ownKeys, "aria-label": "Batch of jobs" },
    h("div", { class: "aij-row" }, head, speed, h("span", { class: "aij-job-right" }, elapsed, cancel, retry)),
    bar.el, groups.el, error, note.el, jobs.el,
  );
  el.append(root);

  const tick = () => {
    const batch = card();
    const past = batch.over ? 0 : time.now(batch.now) - batch.now;
    say(elapsed, duration(batch.elapsed + past, batch.over));
    say(speed, pace(batch, past));
  };
  let opened = card().opened;
  const draw = () => {
    const batch = card();
    root.dataset.state = batch.over ? "done" : "under way";
    say(head, `${batch.done.toLocaleString()} of ${batch.total.toLocaleString()}`);
    bar.draw(batch);
    groups.draw(batch.groups);
    HIDE(cancel, !batch.cancel);
    say(cancel, `Cancel ${batch.cancel.toLocaleString()}`);
    const again = batch.failed + batch.cancelled;
    HIDE(retry, !again);
    say(retry, `Retry ${again.toLocaleString()}${batch.cancelled ? "" : " failed"}`);
    error.replaceChildren();
    if (batch.error) error.append(...troubled(batch.error));
    HIDE(error, !batch.error);
    tick();
    if (opened !== batch.opened) {
      opened = batch.opened;
      jobs.now();
    } else jobs.changed();
  };
  ask("hello");
  return following(model, el, { time, card, draw, tick });
}

export default { render };
