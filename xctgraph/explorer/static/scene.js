// The scene: features of a scan in 3D, over time.

import { get } from "./api.js";
import { h, fail, plural, count } from "./dom.js";
import { boxTool } from "./box.js";
import { readMarks } from "./ids.js";
import * as picture from "./picture.js";
import { CONFIG, plotly } from "./plot.js";
import { forget, scanOf, surfacesOf } from "./scan.js";
import { sidePanel } from "./side.js";
import { address, here, place, remember, sampleNamed, shared } from "./state.js";

const FIRST = 20_000;
// The largest of the largest: on the screen while the others are still being drawn.
const AT_ONCE = 2_000;
const STEP_MS = 800;
const LISTED = 8;

export async function scene(root, parameters) {
  if (!shared.store.samples.some((sample) => sample.scans.length)) {
    root.append(h("div", { class: "page" }, h("h1", {}, "Nothing here yet"), h("p", {}, "The store holds no scans: `xctgraph ingest` fills it, and this page follows.")));
    return { refresh: () => shared.store.samples.some((s) => s.scans.length) && window.dispatchEvent(new Event("hashchange")) };
  }
  const view = new Scene(root, parameters);
  await view.show();
  return view;
}

class Scene {
  constructor(root, parameters) {
    this.sample = sampleNamed(parameters.get("sample")) ?? shared.store.samples.find((s) => s.scans.length);
    const wanted = Number(parameters.get("t") ?? this.times[0]);
    this.t = this.times.includes(wanted) ? wanted : this.times[0];
    this.colour = this.column(parameters.get("colour")) ? parameters.get("colour") : "kind";
    this.hidden = new Set((parameters.get("hidden") ?? "").split(",").filter(Boolean));
    this.ranges = readRanges(parameters.get("filter"), (name) => this.column(name));
    this.most = Number(parameters.get("most")) || FIRST;
    this.picked = parameters.get("pick");
    this.marks = readMarks(parameters);
    this.selected = null;
    this.only = false;
    this.feature = null;
    this.range = null;
    this.turn = 0;
    this.plot = h("div", { class: "plot", id: "picture", role: "img", "aria-label": "Features in 3D" });
    this.status = h("div", { class: "status", role: "status" });
    this.hover = h("div", { class: "hover", hidden: true });
    this.canvas = h("div", { class: "canvas" }, this.status, this.plot, this.hover);
    this.side = sidePanel(this);
    this.time = this.#timeBar();
    root.append(h("div", { class: "scene" }, this.canvas, this.time, this.side.element));
    this.box = boxTool(this);
  }

  get times() { return this.sample.scans.map((scan) => scan.t); }
  column(name) { return shared.store.columns.find((column) => column.name === name); }
  get filtered() { return this.hidden.size > 0 || this.ranges.length > 0 || this.only; }
  colours(kind) { return shared.store.colours[kind] ?? "#009e73"; }

  /** Fetch what is missing and draw; a later call overtakes an earlier one. */
  async show() {
    const turn = ++this.turn;
    const { revision } = shared.store;
    const scan = scanOf(revision, this.sample.sample, this.t);
    const names = [...new Set([...(this.colour === "kind" ? [] : [this.colour]), ...this.ranges.map((r) => r.column)])];
    await scan.have(names, this.filtered || this.marks ? Infinity : this.most);
    if (turn !== this.turn) return;
    this.scan = scan;
    if (this.colour !== "kind") this.range ??= scan.range(this.colour);
    this.surfaces ??= { meshes: [], fractures: 0 };
    if (this.surfacesAt !== `${revision}/${this.t}`) this.surfaces = { meshes: [], fractures: 0 };
    if (this.picked && this.feature?.uid !== this.picked) await this.#fetchPicked(turn);
    if (turn !== this.turn) return;
    if (!this.rows && scan.loaded > AT_ONCE) {
      await this.draw(AT_ONCE);
      await painted();
      if (turn !== this.turn) return;
    }
    await this.draw();
    this.#remember();
    await painted();
    if (this.surfacesAt !== `${revision}/${this.t}`) this.#fetchSurfaces(revision, turn);
  }

