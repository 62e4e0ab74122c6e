// An answer as a graph: features it names as nodes, what stands in one row, or what the store holds, as links.

import { ask, newKey } from "./api.js";
import { count, h, plural, shown, svg, swatch, titled } from "./dom.js";
import { places } from "./force.js";
import { links, named, numberOf } from "./ids.js";
import { address, place, shared } from "./state.js";

const DRAWN = 400;
const NAMED = 40;
const WIDTH = 900;
const HEIGHT = 560;
const FEATURES = `SELECT list(feature_id) AS ids, list(kind) AS kinds, list(equivalent_diameter) AS sizes
FROM features WHERE feature_id IN (SELECT unnest($ids))`;
const STORED = `SELECT list(source) AS sources, list(target) AS targets, list(type) AS types FROM (
SELECT source, target, 'NEAR' AS type FROM near UNION ALL SELECT source, target, 'TOUCHES' FROM touches UNION ALL SELECT source, target, 'NEXT' FROM "next")
WHERE source IN (SELECT unnest($ids)) AND target IN (SELECT unnest($ids))`;

/** A graph of an answer, from its `chosen` columns; resolves to an element. */
export async function graphOf(answer, chosen) {
  const all = named(answer, chosen);
  const drawn = all.slice(0, DRAWN);
  const index = new Map(drawn.map((uid, i) => [uid, i]));
  const ids = drawn.map(numberOf);
  let edges = links(answer, chosen).map((link) => ({ ...link, told: rowOf(answer, chosen, link.row) }));
  const ofStore = !edges.length;
  const features = new Map();
  const notes = [];
  try {
    const about = await lists(FEATURES, ids);
    about[0]?.forEach((id, i) => features.set(id, { kind: about[1][i], size: about[2][i] }));
    if (ofStore) edges = stored(await lists(STORED, ids), drawn, ids);
  } catch (error) {
    notes.push(`Kinds and links of the store are missing: ${error.message}`);
  }
  const between = edges.filter(({ source, target }) => index.has(source) && index.has(target));
  const unknown = features.size ? ids.filter((id) => !features.has(id)).length : 0;
  notes.unshift(`${count(drawn.length)} of ${plural(all.length, "feature")} and ${count(between.length)} of ${plural(edges.length, "link")} drawn${ofStore ? "; links are the NEAR, TOUCHES and NEXT of the store" : ""}${unknown ? `; the store has no feature of ${plural(unknown, "id")}` : ""}`);
  return picture(drawn, ids.map((id) => features.get(id)), between.map((edge) => ({ ...edge, a: index.get(edge.source), b: index.get(edge.target) })), notes);
}

async function lists(text, ids) {
  const { data } = await ask("console", { language: "sql", text, parameters: { ids }, key: newKey() });
  return data.map(([list]) => list);
}

function stored([sources, targets, types], uids, ids) {
  const uidOf = new Map(ids.map((id, i) => [id, uids[i]]));
  return (sources ?? []).map((source, i) => ({ source: uidOf.get(source), target: uidOf.get(targets[i]), type: types[i], told: types[i] }));
}

const rowOf = ({ columns, data }, chosen, row) =>
  columns.map((column, i) => (chosen.includes(i) ? null : `${titled(column)}: ${shown(data[i][row], column.name)}`)).filter(Boolean).join("\n");

