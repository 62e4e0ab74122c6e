// One feature: attributes, track, voxels, neighbours, links, job, and the Cypher that finds it.

import { get } from "./api.js";
import { crops } from "./crops.js";
import { count, h, plural, shown, table, unitOf, words, fail } from "./dom.js";
import { lines } from "./plot.js";
import { address, link, shared } from "./state.js";

const MEASURES = [["volume", "µm³"], ["equivalent_diameter", "µm"], ["sphericity", ""], ["local_density", ""]];
const col = (name, unit = "", number = true) => ({ name, unit, number });
const NEAR = [col("uid", "", false), col("kind", "", false), col("gap", "um"), col("distance", "um"), col("contact_area", "um^2"), col("equivalent_diameter", "um")];
const LINKS = [col("uid", "", false), col("kind", "", false), col("event", "", false), col("iou"), col("confidence"), col("volume", "um^3")];

export async function featureView(root, parameters) {
  const uid = parameters.get("uid");
  if (!uid) {
    root.append(chooser());
    return {};
  }
  const feature = await get("feature", { uid });
  const page = h("div", { class: "page" });
  root.append(page);
  page.append(
    h("div", { class: "row" }, h("h1", {}, feature.uid), h("span", { class: "badge" }, feature.kind),
      h("a", { href: address("scene", { sample: feature.sample, t: feature.t, pick: feature.uid }) }, "In the scene")),
    h("div", { class: "columns" },
      h("div", {}, track(feature), crops(feature), neighbours(feature), links(feature), cypher(feature)),
      h("div", {}, attributes(feature), job(feature))));
  return {
    restyle: () => page.querySelector(".chart")?.redraw?.(),
    key: (event) => {
      const neighbour = { ArrowLeft: feature.earlier[0], ArrowRight: feature.later[0] }[event.key];
      if (neighbour) location.hash = address("feature", { uid: neighbour.uid });
      return Boolean(neighbour);
    },
  };
}

function chooser() {
  const first = shared.store.samples.find((s) => s.scans.length);
  const example = first ? `${first.sample}/${first.scans[0].t}/1` : "S1/0/1";
  const input = h("input", { placeholder: example, "aria-label": "uid of a feature", size: 30, required: true });
  const form = h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); location.hash = address("feature", { uid: input.value.trim() }); } }, input, h("button", { class: "main" }, "Open"));
  return h("div", { class: "page" }, h("h1", {}, "Which feature?"), h("p", { class: "soft" }, "Pick one in the scene, or give its uid: sample/t/label."), form);
}

function track(feature) {
  const choose = h("select", { "aria-label": "Measure", onchange: draw }, MEASURES.map(([name]) => h("option", { value: name }, words(name))));
  const plot = h("div", { class: "chart" });
  function draw() {
    const [name, unit] = MEASURES.find(([n]) => n === choose.value);
    const colour = shared.store.colours[feature.kind] ?? "#009e73";
    lines(plot, [{ name: feature.kind, t: feature.track.map((f) => f.t), y: feature.track.map((f) => f[name]), colour }], unit ? `${words(name)} / ${unit}` : words(name), false).catch(fail);
  }
  plot.redraw = draw;
  queueMicrotask(draw);
  const members = feature.track.map((f) => (f.uid === feature.uid ? h("b", {}, String(f.t)) : h("a", { href: address("feature", { uid: f.uid }) }, String(f.t))));
  return h("section", {}, h("h2", {}, `Track: ${plural(feature.track.length, "scan")}`), h("div", { class: "row" }, choose, h("span", { class: "soft" }, "scan"), members), plot);
}

function attributes(feature) {
  const rows = feature.attributes.map((a) => h("tr", {},
    h("th", { scope: "row", title: a.meaning }, words(a.name)),
    h("td", { class: typeof a.value === "number" ? "n" : null }, shown(a.value, a.name)),
    h("td", { class: "soft", title: a.frame ? `${a.frame} frame` : null }, unitOf(a)),
    h("td", { class: "soft small text" }, a.meaning)));
  return h("section", {}, h("h2", {}, "Attributes"), h("div", { class: "table tall attributes", tabindex: "0", role: "region", "aria-label": "Attributes" }, h("table", {}, h("tbody", {}, rows))));
}

const rowsOf = (items, columns) => items.map((item) => columns.map((column) => item[column.name]));

function neighbours(feature) {
  const cut = feature.n_near - feature.near.length;
  return h("section", {}, h("h2", {}, plural(feature.n_near, "neighbour")),
    cut > 0 ? h("p", { class: "note cut" }, `The nearest ${count(feature.near.length)} are here; ${count(cut)} are not.`) : null,
    table(NEAR, rowsOf(feature.near, NEAR), link, "Neighbours"));
}

function links(feature) {
  return h("section", {}, h("h2", {}, "Before"), table(LINKS, rowsOf(feature.earlier, LINKS), link, "Links from the scan before"),
    h("h2", {}, "After"), table(LINKS, rowsOf(feature.later, LINKS), link, "Links to the next scan"));
}

function job(feature) {
  if (!feature.job) return h("section", {}, h("h2", {}, "Made by"), h("p", {}, "The job that made it is no longer recorded."));
  const { command, version, started_at: started, seconds, seed, parameters, inputs, job_id: id } = feature.job;
  const facts = { job: id, command, version, started, seconds: shown(seconds), seed: shown(seed, "seed_no") };
  return h("section", {}, h("h2", {}, "Made by"),
    h("dl", { class: "facts" }, Object.entries(facts).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("details", {}, h("summary", {}, "Parameters"), h("pre", {}, JSON.stringify(parameters, null, 2))),
    h("details", {}, h("summary", {}, "Inputs"), h("pre", {}, JSON.stringify(inputs, null, 2))));
}

function cypher(feature) {
  return h("section", {}, h("h2", {}, "The Cypher that finds it"), h("pre", {}, feature.cypher),
    h("a", { href: address("console", { language: "cypher", text: feature.cypher }) }, "Open in the console"));
}

