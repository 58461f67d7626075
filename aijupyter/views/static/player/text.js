// Text as it may come: any script, any length, any control character. Offsets into a text stay true in what is shown.

/** The text for searching: small letters without their marks; `at` is where in the text each of them comes from. */
function fold(text) {
  if (/^[\u0000-\u007f]*$/.test(text)) return { text: text.toLowerCase(), at: null };
  const at = [];
  let folded = "";
  for (let place = 0; place < text.length; ) {
    const character = String.fromCodePoint(text.codePointAt(place));
    const plain = character.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    for (let unit = 0; unit < plain.length; unit += 1) at.push(place);
    folded += plain;
    place += character.length;
  }
  at.push(text.length);
  return { text: folded, at };
}

/** The beginning of a text, cut where it gets longer than `most`. */
function brief(text, most) {
  return text.length <= most ? text : `${text.slice(0, most).trimEnd()}…`;
}

/** Where to cut a text near `wanted`: after a blank where there is one, and never inside a character. */
function cutNear(text, wanted) {
  const blank = text.lastIndexOf(" ", wanted);
  if (blank > wanted - 300 && blank > 0) return blank + 1;
  const code = text.charCodeAt(wanted);
  return code >= 0xdc00 && code <= 0xdfff ? wanted - 1 : wanted;
}

/** "1 word", "2 words", "30,000 words". */
function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

const EMOTIONS = {
  anger: "#d64550", frustration: "#d9730d", disgust: "#8a8f2a", fear: "#8a63c9", sadness: "#4a7fb5", sad: "#4a7fb5",
  joy: "#37a862", happy: "#37a862", excitement: "#7fb53a", excited: "#7fb53a", trust: "#2f9c95",
  surprise: "#b57edc", anticipation: "#c9a227", neutral: "rgba(128, 128, 128, 0.28)",
};

/** The colour of a feeling; grey for one that we have not heard of. */
function feelingColour(emotion) {
  const known = emotion.toLowerCase();
  return Object.hasOwn(EMOTIONS, known) ? EMOTIONS[known] : "#8a8f98";
}

function isNeutral(emotion) {
  return emotion.toLowerCase() === "neutral";
}

function feelingDot(emotion) {
  return h("span", { class: "aij-dot", style: { background: feelingColour(emotion) } });
}

/** A speaker's name in the speaker's colour. */
function speakerTag(group, most = 200) {
  const shown = brief(harmless(group.shown), most);
  return h("bdi", { class: "aij-speaker", style: { color: group.colour }, title: shown }, shown);
}