function picture(uids, features, edges, notes) {
  const { at, unit } = fitted(places(uids.length, edges.map(({ a, b }) => [a, b]), WIDTH / HEIGHT));
  const size = Math.min(1, Math.max(0.55, unit / 30));
  const largest = Math.max(...features.map((feature) => feature?.size ?? 0), 1e-9);
  const degree = new Array(uids.length).fill(0);
  for (const { a, b } of edges) for (const end of [a, b]) degree[end]++;
  const lines = edges.map(({ a, b, source, target, type, told }) =>
    svg("line", { x1: at[a].x, y1: at[a].y, x2: at[b].x, y2: at[b].y, class: type ? `link ${type.toLowerCase()}` : "link" }, svg("title", {}, `${source} – ${target}${told ? `\n${told}` : ""}`)));
  const text = (i) => `${uids[i]}${features[i] ? ` · ${features[i].kind} · ⌀ ${shown(features[i].size)} µm` : ""} · ${plural(degree[i], "link")}`;
  const nodes = uids.map((uid, i) => svg("a", { href: address("feature", { uid }), class: "node", tabindex: i ? -1 : 0, "aria-label": text(i), "data-i": i },
    svg("circle", { cx: at[i].x, cy: at[i].y, r: size * (4 + 7 * Math.sqrt((features[i]?.size ?? 0) / largest)), fill: shared.store.colours[features[i]?.kind] ?? "#8a93a0" }),
    uids.length <= NAMED ? svg("text", { x: at[i].x + 10, y: at[i].y - 8 }, `${place(uid).t}/${place(uid).label}`) : null,
    svg("title", {}, text(i))));
  const kinds = [...new Set(features.map((feature) => feature?.kind).filter(Boolean))].sort();
  const types = [...new Set(edges.map((edge) => edge.type).filter(Boolean))].sort();
  const legend = h("div", { class: "row small" }, kinds.map((kind) => h("span", { class: "key" }, swatch(shared.store.colours[kind] ?? "#009e73"), kind)),
    types.map((type) => h("span", { class: "key" }, h("i", { class: `stroke ${type.toLowerCase()}` }), type)));
  const told = h("p", { class: "soft small", role: "status", id: "node" }, "Arrow keys walk from node to node, Enter opens one; wheel or + and − zoom, drag moves, 0 shows all.");
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "graph", id: "graph", role: "group", "aria-label": "Answer as a graph" }, lines, nodes);
  moving(drawing);
  walking(drawing, nodes, at);
  const mark = (i, on) => {
    edges.forEach(({ a, b }, k) => { if (a === i || b === i) lines[k].classList.toggle("lit", on); });
    if (on) told.textContent = text(i);
  };
  nodes.forEach((node, i) => {
    for (const [event, on] of [["mouseenter", true], ["focus", true], ["mouseleave", false], ["blur", false]]) node.addEventListener(event, () => mark(i, on));
  });
  return h("div", { class: "graphed" }, notes.map((note, i) => h("p", { class: "soft", id: i ? null : "drawn" }, note)), legend, drawing, told);
}

/** Places stretched over the picture, both axes alike, and pixels of one length. */
function fitted(at) {
  const range = (name) => [Math.min(...at.map((p) => p[name])), Math.max(...at.map((p) => p[name]))];
  const [[left, right], [top, bottom]] = [range("x"), range("y")];
  const scale = Math.min((WIDTH - 100) / (right - left || 1), (HEIGHT - 60) / (bottom - top || 1), 90);
  const round = (value) => Number(value.toFixed(1));
  return { unit: scale, at: at.map(({ x, y }) => ({ x: round(WIDTH / 2 + scale * (x - (left + right) / 2)), y: round(HEIGHT / 2 + scale * (y - (top + bottom) / 2)) })) };
}

/** Wheel and keys zoom, dragging moves. */
function moving(drawing) {
  let box = [0, 0, WIDTH, HEIGHT];
  const set = (next) => { box = next; drawing.setAttribute("viewBox", box.join(" ")); };
  const zoom = (factor, [fx, fy] = [0.5, 0.5]) => {
    const [x, y, w, hh] = box;
    set([x + fx * w * (1 - factor), y + fy * hh * (1 - factor), w * factor, hh * factor]);
  };
  drawing.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { left, top, width, height } = drawing.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 0.85 : 1 / 0.85, [(event.clientX - left) / width, (event.clientY - top) / height]);
  }, { passive: false });
  let dragged = 0;
  drawing.addEventListener("pointerdown", () => { dragged = 0; });
  drawing.addEventListener("pointermove", (event) => {
    if (event.buttons !== 1) return;
    dragged += Math.abs(event.movementX) + Math.abs(event.movementY);
    const scale = box[2] / drawing.getBoundingClientRect().width;
    set([box[0] - scale * event.movementX, box[1] - scale * event.movementY, box[2], box[3]]);
  });
  // A drag that begins on a node opens no page.
  drawing.addEventListener("click", (event) => dragged > 4 && event.preventDefault(), true);
  drawing.addEventListener("dragstart", (event) => event.preventDefault());
  drawing.addEventListener("keydown", (event) => {
    const does = { "+": () => zoom(0.8), "=": () => zoom(0.8), "-": () => zoom(1.25), 0: () => set([0, 0, WIDTH, HEIGHT]) }[event.key];
    if (!does || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    does();
  });
}

const DIRECTIONS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** Arrow keys: to the nearest node within 60° of the direction; one node at a time takes part in Tab. */
function walking(drawing, nodes, at) {
  drawing.addEventListener("keydown", (event) => {
    const direction = DIRECTIONS[event.key];
    const here = Number(event.target.closest(".node")?.dataset.i);
    if (!direction || Number.isNaN(here)) return;
    event.preventDefault();
    event.stopPropagation();
    let next = -1;
    let nearest = Infinity;
    at.forEach(({ x, y }, i) => {
      const [dx, dy] = [x - at[here].x, y - at[here].y];
      const far = Math.hypot(dx, dy);
      if (i !== here && far < nearest && dx * direction[0] + dy * direction[1] > far / 2) [next, nearest] = [i, far];
    });
    if (next < 0) return;
    nodes[here].setAttribute("tabindex", -1);
    nodes[next].setAttribute("tabindex", 0);
    nodes[next].focus();
  });
}
