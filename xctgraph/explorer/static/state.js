// What all views share: the store, the address of the view, names of features.

import { get } from "./api.js";

export const shared = {
  store: null,
  schema: null,
  questions: null,
};

export async function loadStore() {
  shared.store = await get("store");
  return shared.store;
}

export async function loadSchema() {
  shared.schema ??= await get("schema");
  return shared.schema;
}

export async function loadQuestions() {
  shared.questions ??= await get("questions");
  return shared.questions;
}

export const sampleNamed = (name) => shared.store.samples.find((sample) => sample.sample === name);

const LABEL = 2 ** 31;
const SCAN = 2 ** 44;

/** uid of a feature_id (xctgraph/store/ids.py); null where the store has no such sample. */
export function uidOf(id) {
  const sample = shared.store.samples.find((s) => s.sample_no === Math.floor(id / SCAN));
  return sample ? `${sample.sample}/${Math.floor((id % SCAN) / LABEL)}/${id % LABEL}` : null;
}

export function place(uid) {
  const [sample, t, label] = uid.split("/");
  return { sample, t: Number(t), label: Number(label) };
}

/** Address of a view with its parameters; empty ones are left out. */
export function address(view, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

export function here() {
  const [view, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { view: view || "scene", parameters: new URLSearchParams(query ?? "") };
}

/** Write the address of what is shown, without a step in the history. */
export const remember = (view, parameters) => history.replaceState(null, "", address(view, parameters));

/** Where a cell of an answer leads: features to their page. */
export function link(column, value) {
  if (value === null || value === undefined) return null;
  if (column.name === "uid" || column.name.endsWith("_uid")) return address("feature", { uid: value });
  const isFeature = ["feature_id", "source", "target", "cluster_id", "track_id", "fracture_id"].includes(column.name);
  const uid = isFeature && typeof value === "number" ? uidOf(value) : null;
  return uid ? address("feature", { uid }) : null;
}
