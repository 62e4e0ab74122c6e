// Views by the hash of the address, keys, light and dark, and new revisions while an ingest runs beside.

import { get } from "./api.js";
import { h, fail } from "./dom.js";
import { consoleView } from "./console.js";
import { featureView } from "./feature.js";
import { questionsView } from "./questions.js";
import { scene } from "./scene.js";
import { here, loadStore, shared } from "./state.js";
import { studiesView } from "./studies.js";

const VIEWS = { scene: ["Scene", scene], feature: ["Feature", featureView], questions: ["Questions", questionsView], console: ["Console", consoleView], studies: ["Studies", studiesView] };
const KEYS = [["1 … 5", "Scene, Feature, Questions, Console, Studies"], ["← →", "scan before, next scan"], ["space", "play time"], ["b", "select by a box"], ["f", "page of the picked feature"],
  ["Esc", "clear what is picked"], ["Ctrl Enter", "run in the console, or answer the question"], ["g, h", "answer as a graph, highlighted in the scene"], ["t", "light or dark"], ["?", "these keys"]];
const POLL_MS = 4000;

const root = document.getElementById("view");
let current = null;
let turn = 0;

async function route() {
  const mine = ++turn;
  const { view, parameters } = here();
  const [name, open] = VIEWS[view] ?? VIEWS.scene;
  current?.close?.();
  current = null;
  root.replaceChildren();
  document.title = `${name} · ${shared.store.name} · xctgraph`;
  for (const anchor of document.querySelectorAll("nav a")) {
    if (anchor.dataset.view === view) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  const place = h("div");
  place.className = "fill";
  root.append(place);
  try {
    const opened = await open(place, parameters);
    if (mine === turn) current = opened ?? {};
    else opened?.close?.();
  } catch (error) {
    place.replaceChildren(h("div", { class: "page" }, h("div", { class: "note bad", role: "alert" }, error.message)));
  }
}

function theme(wanted) {
  document.documentElement.dataset.theme = wanted;
  current?.restyle?.();
}

const system = matchMedia("(prefers-color-scheme: dark)");
const preferred = () => localStorage.getItem("theme") ?? (system.matches ? "dark" : "light");

function switchTheme() {
  localStorage.setItem("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  theme(preferred());
}

function about() {
  const { store } = shared;
  const engine = { ladybug: "Ladybug", neo4j: "Neo4j" }[store.engine] ?? store.engine;
  document.getElementById("about").textContent = `${store.name} · revision ${store.revision} · ${engine} · ${store.version}`;
}

async function poll() {
  try {
    const { revision } = await get("revision");
    if (revision !== shared.store.revision) {
      await loadStore();
      about();
      await current?.refresh?.();
    }
    document.body.removeAttribute("data-gone");
  } catch (error) {
    if (!document.body.hasAttribute("data-gone")) fail(error);
    document.body.setAttribute("data-gone", "");
  }
  setTimeout(poll, POLL_MS);
}

function key(event) {
  const typing = event.target.closest("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const [view] = Object.keys(VIEWS).slice(Number(event.key) - 1, Number(event.key));
  if (/^[1-5]$/.test(event.key)) location.hash = `#/${view}`;
  else if (event.key === "?") document.getElementById("keys").showModal();
  else if (event.key === "t") switchTheme();
  else if (event.key === " " && event.target.closest("button, a, summary")) return;
  else if (!current?.key?.(event)) return;
  event.preventDefault();
}

async function start() {
  theme(preferred());
  system.addEventListener("change", () => theme(preferred()));
  document.getElementById("views").append(...Object.entries(VIEWS).map(([view, [name]], i) => h("a", { href: `#/${view}`, "data-view": view, title: `${name} (${i + 1})` }, name)));
  document.getElementById("theme").addEventListener("click", switchTheme);
  const keys = document.getElementById("keys");
  keys.append(h("h1", {}, "Keys"), h("table", {}, KEYS.map(([keyName, does]) => h("tr", {}, h("td", {}, h("kbd", {}, keyName)), h("td", {}, does)))),
    h("form", { method: "dialog" }, h("button", {}, "Close")));
  document.getElementById("help").addEventListener("click", () => keys.showModal());
  document.addEventListener("keydown", key);
  await loadStore();
  about();
  window.addEventListener("hashchange", route);
  await route();
  setTimeout(poll, POLL_MS);
}

start().catch((error) => root.replaceChildren(h("div", { class: "page" }, h("div", { class: "note bad", role: "alert" }, error.message))));
