// An answer: what was cut, a figure where a simple one is clear, the rows, ways on.

import { file } from "./api.js";
import { count, download, h, plural, table, titled, words, fail } from "./dom.js";
import { lines } from "./plot.js";
import { link, shared, uidOf, place } from "./state.js";

const LINES = 8;
const COLOURS = ["#2f7ebc", "#e69f00", "#c23b4b", "#009e73", "#8a63c9", "#7f7f7f", "#56b4e9", "#a6761d"];
const IDS = ["feature_id", "fracture_id"];

/** Show an answer page in `place`; `ask` says what to ask again for the whole as a file. */
export function showAnswer(root, answer, { path, body, name }) {
  const cut = answer.total - answer.shown;
  const rows = transpose(answer.data, answer.shown);
  const parts = [];
  for (const warning of answer.warnings ?? []) parts.push(h("p", { class: "note cut small" }, warning));
  parts.push(cut > 0
    ? h("p", { class: "note cut", role: "status", id: "cut" }, `The first ${count(answer.shown)} of ${plural(answer.total, "row")} are here; ${count(cut)} are cut. A download holds all of them.`)
    : h("p", { class: "soft", role: "status", id: "rows" }, `${plural(answer.total, "row")} in ${answer.seconds.toPrecision(2)} s`));
  const format = (kind, label) => h("button", { type: "button", onclick: () => save(path, body, kind, name) }, label);
  parts.push(h("div", { class: "row" }, format("csv", "CSV"), format("json", "JSON"), format("parquet", "Parquet"), highlightButton(answer)));
  const chart = figureOf(answer);
  if (chart) parts.push(chart);
  parts.push(table(answer.columns, rows, link, "Answer"));
  root.replaceChildren(...parts.filter(Boolean));
}

async function save(path, body, kind, name) {
  try {
    download(`${name}.${kind}`, await file(path, { parameters: body.parameters, ...("text" in body ? { language: body.language, text: body.text } : {}) }, kind));
  } catch (error) {
    fail(error);
  }
}

const transpose = (data, n) => Array.from({ length: n }, (_, row) => data.map((column) => column[row]));

function highlightButton(answer) {
  const at = answer.columns.findIndex((column) => IDS.includes(column.name) && column.number);
  if (at < 0 || !answer.shown) return null;
  return h("button", { type: "button", id: "highlight", onclick: () => {
    const ids = new Set(answer.data[at].filter((id) => id !== null));
    shared.highlight = { ids };
    const uid = uidOf(ids.values().next().value);
    const { sample, t } = uid ? place(uid) : {};
    location.hash = uid ? `#/scene?${new URLSearchParams({ sample, t })}` : "#/scene";
  } }, "Highlight in the scene");
}

const colourOf = (name) => name.split(", ").map((part) => shared.store.colours[part]).find(Boolean);

/** Lines over t of one numeric column, one line per kind (or other text); null where the answer is no series. */
function figureOf({ columns, data, shown }) {
  const at = columns.findIndex((column) => column.name === "t");
  if (at < 0 || shown < 2) return null;
  const varying = columns.map((_, i) => i).filter((i) => i !== at && new Set(data[i]).size > 1);
  const texts = varying.filter((i) => columns[i].type === "string" && !columns[i].name.endsWith("uid"));
  const values = varying.filter((i) => columns[i].number && !columns[i].name.endsWith("_id") && columns[i].name !== "label").reverse();
  if (!values.length) return null;
  const groups = new Map();
  for (let row = 0; row < shown; row++) {
    const key = texts.map((i) => data[i][row]).join(", ");
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(row);
  }
  const series = [...groups].map(([name, rows]) => ({ name, rows, t: rows.map((row) => data[at][row]) }));
  // Two rows of one line at one t are no function of time.
  if (series.length > LINES || series.every((s) => s.t.length < 2) || series.some((s) => new Set(s.t).size < s.t.length)) return null;
  const plot = h("div", { class: "chart" });
  const choose = h("select", { "aria-label": "Value to draw", onchange: draw }, values.map((i) => h("option", { value: i }, titled(columns[i]))));
  function draw() {
    const i = Number(choose.value);
    const drawn = series.map(({ name, rows, t }, n) => ({ name: name || words(columns[i].name), t, y: rows.map((row) => data[i][row]), colour: colourOf(name) ?? COLOURS[n % COLOURS.length] }));
    lines(plot, drawn, titled(columns[i]), drawn.length > 1).catch(fail);
  }
  queueMicrotask(draw);
  return h("div", {}, h("div", { class: "row" }, "Over time:", choose), plot);
}
