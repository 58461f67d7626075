// One control for each kind of option. Each is { element, set }; `set` takes a value, or null for what holds by itself.

/** "TalkToListenRatio" as "Talk to listen ratio". */
function inWords(name) {
  if (!/^([A-Z][a-z]+)+$/.test(name)) return name;
  const [first, ...rest] = name.match(/[A-Z][a-z]+/g);
  return [first, ...rest.map((word) => word.toLowerCase())].join(" ");
}

/** Buttons of which one is pressed: `choices` are [value, label] pairs. */
function segments(choices, label, change) {
  const buttons = choices.map(([value, text]) => h("button", {
    type: "button", role: "radio", onclick: () => { set(value); change(value); },
  }, text));
  const element = h("div", { class: "aij-panel-segments", role: "radiogroup", "aria-label": label }, ...buttons);
  function set(value) {
    choices.forEach(([one], place) => {
      const on = one === value;
      buttons[place].setAttribute("aria-checked", String(on));
      buttons[place].tabIndex = on ? 0 : -1;
    });
  }
  element.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const place = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    buttons[place].focus();
    buttons[place].click();
  });
  return { element, set };
}

const CONTROLS = {
  flag(field, id, change) {
    if (field.default === null) {
      const three = segments([[null, "Auto"], [true, "Yes"], [false, "No"]], field.label, change);
      return { element: three.element, set: (value) => three.set(value ?? null) };
    }
    const two = segments([[true, "Yes"], [false, "No"]], field.label, change);
    return { element: two.element, set: (value) => two.set(value ?? field.default) };
  },

  whole(field, id, change) {
    const input = h("input", {
      id, type: "number", min: "1", step: "1", class: "aij-input", placeholder: "counted",
      oninput: () => change(input.value === "" ? null : Number(input.value)),
    });
    return { element: input, set: (value) => { input.value = value ?? ""; } };
  },

  text(field, id, change) {
    const input = h("input", { id, type: "text", class: "aij-input", oninput: () => change(input.value.trim() || null) });
    return { element: input, set: (value) => { input.value = value ?? ""; } };
  },

  texts(field, id, change) {
    const split = () => input.value.split(/[,\n]/).map((text) => text.trim()).filter(Boolean);
    const input = h("input", {
      id, type: "text", class: "aij-input", placeholder: "several, with commas between", oninput: () => change(split()),
    });
    return { element: input, set: (value) => { input.value = (value ?? []).join(", "); } };
  },

  choice(field, id, change) {
    const select = h("select", { id, class: "aij-input", onchange: () => change(select.value || null) },
      field.default === null && h("option", { value: "" }, "Auto"),
      ...field.choices.map((choice) => h("option", { value: choice }, inWords(choice))));
    return { element: select, set: (value) => { select.value = value ?? field.default ?? ""; } };
  },

  choices(field, id, change) {
    let on = [];
    const press = (choice) => {
      const others = on.filter((one) => one !== choice && one !== "All");
      if (choice === "All") on = ["All"];
      else on = on.includes(choice) ? others : field.choices.filter((one) => one === choice || others.includes(one));
      if (!on.length) on = [...field.default];
      draw();
      change(on);
    };
    const chips = field.choices.map((choice) => h("button", {
      type: "button", class: "aij-panel-chip", title: choice, onclick: () => press(choice),
    }, inWords(choice)));
    const draw = () => field.choices.forEach((choice, place) => {
      chips[place].setAttribute("aria-pressed", String(on.includes(choice)));
    });
    return {
      element: h("div", { class: "aij-panel-chips", role: "group", "aria-label": field.label }, ...chips),
      set: (value) => { on = [...(value ?? field.default)]; draw(); },
    };
  },
};

/** All options of an operation: { element, show }. `choose(name, value)` is called when one is set. */
function optionFields(fields, prefix, choose) {
  const made = fields.map((field) => {
    const id = `${prefix}-${field.name}`;
    const control = CONTROLS[field.kind](field, id, (value) => choose(field.name, value));
    const problem = h("div", { class: "aij-panel-bad", role: "alert" });
    const wide = field.kind === "choices";
    const element = h("div", { class: wide ? "aij-panel-field aij-panel-wide" : "aij-panel-field", title: field.help },
      h("label", { for: id }, field.label), control.element, problem);
    return { field, control, problem, element };
  });
  const common = made.filter((one) => one.field.common).map((one) => one.element);
  const rare = made.filter((one) => !one.field.common);
  const count = h("span", { class: "aij-quiet" });
  const more = h("details", {}, h("summary", {}, "More options ", count),
    h("div", { class: "aij-panel-grid" }, ...rare.map((one) => one.element)));
  return {
    element: h("div", {}, h("div", { class: "aij-panel-grid" }, ...common), rare.length ? more : null),
    /** `values` is null where what is shown is newer. */
    show(values, problems) {
      for (const { field, control, problem } of made) {
        if (values) control.set(values[field.name] ?? null);
        const wrong = problems.find((one) => one.option === field.name);
        problem.textContent = wrong ? `${wrong.problem} ${wrong.mend}` : "";
      }
      if (!values) return;
      const set = rare.filter((one) => one.field.name in values).length;
      count.textContent = set ? `· ${set} set` : "";
    },
  };
}
