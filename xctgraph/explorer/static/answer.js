// An answer: what was cut, a chart, the rows or a graph of the features they name, ways on.

import { file } from "./api.js";
import { chartOf } from "./chart.js";
import { count, download, h, plural, table, fail } from "./dom.js";
import { graphOf } from "./graph.js";
import { featureColumns, markedAddress, named } from "./ids.js";
import { here, link, remember } from "./state.js";

/** Show an answer page in `root`; `path`, `body` and `name` say what to ask again for the whole as a file; `hint` how to draw it. */
export function showAnswer(root, answer, { path, body, name, hint = null }) {
  const cut = answer.total - answer.shown;
  const format = (kind, label) => h("button", { type: "button", onclick: () => save(path, body, kind, name) }, label);
  const ways = h("div", { class: "row" }, format("csv", "CSV"), format("json", "JSON"), format("parquet", "Parquet"));
  const below = h("div", {});
  const rows = transpose(answer.data, answer.shown);
  const asTable = () => below.replaceChildren(...[chartOf(answer, hint), table(answer.columns, rows, link, "Answer")].filter(Boolean));
  const graph = graphButtons(answer, ways, below, asTable);
  root.replaceChildren(
    answer.asked ? h("p", { class: "note small", id: "asked" }, "Nodes and relationships come by their properties. Asked: ", h("code", {}, answer.asked)) : "",
    ...(answer.warnings ?? []).map((warning) => h("p", { class: "note cut small" }, warning)),
    cut > 0
      ? h("p", { class: "note cut", role: "status", id: "cut" }, `The first ${count(answer.shown)} of ${plural(answer.total, "row")} are here; ${count(cut)} are cut. A download holds all of them.`)
      : h("p", { class: "soft", role: "status", id: "rows" }, `${plural(answer.total, "row")} in ${answer.seconds.toPrecision(2)} s`),
    ways, below);
  if (graph && here().parameters.get("as") === "graph") graph();
  else asTable();
}

async function save(path, body, kind, name) {
  try {
    download(`${name}.${kind}`, await file(path, { parameters: body.parameters, ...("text" in body ? { language: body.language, text: body.text } : {}) }, kind));
  } catch (error) {
    fail(error);
  }
}

const transpose = (data, n) => Array.from({ length: n }, (_, row) => data.map((column) => column[row]));

/** Buttons for what an answer that names features can be besides a table; a function that shows the graph, null where it names none. */
function graphButtons(answer, ways, below, asTable) {
  const found = featureColumns(answer);
  if (!found.length) return null;
  const chosen = new Set(found.filter(({ usual }) => usual).map(({ at }) => at));
  if (!chosen.size) chosen.add(found[0].at);
  const columns = () => [...chosen].sort((a, b) => a - b);
  const button = h("button", { type: "button", id: "as-graph", "aria-pressed": "false", title: "Graph or table (g)", onclick: () => (button.getAttribute("aria-pressed") === "true" ? show(false) : show(true)) }, "Graph");
  const highlight = h("a", { id: "highlight", class: "button", title: "Highlight in the scene (h)" });
  const choices = found.map(({ at, name }) => {
    const box = h("input", { type: "checkbox", checked: chosen.has(at), onchange: () => {
      chosen[box.checked ? "add" : "delete"](at);
      update();
      if (button.getAttribute("aria-pressed") === "true") show(true);
    } });
    return h("label", { class: "key" }, box, name);
  });
  function update() {
    const uids = named(answer, columns());
    highlight.hidden = !uids.length;
    if (!uids.length) return;
    highlight.setAttribute("href", markedAddress(uids));
    highlight.textContent = `Highlight ${plural(uids.length, "feature")} in the scene`;
  }
  let turn = 0;
  async function show(on) {
    const mine = ++turn;
    button.setAttribute("aria-pressed", String(on));
    const { view, parameters } = here();
    parameters.delete("as");
    remember(view, { ...Object.fromEntries(parameters), as: on ? "graph" : null });
    if (!on) return asTable();
    if (!chosen.size) return below.replaceChildren(h("p", { class: "soft" }, "Choose a column of features."));
    below.replaceChildren(h("p", { class: "soft" }, "Drawing …"));
    const drawn = await graphOf(answer, columns());
    if (mine === turn) below.replaceChildren(drawn);
    return null;
  }
  update();
  ways.append(button, highlight, found.length > 1 ? h("span", { class: "row small soft" }, "features in", choices) : "");
  return () => show(true).catch(fail);
}

/** Keys of a view that shows an answer. */
export const answerKeys = { g: () => document.getElementById("as-graph")?.click(), h: () => document.getElementById("highlight")?.click() };
