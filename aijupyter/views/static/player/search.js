// Finding what was said, without regard to capitals and accents.

const MOST_HITS = 5000;

/** Where a query stands in the lines: {line, from, to}, in order. */
function findHits(conversation, query) {
  const wanted = fold(query.trim()).text;
  if (!wanted) return [];
  conversation.folded ??= conversation.texts.map(fold);
  const hits = [];
  for (let line = 0; line < conversation.count && hits.length < MOST_HITS; line += 1) {
    const { text, at } = conversation.folded[line];
    for (let place = text.indexOf(wanted); place >= 0; place = text.indexOf(wanted, place + wanted.length)) {
      const end = place + wanted.length;
      hits.push({ line, from: at ? at[place] : place, to: at ? at[end] : end });
      if (hits.length >= MOST_HITS) break;
    }
  }
  return hits;
}

/** "3 of 17", as the eye wants it. */
function hitsInWords(state) {
  if (!state.query.trim()) return "";
  if (!state.hits.length) return "nothing found";
  const all = `${state.hits.length.toLocaleString("en")}${state.hits.length >= MOST_HITS ? "+" : ""}`;
  return state.hit < 0 ? `${all} found` : `${(state.hit + 1).toLocaleString("en")} of ${all}`;
}

/** The hits of one line, for drawing it. Hits are in order of lines. */
function hitsOf(state, line) {
  let [low, high] = [0, state.hits.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (state.hits[middle].line < line) low = middle + 1;
    else high = middle;
  }
  const own = [];
  for (let place = low; state.hits[place]?.line === line; place += 1) own.push({ ...state.hits[place], place });
  return own;
}
