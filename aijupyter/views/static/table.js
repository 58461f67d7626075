// A table of which only one page is ever here: the kernel is asked for the rows that are looked at.

/**
 * `columns`: { name, title, head, sort, downFirst, class, cell(row) -> text, more(row) -> a second line, tone(row),
 * hint(row) }. `act(row)` is what the row's button does, `acts(row)` its { label, open }. `load` promises { rows, from,
 * total }. Rows keep their elements from page to page, so that a button keeps the focus.
 */
function pagedTable({ columns, label, size = 20, load, act, acts }) {
  const wanted = { from: 0, sort: null, down: false };
  let turn = 0;
  let total = 0;
  const slots = [];
  const heads = columns.map((column) => headOf(column, wanted, () => restart()));
  const last = act ? h("th", { scope: "col", "aria-label": "action" }) : null;
  const body = h("tbody");
  const table = h("table", { class: "aij-table aij-paged", "aria-label": label },
    h("thead", {}, h("tr", {}, ...heads.map((head) => head.el), last)), body);
  const shown = h("span", { class: "aij-quiet", role: "status" });
  const go = (rows) => {
    wanted.from = Math.min(Math.max(0, wanted.from + rows), Math.max(0, total - 1));
    draw();
  };
  const turner = (sign, name, rows) =>
    h("button", { class: "aij-button", type: "button", "aria-label": name, onclick: () => go(rows) }, sign);
  const back = turner("‹", "previous page", -size);
  const on = turner("›", "next page", size);
  const pager = h("div", { class: "aij-row aij-pager" }, back, on, shown);

  async function draw() {
    const mine = ++turn;
    wanted.from -= wanted.from % size;
    const page = await load({ ...wanted, size });
    if (mine !== turn || !page.rows) return;
    if (!page.rows.length && page.total && wanted.from) {
      wanted.from = page.total - 1;
      draw();
      return;
    }
    total = page.total;
    heads.forEach((head) => head.draw());
    while (slots.length < page.rows.length) slots.push(slotOf(columns, act));
    slots.forEach((slot, place) => slot.draw(page.rows[place], acts));
    while (body.children.length > page.rows.length) body.lastChild.remove();
    while (body.children.length < page.rows.length) body.append(slots[body.children.length].el);
    const end = page.from + page.rows.length;
    const places = [page.from + 1, end, total].map((place) => place.toLocaleString());
    say(shown, total ? `${places[0]}–${places[1]} of ${places[2]}` : "none");
    back.disabled = page.from === 0;
    on.disabled = end >= total;
    HIDE(back, total <= size);
    HIDE(on, total <= size);
  }

  const restart = () => { wanted.from = 0; draw(); };
  return { el: h("div", { class: "aij-tablebox" }, h("div", { class: "aij-scroll" }, table), pager), draw, restart };
}

function headOf(column, wanted, changed) {
  const title = column.title ?? column.name;
  if (!column.sort) return { el: h("th", { scope: "col", class: column.class }, title), draw: () => {} };
  const arrow = h("span", { "aria-hidden": "true", class: "aij-arrow" });
  const press = () => {
    const same = wanted.sort === column.name;
    if (same && wanted.down !== Boolean(column.downFirst)) Object.assign(wanted, { sort: null, down: false });
    else Object.assign(wanted, { sort: column.name, down: same ? !wanted.down : Boolean(column.downFirst) });
    changed();
  };
  const button = h("button", { class: "aij-sort", type: "button", onclick: press }, title, arrow);
  const el = h("th", { scope: "col", class: column.class, "aria-sort": "none" }, button);
  const draw = () => {
    const mine = wanted.sort === column.name;
    el.setAttribute("aria-sort", mine ? (wanted.down ? "descending" : "ascending") : "none");
    say(arrow, mine ? (wanted.down ? " ↓" : " ↑") : "");
  };
  return { el, draw };
}

function slotOf(columns, act) {
  let row = null;
  const cells = columns.map((column) => cellOf(column));
  const button = act ? h("button", { class: "aij-link", type: "button", onclick: () => act(row) }) : null;
  const el = h("tr", {}, ...cells.map((cell) => cell.el), button ? h("td", { class: "aij-acts" }, button) : null);
  const draw = (next, acts) => {
    row = next ?? null;
    if (!row) return;
    cells.forEach((cell) => cell.draw(row));
    if (!button) return;
    const { label, open } = acts(row);
    say(button, label);
    button.setAttribute("aria-label", `${label} ${row.recording}`);
    button.setAttribute("aria-expanded", open ? "true" : "false");
    el.classList.toggle("aij-open", open);
  };
  return { el, draw };
}

function cellOf(column) {
  const inner = column.tone ? h("span", { class: "aij-chip aij-badge" }) : column.more ? h("div") : null;
  const more = column.more ? h("div", { class: "aij-quiet aij-more" }) : null;
  const kind = column.head ? "th" : "td";
  const el = h(kind, { scope: column.head ? "row" : null, class: column.class ?? null }, inner, more);
  const draw = (row) => {
    const text = column.cell ? column.cell(row) : String(row[column.name] ?? "");
    say(inner ?? el, text);
    if (column.tone) inner.dataset.tone = column.tone(row);
    if (more) say(more, column.more(row));
    if (column.hint) el.title = column.hint(row);
  };
  return { el, draw };
}

/** Chips that choose groups, `[{ name, tone, count }]`; none chosen means all. */
function groupChips(changed, label) {
  const chosen = new Set();
  const chips = new Map();
  const el = h("div", { class: "aij-row aij-groups", role: "group", "aria-label": label });
  const press = (name) => {
    const alone = chosen.has(name);
    chosen.clear();
    if (!alone) chosen.add(name);
    for (const [other, chip] of chips) chip.el.setAttribute("aria-pressed", chosen.has(other));
    changed([...chosen]);
  };
  const chipOf = (group) => {
    const count = h("b");
    const dot = h("span", { class: "aij-dot", "aria-hidden": "true" });
    const chip = h("button", { class: "aij-chip aij-group", type: "button" }, dot, count, ` ${group.name}`);
    chip.dataset.tone = group.tone;
    chip.setAttribute("aria-pressed", "false");
    chip.addEventListener("click", () => press(group.name));
    return { el: chip, count };
  };
  const draw = (groups) => {
    for (const group of groups) {
      if (!chips.has(group.name)) {
        chips.set(group.name, chipOf(group));
        el.append(chips.get(group.name).el);
      }
      const chip = chips.get(group.name);
      say(chip.count, group.count.toLocaleString());
      HIDE(chip.el, !group.count && !chosen.has(group.name));
    }
  };
  return { el, draw };
}
