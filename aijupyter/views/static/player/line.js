// One row of the transcript: when, who, and the words, each to be clicked.

const UNSURE = 60;

/** The element of a row: a line, or a part of a long one. */
function drawRow(state, row) {
  const { conversation, people } = state;
  const { line, from, to } = conversation.rows[row];
  const emotion = conversation.emotionOf(line);
  const begins = from === 0;
  const element = h("div", {
    class: begins ? "aij-line" : "aij-line aij-more", role: "listitem", "data-line": line, "data-row": row,
    "aria-setsize": conversation.rows.length, "aria-posinset": row + 1,
    style: { borderLeftColor: emotion && !isNeutral(emotion) ? feelingColour(emotion) : "transparent" },
  });
  if (begins) {
    element.append(...[
      h("span", { class: "aij-when" }, clock(conversation.start[line])),
      !people.nameless && h("span", { class: "aij-who" }, speakerTag(people.of(line))),
    ].filter(Boolean));
  }
  const said = h("div", { class: "aij-said", dir: "auto" });
  drawWords(state, said, line, from, to);
  const lasts = conversation.length(line);
  if (!conversation.texts[line] && lasts) said.append(h("span", { class: "aij-quiet" }, `${lasts.toFixed(1)} s`));
  const sure = conversation.confidence(conversation.sure[line]);
  if (sure !== null && sure < UNSURE && !conversation.words(line).length) {
    said.classList.add("aij-unsure");
    said.title = `${sure}% sure`;
  }
  element.append(said);
  if (to === conversation.texts[line].length) element.append(...chips(conversation, line, emotion));
  return element;
}

function chips(conversation, line, emotion) {
  const drawn = [];
  const question = conversation.asked.get(line);
  const asked = { class: "aij-mark", title: "A question", role: "img", "aria-label": "Question" };
  if (question) drawn.push(h("span", asked, "?"));
  if (emotion && !isNeutral(emotion)) {
    const sure = conversation.confidence(conversation.emotionSure[line]);
    const name = brief(harmless(emotion), 40);
    const title = sure === null ? name : `${name}, ${sure}% sure`;
    drawn.push(h("span", { class: "aij-chip aij-felt", title }, feelingDot(emotion), name));
  }
  return drawn.length ? [h("span", { class: "aij-chips" }, ...drawn)] : [];
}

/** The text from one place to another: words as elements, hits marked, whatever stands between left as it is. */
function drawWords(state, said, line, from, to) {
  const { conversation } = state;
  const text = conversation.texts[line];
  const hits = hitsOf(state, line);
  let place = from;
  for (const word of conversation.words(line)) {
    if (word.to <= from) continue;
    if (word.from >= to) break;
    const [begin, end] = [Math.max(from, word.from), Math.min(to, word.to)];
    if (begin > place) said.append(...marked(text, place, begin, hits, state.hit));
    const element = h("span", { class: "aij-word", "data-word": word.word });
    const sure = conversation.confidence(conversation.wordSure[word.word]);
    if (sure !== null && sure < UNSURE) {
      element.classList.add("aij-unsure");
      element.title = `${sure}% sure`;
    }
    element.append(...marked(text, begin, end, hits, state.hit));
    said.append(element);
    place = end;
  }
  if (place < to) said.append(...marked(text, place, to, hits, state.hit));
}

/** A stretch of text, cut at the hits that reach into it. */
function marked(text, from, to, hits, current) {
  const parts = [];
  let place = from;
  for (const hit of hits) {
    const [begin, end] = [Math.max(place, hit.from), Math.min(to, hit.to)];
    if (begin >= end) continue;
    if (begin > place) parts.push(harmless(text.slice(place, begin)));
    const kind = hit.place === current ? "aij-hit aij-hit-now" : "aij-hit";
    parts.push(h("mark", { class: kind }, harmless(text.slice(begin, end))));
    place = end;
  }
  if (place < to) parts.push(harmless(text.slice(place, to)));
  return parts;
}
