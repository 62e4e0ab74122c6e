// Traces of the scene: points by kind or by a column, meshes of fractures, edges around what is picked, highlights.

import { axis, layout, variable } from "./plot.js";

const PICKED = "#e4007f";
const LATER = "#009e73";
const LIGHT = { ambient: 0.75, diffuse: 0.5, specular: 0.1 };

/** Diameters of markers in pixels: growing with the feature's, and smaller where many are drawn. */
function sizes(scan, rows, largest, many) {
  const diameter = scan.column("equivalent_diameter");
  const span = many ? 9 : 15;
  return Float32Array.from(rows, (row) => 2 + span * Math.sqrt(diameter[row] / largest));
}

const pick = (values, rows) => {
  const out = new values.constructor(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i]];
  return out;
};

function points(scan, rows, drawn, marker) {
  const largest = scan.column("equivalent_diameter")[drawn[0]];
  return {
    type: "scatter3d", mode: "markers", hoverinfo: "none",
    x: pick(scan.column("x"), rows), y: pick(scan.column("y"), rows), z: pick(scan.column("z"), rows),
    marker: { size: sizes(scan, rows, largest, drawn.length > 5000), line: { width: 0 }, opacity: 1, ...marker },
    meta: { rows },
  };
}

// The bar of colours stands in the side panel: that of plotly.js sets style attributes, which our policy forbids.
const scale = (range, colorscale) => ({ cmin: range[0], cmax: range[1], colorscale, showscale: false });

export function features(scan, rows, { colour, range, colours, colourScale }) {
  if (colour !== "kind") {
    const values = scan.column(colour);
    return [points(scan, rows, rows, { color: pick(values, rows), ...scale(range, colourScale) })];
  }
  return scan.kinds.map((kind, code) => {
    const kinds = scan.column("kind");
    const own = rows.filter((row) => kinds[row] === code);
    return points(scan, own, rows, { color: colours(kind) });
  }).filter((trace) => trace.x.length);
}

export function meshes(scan, surfaces, { colour, range, colours, colourScale }) {
  return surfaces.map(({ label, x, y, z, i, j, k }) => {
    const row = scan.row(label);
    const value = colour === "kind" || row < 0 ? null : scan.column(colour)[row];
    const paint = value === null || Number.isNaN(value)
      ? { color: colours("fracture") }
      : { intensity: new Float32Array(x.length).fill(value), ...scale(range, colourScale) };
    return { type: "mesh3d", x, y, z, i, j, k, opacity: 0.6, flatshading: false, lighting: LIGHT, hoverinfo: "none", meta: { label }, ...paint };
  });
}

function segments(from, others, colour, width) {
  const [z, y, x] = from;
  const line = { x: [], y: [], z: [] };
  for (const other of others) {
    line.x.push(x, other.x, null);
    line.y.push(y, other.y, null);
    line.z.push(z, other.z, null);
  }
  return { type: "scatter3d", mode: "lines", hoverinfo: "none", line: { color: colour, width }, ...line };
}

/** NEAR edges and, to where they were and will be, NEXT edges around the picked feature. */
export function around(feature) {
  const [z, y, x] = feature.position;
  const links = [...feature.earlier, ...feature.later];
  const traces = [
    segments(feature.position, feature.near, variable("--soft"), 2),
    segments(feature.position, links, LATER, 5),
    {
      type: "scatter3d", mode: "markers", hoverinfo: "none", x: links.map((l) => l.x), y: links.map((l) => l.y), z: links.map((l) => l.z),
      marker: { size: 6, symbol: "diamond", color: LATER }, meta: { uids: links.map((l) => l.uid) },
    },
    { type: "scatter3d", mode: "markers", hoverinfo: "none", x: [x], y: [y], z: [z], marker: { size: 18, symbol: "circle-open", color: PICKED, line: { width: 3 } } },
  ];
  return traces.filter((trace) => trace.x.length);
}

export function marked(scan, rows, size = 9) {
  if (!rows.length) return [];
  return [{
    type: "scatter3d", mode: "markers", hoverinfo: "none", x: pick(scan.column("x"), rows), y: pick(scan.column("y"), rows), z: pick(scan.column("z"), rows),
    marker: { size, symbol: "circle-open", color: PICKED, line: { width: 2 } }, meta: { rows },
  }];
}

/** The frame is that of the whole scan, so that playing time does not make it jump. */
export function frame(scan) {
  const { extent, spacing } = scan.header;
  const side = (name, i) => axis(`${name} / µm`, {
    range: [0, (extent[i] - 1) * spacing[i]], showbackground: false, mirror: true, showspikes: false, tickfont: { size: 10 },
  });
  return layout({
    margin: { l: 0, r: 0, t: 0, b: 0 },
    scene: {
      xaxis: side("x", 2), yaxis: side("y", 1), zaxis: side("z", 0), aspectmode: "data", uirevision: scan.sample,
      camera: { eye: { x: 1.35, y: 1.35, z: 0.75 }, center: { x: 0, y: 0, z: -0.1 } },
    },
  });
}
