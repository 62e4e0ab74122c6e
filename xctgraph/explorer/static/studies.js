// Stored results.

import { get } from "./api.js";
import { h, table } from "./dom.js";

const COLUMNS = [
  { name: "question", text: true }, { name: "effect", number: true }, { name: "interval_low", number: true }, { name: "interval_high", number: true },
  { name: "p", number: true }, { name: "seed", number: true }, { name: "parameters", text: true }, { name: "study_id" }, { name: "job_id" },
];

export async function studiesView(root) {
  const studies = await get("studies");
  const rows = studies.map((s) => [s.question, s.effect, s.interval_low, s.interval_high, s.p, s.seed, s.parameters, s.study_id, s.job_id]);
  root.append(h("div", { class: "page" }, h("h1", {}, "Studies"),
    studies.length ? table(COLUMNS, rows, () => null, "Studies") : h("p", {}, "No study is stored yet: `xctgraph analyze` makes them, with effect, interval, p-value and seed.")));
  return {};
}

