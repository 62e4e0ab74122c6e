// The catalogue: a form from the parameters of a question, its answer, its Cypher.

import { answerKeys, showAnswer } from "./answer.js";
import { ask, cancel, newKey } from "./api.js";
import { h, words } from "./dom.js";
import { highlighted } from "./highlight.js";
import { address, here, loadQuestions, remember, shared } from "./state.js";

const firstSentence = (text) => `${text.split("?", 1)[0]}?`;

export async function questionsView(root, parameters) {
  const questions = await loadQuestions();
  const chosen = questions.find((q) => q.name === parameters.get("name")) ?? questions[0];
  const work = h("div", { class: "work" });
  root.append(h("div", { class: "split" },
    h("div", { class: "list" }, questions.map((q) => h("a", { class: "item", href: address("questions", { name: q.name }), "aria-current": String(q === chosen) }, words(q.name), h("span", {}, firstSentence(q.question))))), work));
  return open(work, chosen, parameters);
}

function open(work, question, given) {
  const inputs = question.parameters.map((parameter) => [parameter.name, input(parameter, given.get(parameter.name))]);
  const run = h("button", { class: "main", id: "answer" }, "Answer");
  const stop = h("button", { type: "button", hidden: true }, "Cancel");
  const place = h("div", { id: "answer-place" });
  let key = null;

  async function answer(event) {
    event?.preventDefault();
    if (key) return;
    key = newKey();
    const parameters = Object.fromEntries(inputs.filter(([, element]) => element.value !== "").map(([name, element]) => [name, element.value]));
    if (here().view === "questions") remember("questions", { name: question.name, ...parameters, as: here().parameters.get("as") });
    run.disabled = true;
    stop.hidden = false;
    place.replaceChildren(h("p", { class: "soft" }, "Asking …"));
    const body = { parameters, key };
    try {
      const path = `questions/${question.name}`;
      showAnswer(place, await ask(path, body), { path, body, name: question.name, hint: question.chart });
    } catch (error) {
      place.replaceChildren(h("div", { class: "note bad", role: "alert" }, error.message));
    }
    key = null;
    run.disabled = false;
    stop.hidden = true;
  }

  stop.addEventListener("click", () => cancel(key));
  const form = h("form", { onsubmit: answer }, h("div", { class: "parameters" }, question.parameters.map((parameter, i) => field(parameter, inputs[i][1]))), h("div", { class: "row" }, run, stop));
  const [first, ...rest] = question.question.split("?");
  work.replaceChildren(h("h1", {}, `${first}?`), h("p", { class: "soft" }, rest.join("?").trim()), form,
    h("details", {}, h("summary", {}, "Show Cypher"), h("pre", {}, highlighted(question.cypher, "cypher")), h("a", { href: consoleAddress(question) }, "Open in the console")), place);
  const asked = question.parameters.some((parameter) => given.has(parameter.name));
  if (asked || question.parameters.every((parameter) => !parameter.required)) answer();
  const keys = { ...answerKeys, Enter: answer };
  return { key: (event) => keys[event.key] && (keys[event.key](), true), close: () => key && cancel(key) };
}

/** The Cypher with defaults in place of its parameters would be another text: the console binds them. */
function consoleAddress(question) {
  const values = Object.fromEntries(question.parameters.map((p) => [p.name, p.default ?? (p.kind === "string" ? "" : 0)]));
  return address("console", { language: "cypher", text: question.cypher, parameters: JSON.stringify(values) });
}

function field(parameter, element) {
  const unit = parameter.unit && parameter.unit !== "1" ? ` / ${parameter.unit.replace("um", "µm")}` : "";
  return h("label", {}, h("span", {}, words(parameter.name) + unit + (parameter.required ? " *" : "")), element, h("span", { class: "soft small" }, parameter.meaning));
}

function input(parameter, given) {
  const samples = shared.store.samples;
  const choices = {
    sample: () => samples.map((s) => s.sample),
    scan: () => [...new Set(samples.flatMap((s) => s.scans.map((scan) => scan.t)))].sort((a, b) => a - b),
    kind: () => Object.keys(shared.store.colours),
  }[parameter.role]?.() ?? parameter.choices;
  const value = given ?? (parameter.required ? "" : String(parameter.default ?? ""));
  const attributes = { name: parameter.name, title: parameter.valid, placeholder: parameter.default_meaning || parameter.valid, required: parameter.required, autocomplete: "off" };
  if (parameter.role !== "kind" && choices.length && choices.length < 400) {
    const empty = parameter.required ? [] : [h("option", { value: "" }, parameter.default_meaning || `default: ${parameter.default}`)];
    const select = h("select", attributes, empty, choices.filter((c) => c !== "").map((choice) => h("option", { value: choice }, String(choice))));
    select.value = value;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
    return select;
  }
  const element = h("input", { ...attributes, value });
  if (parameter.role === "kind") {
    const id = `choices-${parameter.name}`;
    element.setAttribute("list", id);
    document.getElementById(id)?.remove();
    document.body.append(h("datalist", { id }, choices.map((choice) => h("option", { value: choice }))));
  }
  return element;
}
