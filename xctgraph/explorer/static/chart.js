// A chart of an answer: as the question suggests, or as the reader chooses.

import { h, fail, titled, words } from "./dom.js";
import { axis, CONFIG, layout, plotly } from "./plot.js";
import { shared } from "./state.js";

const COLOURS = ["#2f7ebc", "#e69f00", "#c23b4b", "#009e73", "#8a63c9", "#7f7f7f", "#56b4e9", "#a6761d"];
const MODES = { line: "lines+markers", scatter: "markers" };

const isId = (name) => /_(id|no)$/.test(name) || name === "label";
const colourOf = (value) => shared.store.colours[value];
const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** A chart with menus for its kind and columns; `hint` is { kind, x, y, colour } of the question, null for a statement. */
export function chartOf(answer, hint) {
  const { columns, shown } = answer;
  const values = columns.filter((column) => column.number && !isId(column.name));
  if (shown < 2 || !values.length) return null;
  const first = hint ?? overTime(answer, values) ?? { kind: "scatter", x: columns[0].name, y: values.at(-1).name, colour: "" };
  const menu = (label, names, value) => h("select", { "aria-label": label, onchange: draw }, names.map(([name, text]) => h("option", { value: name, selected: name === value }, text)));
  const all = columns.filter((column) => !column.type.startsWith("list")).map((column) => [column.name, titled(column)]);
  const kind = menu("Kind of chart", [["line", "lines"], ["scatter", "points"], ["bar", "bars"]], first.kind);
  const x = menu("Along x", all, first.x);
  const y = menu("Along y", columns.filter((column) => column.number).map((column) => [column.name, titled(column)]), first.y);
  const colour = menu("Colour of the chart", [["", "one colour"], ...all], first.colour);
  const plot = h("div", { class: "chart" });
  const note = h("p", { class: "soft", hidden: true });
  function draw() {
    if (box.open) drawn(answer, { kind: kind.value, x: x.value, y: y.value, colour: colour.value }, plot, note).catch(fail);
  }
  const box = h("details", { class: "charted", open: Boolean(hint ?? overTime(answer, values)), ontoggle: draw },
    h("summary", {}, "Chart"), h("div", { class: "row" }, kind, h("span", {}, "of"), y, h("span", {}, "over"), x, h("span", {}, "by"), colour), note, plot);
  return box;
}

async function drawn({ columns, data, shown }, { kind, x, y, colour }, plot, note) {
  const at = (name) => columns.findIndex((column) => column.name === name);
  const [ix, iy, ic, is] = [x, y, colour, "sample"].map(at);
  // Rows of two samples are no one line.
  const split = kind === "line" && is >= 0 && is !== ic && new Set(data[is]).size > 1;
  const series = new Map();
  for (let row = 0; row < shown; row++) {
    if (data[ix][row] === null || data[iy][row] === null) continue;
    const key = [ic < 0 ? null : data[ic][row], split ? data[is][row] : null].filter((part) => part !== null);
    const name = key.join(", ");
    if (!series.has(name)) series.set(name, { name, colour: colourOf(key[0]), x: [], y: [] });
    series.get(name).x.push(typeof data[ix][row] === "string" ? safe(data[ix][row]) : data[ix][row]);
    series.get(name).y.push(data[iy][row]);
  }
  const found = [...series.values()].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  note.hidden = found.length > 0;
  note.textContent = `Nothing to draw: no row has both ${words(x)} and ${words(y)}.`;
  plot.hidden = !found.length;
  if (plot.hidden) return;
  const ownColours = new Set(found.map((one) => one.colour ?? "")).size === found.length && found.every((one) => one.colour);
  const legend = found.length > 1;
  const traces = found.map((one, i) => {
    const shade = ownColours ? one.colour : COLOURS[i % COLOURS.length];
    const common = { name: safe(one.name), x: one.x, y: one.y, hovertemplate: `%{x}<br>%{y:.4~g}<extra>${safe(one.name)}</extra>` };
    return kind === "bar" ? { ...common, type: "bar", marker: { color: shade } }
      : { ...common, type: "scatter", mode: MODES[kind], line: { color: shade }, marker: { size: one.x.length > 500 ? 4 : 7, color: shade } };
  });
  const ticks = x === "t" ? { dtick: new Set(data[ix]).size > 20 ? undefined : 1 } : {};
  const category = columns[ix].number && !isId(x) ? {} : { type: "category" };
  const figure = layout({
    margin: { l: 72, r: 12, t: legend ? 34 : 12, b: 44 }, showlegend: legend, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, uirevision: [kind, x, y].join(),
    xaxis: axis(safe(titled(columns[ix])), { ...ticks, ...category }), yaxis: axis(safe(titled(columns[iy]))),
  });
  await (await plotly()).react(plot, traces, figure, CONFIG);
}

/** A series over t, where the rows are one: the last number, a line for each value of the first text that varies. */
function overTime({ columns, data, shown }, values) {
  const t = columns.findIndex((column) => column.name === "t");
  const y = values.filter((column) => column.name !== "t").at(-1);
  if (t < 0 || !y || new Set(data[t]).size < 2) return null;
  const text = columns.findIndex((column, i) => column.type === "string" && !column.name.endsWith("uid") && new Set(data[i]).size > 1);
  const keys = Array.from({ length: shown }, (_, row) => `${data[t][row]} ${text < 0 ? "" : data[text][row]}`);
  // Two rows of one line at one t are no function of time.
  if (new Set(keys).size < shown || (text >= 0 && new Set(data[text]).size > COLOURS.length)) return null;
  return { kind: "line", x: "t", y: y.name, colour: text < 0 ? "" : columns[text].name };
}