  async #fetchPicked(turn) {
    try {
      const found = await get("feature", { uid: this.picked });
      if (turn === this.turn) this.feature = found;
    } catch (error) {
      fail(error);
      this.picked = this.feature = null;
    }
  }

  async #fetchSurfaces(revision, turn) {
    try {
      const found = await surfacesOf(revision, this.sample.sample, this.t);
      if (turn !== this.turn) return;
      this.surfaces = found;
      this.surfacesAt = `${revision}/${this.t}`;
      if (found.meshes.length) await this.draw();
    } catch (error) {
      fail(error);
    }
  }

  async draw(most = this.most) {
    const began = performance.now();
    const { scan } = this;
    const style = {
      colour: this.colour, range: this.range, colours: (kind) => this.colours(kind), colourScale: shared.store.scale,
    };
    const surfaces = this.hidden.has("fracture") ? [] : this.surfaces.meshes;
    const only = this.only ? this.selected : null;
    const { rows, n, byKind } = scan.passing({ hidden: this.hidden, ranges: this.ranges, only, most, without: new Set(surfaces.map((s) => s.label)) });
    this.rows = rows;
    const shownSurfaces = surfaces.filter(({ label }) => this.#passes(label, only));
    this.meshed = shownSurfaces.map(({ label }) => scan.row(label)).filter((row) => row >= 0);
    const marks = this.#highlighted();
    const traces = [
      ...picture.meshes(scan, shownSurfaces, style),
      ...picture.features(scan, rows, style),
      ...picture.marked(scan, this.selected && !this.only ? rows.filter((row) => this.selected.has(scan.column("label")[row])) : []),
      ...picture.marked(scan, marks, 16),
      ...(this.picked && this.feature ? picture.around(this.feature) : []),
    ];
    const figure = await (await plotly()).react(this.plot, traces, picture.frame(scan), CONFIG);
    this.#listen(figure);
    this.#say(rows.length + shownSurfaces.length, n, marks.length);
    this.side.update(byKind);
    this.#timeText();
    this.plot.dataset.drawn = String(rows.length + shownSurfaces.length);
    this.plot.dataset.t = String(this.t);
    this.plot.dataset.ms = (performance.now() - began).toFixed(0);
  }

  #passes(label, only) {
    if (only && !only.has(label)) return false;
    const row = this.scan.row(label);
    return row < 0 || this.ranges.every(({ column, low, high }) => {
      const value = this.scan.column(column)[row];
      return value >= (low ?? -Infinity) && value <= (high ?? Infinity);
    });
  }

  #highlighted() {
    const labels = this.marks?.scans.get(`${this.sample.sample}/${this.t}`);
    if (!labels) return [];
    const rows = [];
    for (let row = 0; row < this.scan.loaded; row++) if (labels.has(this.scan.column("label")[row])) rows.push(row);
    return rows;
  }

  #say(drawn, n, marks) {
    const { total } = this.scan;
    const passing = this.filtered ? n : total;
    const lines = [`${count(drawn)} of ${plural(total, "feature")} drawn`];
    if (this.filtered) lines.push(`${count(passing)} pass the filters`);
    if (passing > drawn) lines.push(`${count(passing - drawn)} smaller ones are not drawn`);
    const cut = this.surfaces.fractures - this.surfaces.meshes.length;
    const coarse = Math.max(1, ...this.surfaces.meshes.map((mesh) => mesh.step));
    if (this.surfaces.meshes.length && cut > 0) lines.push(`${plural(cut, "smaller fracture")} as points`);
    if (coarse > 1) lines.push(`fractures in cubes of ${coarse} voxels`);
    if (this.marks) lines.push(`${count(marks)} of ${plural(this.marks.of, "highlighted feature")} in this scan${this.#elsewhere()}`);
    this.status.replaceChildren(h("span", {}, lines.join(" · ")));
  }

  /** Where the other highlighted features are. */
  #elsewhere() {
    const { scans, n, of } = this.marks;
    const names = [...scans.keys()].filter((name) => name !== `${this.sample.sample}/${this.t}`).map((name) => (shared.store.samples.length > 1 ? name : name.split("/").at(-1)));
    const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
    return (names.length ? `, others in ${names.length > 1 ? "scans" : "scan"} ${names.slice(0, LISTED).join(", ")}${more}` : "") + (of > n ? `; ${count(of - n)} are beyond what an address holds` : "");
  }

  #listen(figure) {
    if (this.listening) return;
    this.listening = true;
    figure.on("plotly_hover", ({ points: [point] }) => this.#showHover(point));
    figure.on("plotly_unhover", () => { this.hover.hidden = true; });
    // plotly.js sees a click on a 3D point only if a frame was drawn while the button was down.
    let from = null;
    figure.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; }, true);
    figure.addEventListener("pointerup", (event) => {
      const still = from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) < 4;
      if (still && !this.hover.hidden) this.pick(this.hovered);
    }, true);
  }

  #uidAt({ data, pointNumber }) {
    if (data.meta?.rows) return this.scan.uid(data.meta.rows[pointNumber]);
    if (data.meta?.uids) return data.meta.uids[pointNumber];
    return data.meta?.label ? `${this.sample.sample}/${this.t}/${data.meta.label}` : null;
  }

  #showHover(point) {
    const uid = this.#uidAt(point);
    if (!uid) return;
    const row = this.scan.row(place(uid).label);
    const size = row < 0 || place(uid).t !== this.t ? "" : ` · ${this.scan.kind(row)} · ⌀ ${this.scan.column("equivalent_diameter")[row].toPrecision(3)} µm`;
    this.hovered = uid;
    this.hover.textContent = uid + size;
    this.hover.hidden = false;
  }

  /** Pick a feature, which may lie in another scan. */
  async pick(uid) {
    this.picked = uid;
    if (uid) {
      const { sample, t } = place(uid);
      const found = sampleNamed(sample);
      if (found?.scans.some((scan) => scan.t === t)) [this.sample, this.t] = [found, t];
    } else this.feature = null;
    await this.show().catch(fail);
  }

  /** Nothing picked, nothing highlighted. */
  clear() {
    this.marks = null;
    return this.pick(null);
  }

  /** Go to a scan; what is picked is followed along its track. */
  async go(t) {
    if (t === this.t) return;
    this.t = t;
    this.selected = null;
    this.only = false;
    if (this.feature && this.picked) this.picked = this.feature.track.find((member) => member.t === t)?.uid ?? null;
    if (!this.picked) this.feature = null;
    await this.show().catch(fail);
  }

  step(by) {
    const { times } = this;
    return this.go(times[(times.indexOf(this.t) + by + times.length) % times.length]);
  }

  async play() {
    this.playing = !this.playing;
    this.time.querySelector(".play").textContent = this.playing ? "❚❚" : "▶";
    this.time.querySelector(".play").setAttribute("aria-pressed", this.playing);
    while (this.playing && this.plot.isConnected) {
      const started = performance.now();
      await this.step(1);
      await new Promise((done) => setTimeout(done, Math.max(60, STEP_MS - (performance.now() - started))));
    }
  }

  setColour(name) {
    this.colour = name;
    this.range = null;
    return this.show().catch(fail);
  }

  setSample(name) {
    this.sample = sampleNamed(name);
    this.t = this.times[0];
    this.picked = this.feature = this.selected = null;
    this.only = false;
    this.range = null;
    this.#fillTimes();
    return this.show().catch(fail);
  }

  drawnRows() { return [...this.rows, ...this.meshed]; }

  key(event) {
    const keys = { ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1), " ": () => this.play(), b: () => this.box.toggle(), Escape: () => this.clear(),
      f: () => { if (this.picked) location.hash = address("feature", { uid: this.picked }); } };
    if (!keys[event.key]) return false;
    keys[event.key]();
    return true;
  }

  /** A new revision: scans may have come. */
  async refresh() {
    forget();
    this.sample = sampleNamed(this.sample.sample) ?? shared.store.samples[0];
    if (!this.times.includes(this.t)) this.t = this.times[0];
    this.#fillTimes();
    await this.show();
  }

  async restyle() { if (this.scan) await this.draw(); }

  close() {
    this.playing = false;
    this.turn++;
    window.Plotly?.purge(this.plot);
  }

  #remember() {
    if (here().view !== "scene") return;
    const filter = this.ranges.map(({ column, low, high }) => `${column}:${low ?? ""}:${high ?? ""}`).join(",");
    remember("scene", {
      sample: this.sample.sample, t: this.t, colour: this.colour === "kind" ? null : this.colour, hidden: [...this.hidden].join(","), filter,
      most: this.most === FIRST ? null : this.most, pick: this.picked, marks: this.marks?.text, of: this.marks?.of > this.marks?.n ? this.marks.of : null,
    });
  }

  #timeBar() {
    this.slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Scan", oninput: () => this.go(this.times[Number(this.slider.value)]) });
    this.told = h("output");
    const bar = h("div", { class: "time" },
      h("button", { type: "button", title: "Scan before (←)", onclick: () => this.step(-1) }, "◂"),
      h("button", { type: "button", class: "play", title: "Play (space)", onclick: () => this.play() }, "▶"),
      h("button", { type: "button", title: "Next scan (→)", onclick: () => this.step(1) }, "▸"),
      this.slider, this.told);
    this.#fillTimes();
    return bar;
  }

  #fillTimes() { this.slider.max = String(this.times.length - 1); }

  #timeText() {
    const i = this.times.indexOf(this.t);
    const { time_s: time, load_n: load, strain, suspect } = this.sample.scans[i];
    this.slider.value = String(i);
    const parts = [`scan ${this.t} (${i + 1} of ${this.times.length})`];
    if (time !== null) parts.push(`${count(time)} s`);
    if (load !== null) parts.push(`${count(load)} N`);
    if (strain !== null) parts.push(`strain ${strain}`);
    if (suspect) parts.push("suspect");
    this.told.textContent = parts.join(" · ");
  }
}

/** When what was drawn is on the screen; the first time is noted for the benchmark. */
async function painted() {
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  performance.mark("picture");
}

function readRanges(text, known) {
  return (text ?? "").split(",").map((part) => part.split(":")).filter(([column]) => known(column)).map(([column, low, high]) => ({
    column, low: low === "" || low === undefined ? null : Number(low), high: high === "" || high === undefined ? null : Number(high),
  }));
}
