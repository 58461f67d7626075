// All jobs of the ledger: a page of them, filtered and sorted by the kernel, and a way into each.

const TYPED_MS = 200;
const UNDER_WAY = ["written", "sending", "submitted", "running", "unconfirmed"];

function labelOf(row, opened) {
  if (row.row === opened) return "close";
  if (row.state === "succeeded") return "open";
  return UNDER_WAY.includes(row.state) ? "follow" : "why";
}

/** The code that picks the opened job up again, to copy. */
function codeToCopy() {
  const code = h("code", { class: "aij-code" });
  const copied = h("span", { class: "aij-quiet", role: "status" });
  const select = () => getSelection().selectAllChildren(code);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      say(copied, "copied");
    } catch {
      select();
      say(copied, "selected: copy it with the keyboard");
    }
  };
  const el = h("div", { class: "aij-row aij-open-code" }, code, actor("Copy", copy), copied);
  const draw = (text) => {
    if (code.textContent !== text) say(copied, "");
    say(code, text);
    HIDE(el, !text);
  };
  return { el, draw };
}

/** A date as short as it can be told: the year only where it is another. */
function moment(seconds) {
  const date = new Date(1000 * seconds);
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return date.toLocaleString(undefined, { year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

function columnsOf() {
  return [
    { name: "state", sort: true, class: "aij-tight", tone: (row) => row.tone },
    { name: "recording", sort: true, head: true, class: "aij-name" },
    { name: "operation", sort: true, class: "aij-tight aij-operation" },
    {
      name: "created", title: "asked", sort: true, downFirst: true, class: "aij-tight",
      cell: (row) => (row.created === null ? "" : moment(row.created)),
      hint: (row) => (row.created === null ? "" : new Date(1000 * row.created).toString()),
    },
    {
      name: "seconds", title: "took", sort: true, downFirst: true, class: "aij-number",
      cell: (row) => duration(row.seconds, true),
    },
    { name: "id", class: "aij-quiet aij-id", hint: (row) => row.id },
  ];
}

function render({ model, el }) {
  const card = () => model.get("card");
  const ask = asker(model, el);
  const note = notes();
  let groups = [];
  const search = h("input", {
    class: "aij-input aij-search", type: "search",
    placeholder: "recording or id", "aria-label": "filter by recording or id",
  });
  const load = async (wanted) => {
    const page = await ask("page", { ...wanted, groups, text: search.value });
    if (page.note) note.tell(page.note);
    return page;
  };
  const act = async (row) => {
    note.tell(null);
    const kind = row.row === card().opened ? "close" : "open";
    const { note: told } = await ask(kind, { row: row.row });
    note.tell(told);
    if (kind === "open" && !told) reveal(el);
  };
  const acts = (row) => ({ label: labelOf(row, card().opened), open: row.row === card().opened });
  const table = pagedTable({ columns: columnsOf(), label: "jobs", size: 15, load, act, acts });
  const chips = groupChips((names) => { groups = names; table.restart(); }, "show the jobs that are");
  let typed = null;
  search.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(table.restart, TYPED_MS);
  });
  const head = h("b");
  const listed = h("span", { class: "aij-quiet" });
  const code = codeToCopy();
  const root = h("section", { class: "aij aij-all-jobs", "data-aij": "jobs", "aria-label": "Jobs", onkeydown: ownKeys },
    h("div", { class: "aij-row" }, head, listed, h("span", { class: "aij-job-right" }, search)),
    chips.el, table.el, note.el, code.el);
  el.append(root);
  // JupyterLab's own keys must not run cells while a person types here.

  const draw = () => {
    const jobs = card();
    root.dataset.state = jobs.opened ? "open" : "closed";
    say(head, `${jobs.total.toLocaleString()} ${jobs.total === 1 ? "job" : "jobs"}`);
    say(listed, `as of ${new Date(1000 * jobs.listed).toLocaleTimeString()}`);
    chips.draw(jobs.groups);
    code.draw(jobs.code);
    table.draw();
  };
  model.on("change:card", draw);
  draw();
  return () => model.off("change:card", draw);
}

export default { render };
