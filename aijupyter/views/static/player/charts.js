// Small charts: who talked how much and how fast, and how it felt.

/** A bar of parts that stand side by side: {share, colour, title}. */
function stacked(parts, label) {
  const cells = parts
    .filter((part) => part.share > 0)
    .map((part) => h("div", { style: { flexGrow: part.share, background: part.colour }, title: part.title }));
  return h("div", { class: "aij-stack", role: "img", "aria-label": label }, ...cells);
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

/** Each speaker's share of the talk. The answer's own figures count where they are for everyone. */
function shares(people) {
  const speakers = people.speaking;
  const told = speakers.map((group) => people.facts(group).talk_ratio);
  const all = told.every(Number.isFinite) ? told : speakers.map((group) => group.talk);
  const whole = all.reduce((sum, part) => sum + part, 0);
  return speakers.map((group, place) => ({ group, share: whole ? all[place] / whole : 0 }));
}

/** Words per minute: as the answer says, or as the words and times say; NaN where neither does. */
function paceOf(people, group) {
  const told = people.facts(group).pace_wpm;
  if (Number.isFinite(told)) return told;
  return group.talk >= 1 && group.words ? group.words / (group.talk / 60) : NaN;
}

function speakerCharts(state) {
  const { people } = state;
  const talk = shares(people).sort((one, other) => other.share - one.share).slice(0, 12);
  const said = talk.map(({ group, share }) => `${brief(harmless(group.shown), 60)}: ${percent(share)}`);
  const parts = talk.map(({ group, share }, place) => ({ share, colour: group.colour, title: said[place] }));
  const bar = stacked(parts, `Talk: ${said.join(", ")}`);
  const fastest = Math.max(240, ...talk.map(({ group }) => paceOf(people, group)).filter(Number.isFinite));
  const rows = talk.map(({ group, share }) => speakerRow(people, group, share, fastest));
  return [bar, h("div", { class: "aij-speakers" }, ...rows)];
}

function speakerRow(people, group, share, fastest) {
  const pace = paceOf(people, group);
  const facts = people.facts(group);
  const numbers = [clock(group.talk)];
  if (group.asked) numbers.push(`${group.asked} asked`);
  const filled = { width: percent(pace / fastest), background: group.colour };
  return h(
    "div",
    { class: "aij-speaker-row" },
    speakerTag(group, 80),
    h("b", {}, percent(share)),
    h("span", { class: "aij-quiet" }, numbers.join(" · ")),
    Number.isFinite(pace) && h(
      "span",
      { class: "aij-quiet aij-tempo", title: `Pace${facts.pace ? `: ${brief(harmless(facts.pace), 20)}` : ""}` },
      `${Math.round(pace)} words/min`,
      h("span", { class: "aij-pace" }, h("span", { style: filled })),
    ),
  );
}

/** The feelings of a conversation by how long they lasted: {emotion, share, lines}, the longest first. */
function feelings(conversation) {
  const sums = new Map();
  let whole = 0;
  for (let line = 0; line < conversation.count; line += 1) {
    const emotion = conversation.emotionOf(line);
    if (!emotion) continue;
    const long = conversation.length(line) || 0.001;
    const sum = sums.get(emotion) ?? { emotion, long: 0, lines: [] };
    sum.long += long;
    sum.lines.push(line);
    sums.set(emotion, sum);
    whole += long;
  }
  const shared = [...sums.values()].map((sum) => ({ ...sum, share: sum.long / whole }));
  return shared.sort((one, other) => other.share - one.share);
}

/** How it felt, each feeling a button that goes to where it is next. */
function feelingCharts(state, found) {
  const told = ({ emotion, share }) => `${brief(harmless(emotion), 40)} ${percent(share)}`;
  const parts = found.map((one) => ({ share: one.share, colour: feelingColour(one.emotion), title: told(one) }));
  const bar = stacked(parts, `Feelings: ${found.slice(0, 12).map(told).join(", ")}`);
  const chips = found.slice(0, 12).map((one) => {
    const { emotion, lines } = one;
    const next = () => state.goTo(lines.find((line) => line > state.line) ?? lines[0]);
    const title = `${counted(lines.length, "line")}: go to the next`;
    const looks = { class: "aij-chip aij-jump", type: "button", title, onclick: next };
    return h("button", looks, feelingDot(emotion), told(one));
  });
  return [bar, h("div", { class: "aij-chips-row" }, ...chips)];
}
