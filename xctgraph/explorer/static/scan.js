// The features of one scan as typed arrays, largest first; more are fetched when a filter or a colour needs them.

import { arrays } from "./api.js";

const SIZE = "equivalent_diameter";
const KEPT = 6;
const kept = new Map();
const surfaces = new Map();

function keep(map, key, make) {
  if (!map.has(key)) {
    const made = make();
    map.set(key, made);
    made.catch?.(() => map.delete(key));
    while (map.size > KEPT) map.delete(map.keys().next().value);
  }
  return map.get(key);
}

export const forget = () => { kept.clear(); surfaces.clear(); };

class Scan {
  constructor(sample, t) {
    this.sample = sample;
    this.t = t;
    this.loaded = 0;
    this.columns = new Map();
    this.pending = Promise.resolve();
  }

  /** Have the `n` largest features with `names`; one request at a time, so that all columns have one length. */
  have(names, n) {
    this.pending = this.pending.catch(() => {}).then(() => this.#fetch(names, n));
    return this.pending;
  }

  async #fetch(names, n) {
    const complete = this.header && this.loaded >= this.header.total;
    if (this.loaded < n && !complete) {
      const wanted = [...new Set([SIZE, ...names, ...this.numeric()])];
      this.#take(await arrays("scene", { sample: this.sample, t: this.t, columns: wanted.join(","), stop: Number.isFinite(n) ? n : null }), true);
    }
    const missing = names.filter((name) => !this.columns.has(name));
    if (missing.length) this.#take(await arrays("scene", { sample: this.sample, t: this.t, columns: missing.join(","), stop: this.loaded }), false);
    return this;
  }

  #take({ header, columns }, all) {
    if (all) this.columns = new Map();
    for (const [name, values] of columns) this.columns.set(name, values);
    this.header = header;
    this.loaded = columns.get("label").length;
  }

  numeric() {
    return [...this.columns.keys()].filter((name) => !["label", "kind", "z", "y", "x"].includes(name));
  }

  get total() { return this.header.total; }
  get kinds() { return this.header.kinds; }
  column(name) { return this.columns.get(name); }
  uid(row) { return `${this.sample}/${this.t}/${this.column("label")[row]}`; }
  kind(row) { return this.kinds[this.column("kind")[row]]; }
  row(label) { return this.column("label").indexOf(label); }

  /**
   * Rows that pass, at most `most`, and how many pass in all.
   * `kinds` is a set of those hidden, `ranges` a list of { column, low, high }, `only` a set of labels or null.
   */
  passing({ hidden, ranges, only, most, without }) {
    const { columns, loaded } = this;
    const labels = columns.get("label");
    const kind = columns.get("kind");
    const off = this.kinds.map((name) => hidden.has(name));
    const tests = ranges.map(({ column, low, high }) => ({ values: columns.get(column), low: low ?? -Infinity, high: high ?? Infinity }));
    const rows = [];
    const byKind = this.kinds.map(() => 0);
    let n = 0;
    next: for (let row = 0; row < loaded; row++) {
      if (off[kind[row]] || (only && !only.has(labels[row]))) continue;
      for (const { values, low, high } of tests) if (!(values[row] >= low && values[row] <= high)) continue next;
      n++;
      byKind[kind[row]]++;
      if (rows.length < most && !without?.has(labels[row])) rows.push(row);
    }
    return { rows, n, byKind };
  }

  /** Range of a column between its 2 % and 98 % quantiles, estimated on at most 4,000 values. */
  range(name) {
    const values = this.column(name);
    const step = Math.max(1, Math.floor(values.length / 4000));
    const some = [];
    for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) some.push(values[i]);
    if (!some.length) return [0, 1];
    some.sort((a, b) => a - b);
    const at = (share) => some[Math.min(some.length - 1, Math.floor(share * some.length))];
    return at(0.02) < at(0.98) ? [at(0.02), at(0.98)] : [some[0], some[some.length - 1]];
  }
}

export const scanOf = (revision, sample, t) => keep(kept, `${revision}/${sample}/${t}`, () => new Scan(sample, t));

/** Meshes of the largest fractures: { label, step, x, y, z, i, j, k }, and the number of all fractures. */
export const surfacesOf = (revision, sample, t) => keep(surfaces, `${revision}/${sample}/${t}`, () => fetchSurfaces(sample, t));

async function fetchSurfaces(sample, t) {
  const { header, columns } = await arrays("surfaces", { sample, t });
  let v = 0;
  let f = 0;
  const meshes = header.meshes.map(({ label, vertices, faces, step }) => {
    const [z, y, x] = split(columns.get("vertices"), v, vertices);
    const [i, j, k] = split(columns.get("faces"), f, faces);
    v += vertices;
    f += faces;
    return { label, step, x, y, z, i, j, k };
  });
  return { meshes, fractures: header.fractures };
}

function split(flat, first, n) {
  const parts = [0, 1, 2].map(() => new flat.constructor(n));
  for (let row = 0; row < n; row++) for (let c = 0; c < 3; c++) parts[c][row] = flat[3 * (first + row) + c];
  return parts;
}
