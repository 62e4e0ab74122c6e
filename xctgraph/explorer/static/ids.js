// Features that an answer names: columns that hold them, what links them, and the address that rings them in the scene.

import { address, place, sampleNamed, shared, uidOf } from "./state.js";

/** Most features that one address rings. */
const MARKED = 5_000;
const BEYOND_SCAN_0 = 2 ** 31;
// Ids of the first scan look like counts: names tell them apart.
const USUAL = /^(?:(?:.+_)?feature_id|fracture_id|merged_id|part_id|next_id|source|target|(?:.+_)?uid|[a-h])$/;
const UID = /^.+\/\d+\/[1-9]\d*$/;

const flat = (value) => (Array.isArray(value) ? value.flat(Infinity) : [value]).filter((item) => item !== null && item !== undefined);

const known = (uid) => {
  const { sample, t } = place(uid);
  return Boolean(sampleNamed(sample)?.scans.some((scan) => scan.t === t));
};

/** uid of a feature_id or uid of a scan in the store; null for anything else. */
function uidIn(value) {
  const uid = typeof value === "string" ? (UID.test(value) ? value : null) : Number.isSafeInteger(value) && value % BEYOND_SCAN_0 > 0 ? uidOf(value) : null;
  return uid && known(uid) ? uid : null;
}

/** Columns whose values all name features: { at, name, usual }; of the unusual (tracks, clusters) the user decides. One of equal ones. */
export function featureColumns({ columns, data }) {
  const seen = new Set();
  return columns.map(({ name }, at) => ({ at, name, usual: USUAL.test(name), values: data[at].flatMap(flat) }))
    .filter(({ name, usual, values }) => values.length && values.every(uidIn)
      && (usual || name.endsWith("_id") || values.some((value) => typeof value === "string" || value >= BEYOND_SCAN_0)))
    .filter(({ at }) => {
      const key = data[at].map((value) => flat(value).map(uidIn)).join("\n");
      return !seen.has(key) && seen.add(key);
    });
}

/** All features in some columns, in the order of the rows. */
export function named({ data, shown }, chosen) {
  const found = new Set();
  for (let row = 0; row < shown; row++) for (const at of chosen) for (const value of flat(data[at][row])) found.add(uidIn(value));
  return [...found];
}

/**
 * What links them: in each row the features of a column with those of the next, and a list alone one after the other.
 * Each pair once: { source, target, row }, the row being the first that holds it.
 */
export function links({ data, shown }, chosen) {
  const found = new Map();
  for (let row = 0; row < shown; row++) {
    let groups = chosen.map((at) => flat(data[at][row]).map(uidIn)).filter((group) => group.length);
    if (groups.length === 1) groups = groups[0].map((uid) => [uid]);
    for (let i = 1; i < groups.length; i++) for (const source of groups[i - 1]) for (const target of groups[i]) {
      const key = source < target ? `${source} ${target}` : `${target} ${source}`;
      if (source !== target && !found.has(key)) found.set(key, { source, target, row });
    }
  }
  return [...found.values()];
}

export const numberOf = (uid) => {
  const { sample, t, label } = place(uid);
  return sampleNamed(sample).sample_no * 2 ** 44 + t * 2 ** 31 + label;
};

/** Address of the scene that rings features, on the scan of the first; labels by scan, in base 36. */
export function markedAddress(uids) {
  const scans = new Map();
  for (const uid of uids.slice(0, MARKED)) {
    const { sample, t, label } = place(uid);
    const key = `${sampleNamed(sample).sample_no}.${t}`;
    scans.set(key, `${scans.get(key) ?? key}.${label.toString(36)}`);
  }
  const { sample, t } = place(uids[0]);
  return address("scene", { sample, t, marks: [...scans.values()].join("*"), of: uids.length > MARKED ? uids.length : null });
}

/** What an address rings: labels by `sample/t`, their number, and how many the answer named; null where nothing. */
export function readMarks(parameters) {
  const text = parameters.get("marks");
  if (!text) return null;
  const scans = new Map();
  let n = 0;
  for (const part of text.split("*")) {
    const [no, t, ...labels] = part.split(".");
    const sample = shared.store.samples.find((one) => one.sample_no === Number(no));
    const of = new Set(labels.map((label) => parseInt(label, 36)).filter((label) => label > 0));
    n += of.size;
    if (sample) scans.set(`${sample.sample}/${Number(t)}`, of);
  }
  return { text, scans, n, of: Math.max(n, Number(parameters.get("of")) || 0) };
}
