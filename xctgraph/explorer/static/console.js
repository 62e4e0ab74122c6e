// The console: one read-only statement of Cypher or SQL, its answer, the schema, what was asked before.

import { answerKeys, showAnswer } from "./answer.js";
import { ask, cancel, newKey } from "./api.js";
import { h, unitOf } from "./dom.js";
import { highlighted } from "./highlight.js";
import { here, loadSchema, remember, shared } from "./state.js";

const KEPT = 50;
const EXAMPLES = {
  cypher: "MATCH (f:Feature)-[:TOUCHES]-(c:Feature {kind: 'fracture'})\nRETURN f.t AS t, count(*) AS n\nORDER BY t",
  sql: "SELECT kind, t, count(*) AS n, avg(volume) AS mean_volume\nFROM features\nGROUP BY ALL\nORDER BY ALL",
};

const read = () => {
  try {
    return JSON.parse(localStorage.getItem("history")) ?? [];
  } catch {
    return [];
  }
};

export async function consoleView(root, parameters) {
  const schema = await loadSchema();
  const language = h("select", { "aria-label": "Language" }, h("option", { value: "cypher" }, "Cypher"), h("option", { value: "sql" }, "SQL"));
  language.value = parameters.get("language") === "sql" ? "sql" : "cypher";
  const colours = h("pre", { "aria-hidden": "true" });
  const text = h("textarea", { class: "code", id: "statement", spellcheck: "false", "aria-label": "Statement", value: parameters.get("text") ?? read()[0]?.text ?? EXAMPLES[language.value] });
  if (!parameters.has("text") && read()[0]) language.value = read()[0].language;
  const values = h("input", { class: "code", id: "values", "aria-label": "Parameters as JSON", placeholder: 'parameters, e.g. {"t": 3}', size: 40, value: parameters.get("parameters") ?? "" });
  const run = h("button", { type: "button", class: "main", id: "run", title: "Ctrl Enter" }, "Run");
  const stop = h("button", { type: "button", id: "cancel", hidden: true }, "Cancel");
  const place = h("div", { id: "answer-place" });
  const list = h("ul", { class: "history" });
  let key = null;

  function colour() {
    colours.replaceChildren(...highlighted(text.value, language.value), "\n");
    colours.scrollTop = text.scrollTop;
  }

  function write(statement, lang) {
    language.value = lang;
    text.value = statement;
    colour();
    text.focus();
  }

  function fillHistory() {
    list.replaceChildren(...read().map((item) => h("li", {}, h("button", { type: "button", class: "plain", title: item.text, onclick: () => write(item.text, item.language) }, item.text.replace(/\s+/g, " ")))));
  }

  function store(item) {
    const rest = read().filter((old) => old.text !== item.text || old.language !== item.language);
    localStorage.setItem("history", JSON.stringify([item, ...rest].slice(0, KEPT)));
    fillHistory();
  }

  async function go() {
    if (key) return;
    const mine = newKey();
    key = mine;
    run.disabled = true;
    stop.hidden = false;
    const started = performance.now();
    const clock = setInterval(() => { stop.textContent = `Cancel (${((performance.now() - started) / 1000).toFixed(0)} s)`; }, 500);
    stop.textContent = "Cancel";
    place.replaceChildren(h("p", { class: "soft" }, `Running; stopped after ${shared.store.limits.seconds} s.`));
    try {
      const body = { language: language.value, text: text.value, parameters: values.value.trim() ? JSON.parse(values.value) : {}, key };
      if (here().view === "console") remember("console", { language: body.language, text: body.text, parameters: values.value.trim(), as: here().parameters.get("as") });
      store({ language: body.language, text: body.text });
      showAnswer(place, await ask("console", body), { path: "console", body, name: "answer" });
    } catch (error) {
      const told = error instanceof SyntaxError ? `the parameters are no JSON object such as {"t": 3}: ${error.message}` : error.message;
      place.replaceChildren(h("div", { class: "note bad", role: "alert", id: "refused" }, told));
    }
    clearInterval(clock);
    key = null;
    run.disabled = false;
    stop.hidden = true;
  }

  text.addEventListener("input", colour);
  text.addEventListener("scroll", () => { colours.scrollTop = text.scrollTop; });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      go();
    }
  });
  language.addEventListener("change", () => {
    if (Object.values(EXAMPLES).includes(text.value) || !text.value.trim()) text.value = EXAMPLES[language.value];
    fillSchema();
    colour();
  });
  run.addEventListener("click", go);
  stop.addEventListener("click", () => cancel(key));

  const panel = h("div");
  function insert(name) {
    text.setRangeText(name, text.selectionStart, text.selectionEnd, "end");
    colour();
    text.focus();
  }
  const column = (c) => h("li", { title: c.meaning }, h("button", { type: "button", class: "plain", onclick: () => insert(c.name) }, c.name), ` ${c.type}${unitOf(c) ? `, ${unitOf(c)}` : ""}`);
  const item = (name, meaning, columns) => h("details", {}, h("summary", { title: meaning }, name), h("ul", {}, columns.map(column)));
  function fillSchema() {
    panel.replaceChildren(...(language.value === "sql"
      ? [h("h2", {}, "Tables"), ...schema.tables.map((t) => item(t.name, t.meaning, t.columns))]
      : [h("h2", {}, "Nodes"), ...schema.nodes.map((n) => item(n.name, n.meaning, n.columns)), h("h2", {}, "Relationships"),
        ...schema.relationships.map((r) => item(`(${r.from})-[:${r.name}]->(${r.to})`, r.meaning, r.columns))]));
  }

  root.append(h("div", { class: "split right" },
    h("div", { class: "work" }, h("div", { class: "editor" }, colours, text),
      h("div", { class: "row bar" }, run, stop, language, values),
      h("p", { class: "soft small" }, `Read-only. Stopped after ${shared.store.limits.seconds} s; at most ${shared.store.limits.rows.toLocaleString("en")} rows come here, what is cut is said.`), place),
    h("div", { class: "list" }, panel, h("h2", {}, "Asked before"), list)));
  fillSchema();
  fillHistory();
  colour();
  return { key: (event) => answerKeys[event.key] && (answerKeys[event.key](), true), close: () => key && cancel(key) };
}
