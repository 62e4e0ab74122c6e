// The panel beside the scene: kinds, colour, filters, selection, what is picked.

import { h, shown, swatch, titled, unitOf, words, count, plural, fail } from "./dom.js";
import { address, sampleNamed, shared } from "./state.js";

const CAPS = [5_000, 20_000, 50_000, 200_000];
const FACTS = ["equivalent_diameter", "volume", "sphericity", "local_density", "axis_major_length", "intensity_mean"];
const LISTED = 200;

export function sidePanel(scene) {
  const kinds = h("div");
  const filters = h("div");
  const selection = h("div");
  const picked = h("div");
  const scale = h("div", { class: "scale", hidden: true });
  const names = shared.store.columns.map((column) => h("option", { value: column.name }, titled(column)));
  const colour = h("select", { id: "colour", onchange: () => scene.setColour(colour.value) }, h("option", { value: "kind" }, "kind"), names);
  const samples = h("select", { id: "sample", onchange: () => scene.setSample(samples.value) }, shared.store.samples.filter((s) => s.scans.length).map((s) => h("option", { value: s.sample }, s.sample)));
  const most = h("select", { id: "most", onchange: () => { scene.most = Number(most.value); scene.show().catch(fail); } },
    [...new Set([...CAPS, scene.most])].sort((a, b) => a - b).map((n) => h("option", { value: n }, `the ${count(n)} largest`)));
  const boxButton = h("button", { type: "button", id: "box", "aria-pressed": "false", title: "Select by a box (b)", onclick: () => scene.box.toggle() }, "Box select");
  const goTo = h("input", { id: "goto", placeholder: "label or sample/t/label", "aria-label": "Pick a feature by name", size: 20 });
  const find = h("form", { class: "row", onsubmit: (event) => {
    event.preventDefault();
    const text = goTo.value.trim();
    if (text) scene.pick(/^\d+$/.test(text) ? `${scene.sample.sample}/${scene.t}/${text}` : text);
  } }, goTo, h("button", {}, "Pick"));

  const element = h("aside", { class: "side", "aria-label": "What is drawn" },
    shared.store.samples.length > 1 ? [h("h2", {}, h("label", { for: "sample" }, "Sample")), samples] : null,
    h("h2", {}, "Kinds"), kinds,
    h("h2", {}, h("label", { for: "colour" }, "Colour by")), colour, scale,
    h("h2", {}, "Filters"), filters,
    h("h2", {}, h("label", { for: "most" }, "Draw at most")), most,
    h("h2", {}, "Selection"), h("div", { class: "row" }, boxButton), selection,
    h("h2", {}, "Picked"), find, picked);

  function rangeInput(range, side, label) {
    const input = h("input", { type: "number", step: "any", placeholder: label, "aria-label": `${words(range.column)}, ${label}`, value: range[side] ?? "" });
    input.addEventListener("input", () => {
      range[side] = input.value === "" ? null : Number(input.value);
      scene.show().catch(fail);
    });
    return input;
  }

  function fillFilters() {
    const rows = scene.ranges.map((range) => {
      const select = h("select", { "aria-label": "Column to filter by", onchange: () => { Object.assign(range, { column: select.value, low: null, high: null }); fillFilters(); } }, names.map((n) => n.cloneNode(true)));
      select.value = range.column;
      const remove = h("button", { type: "button", class: "plain", title: "Remove this filter", onclick: () => { scene.ranges.splice(scene.ranges.indexOf(range), 1); fillFilters(); scene.show().catch(fail); } }, "✕");
      return h("div", { class: "filter" }, select, remove, rangeInput(range, "low", "at least"), rangeInput(range, "high", "at most"));
    });
    const add = h("button", { type: "button", id: "add-filter", onclick: () => { scene.ranges.push({ column: "equivalent_diameter", low: null, high: null }); fillFilters(); filters.querySelector(".filter:last-of-type input")?.focus(); } }, "Add a filter");
    filters.replaceChildren(...rows, add);
  }

  function fillKinds(byKind) {
    kinds.replaceChildren(...scene.scan.kinds.map((kind, code) => {
      const box = h("input", { type: "checkbox", checked: !scene.hidden.has(kind), onchange: () => { scene.hidden[box.checked ? "delete" : "add"](kind); scene.show().catch(fail); } });
      const complete = scene.scan.loaded >= scene.scan.total;
      return h("label", {}, box, scene.colour === "kind" || kind === "fracture" ? swatch(scene.colours(kind)) : null, kind, h("span", { class: "count" }, complete ? count(byKind[code]) : ""));
    }));
  }

  function fillScale() {
    scale.hidden = scene.colour === "kind";
    if (scale.hidden) return;
    const bar = h("i", { "aria-hidden": "true" });
    bar.style.background = `linear-gradient(to right, ${shared.store.scale.map(([at, colour]) => `${colour} ${100 * at}%`).join(", ")})`;
    const unit = unitOf(scene.column(scene.colour));
    scale.replaceChildren(shown(scene.range[0]), bar, `${shown(scene.range[1])} ${unit}`);
  }

  function fillSelection() {
    const marked = scene.marks ? h("div", { class: "row small" }, `${plural(scene.marks.of, "feature")} highlighted`, h("button", { type: "button", onclick: () => { scene.marks = null; scene.show().catch(fail); } }, "Clear")) : "";
    if (!scene.selected) {
      selection.replaceChildren(marked, h("p", { class: "soft small" }, "Drag a box over the drawn features."));
      return;
    }
    const ids = [...scene.selected].map((label) => scene.scan.header.first_id + label);
    const text = `MATCH (f:Feature)\nWHERE f.feature_id IN [${ids.slice(0, LISTED).join(", ")}]\nRETURN f.feature_id AS feature_id, f.uid AS uid, f.kind AS kind, f.volume AS volume\nORDER BY feature_id`;
    selection.replaceChildren(
      marked,
      h("p", {}, `${plural(ids.length, "feature")} selected${ids.length > LISTED ? `, the first ${LISTED} go to the console` : ""}`),
      h("div", { class: "row" },
        h("button", { type: "button", "aria-pressed": String(scene.only), onclick: () => { scene.only = !scene.only; scene.show().catch(fail); } }, "Only these"),
        h("a", { href: address("console", { language: "cypher", text }) }, "Console"),
        h("button", { type: "button", onclick: () => { scene.selected = null; scene.only = false; scene.show().catch(fail); } }, "Clear")));
  }

  function fillPicked() {
    const { feature } = scene;
    if (!scene.picked || !feature) {
      picked.replaceChildren(h("p", { class: "soft small" }, "Click a feature."));
      return;
    }
    const facts = FACTS.map((name) => feature.attributes.find((a) => a.name === name)).filter((a) => a && a.value !== null);
    const sample = sampleNamed(feature.sample);
    const gap = sample.scans.find((scan) => scan.t === feature.t)?.near_gap;
    picked.replaceChildren(
      h("p", {}, h("a", { href: address("feature", { uid: feature.uid }), id: "picked" }, feature.uid), " ", h("span", { class: "badge" }, feature.kind)),
      h("dl", { class: "facts" }, facts.map((a) => [h("dt", {}, words(a.name)), h("dd", {}, `${shown(a.value, a.name)} ${unitOf(a)}`)])),
      h("p", { class: "small" }, `${plural(feature.n_near, "neighbour")} within ${shown(gap)} µm${feature.n_near > feature.near.length ? `, the nearest ${count(feature.near.length)} drawn` : ""}`),
      h("p", { class: "small" }, `Track: scans ${feature.track[0]?.t} to ${feature.track.at(-1)?.t}. Green: where it was and goes.`),
      h("div", { class: "row" }, h("button", { type: "button", onclick: () => scene.pick(null) }, "Clear")));
  }

  fillFilters();
  return {
    element,
    boxing: (on) => boxButton.setAttribute("aria-pressed", String(on)),
    update(byKind) {
      colour.value = scene.colour;
      samples.value = scene.sample.sample;
      most.value = String(scene.most);
      fillKinds(byKind);
      fillScale();
      fillSelection();
      fillPicked();
    },
  };
}
