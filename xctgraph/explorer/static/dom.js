// Elements, numbers and tables. Text is always text: nothing here takes markup.

export const h = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) => filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function swatch(colour) {
  const element = h("span", { class: "swatch", "aria-hidden": "true" });
  element.style.backgroundColor = colour;
  return element;
}

export const words = (name) => name.replaceAll("_", " ");

export function unitOf(column) {
  const unit = (column.unit ?? "").replace("um", "µm").replace("^2", "²").replace("^3", "³");
  return unit === "1" ? "" : unit;
}

export const titled = (column) => words(column.name) + (unitOf(column) ? ` / ${unitOf(column)}` : "");

export const count = (value) => value.toLocaleString("en");

export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

const whole = (name) => name === "t" || name.endsWith("_id") || name.endsWith("_no");

export function shown(value, name = "") {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value !== "number") return String(value);
  if (whole(name)) return String(value);
  if (Number.isInteger(value)) return count(value);
  const size = Math.abs(value);
  if (size && (size < 1e-4 || size >= 1e6)) return value.toExponential(3);
  return size >= 1000 ? count(Math.round(value)) : String(Number(value.toPrecision(4)));
}

const BATCH = 200;

/** A table of columns {name, unit, number} and rows (arrays); `link(column, value, row)` may give the target of a cell. */
export function table(columns, rows, link = () => null, label = "Rows") {
  const body = h("tbody");
  const more = h("button", { type: "button" });
  let next = 0;
  function add() {
    for (const row of rows.slice(next, next + BATCH)) {
      body.append(h("tr", {}, columns.map((column, i) => cell(column, row[i], link(column, row[i], row)))));
    }
    next = Math.min(next + BATCH, rows.length);
    more.hidden = next >= rows.length;
    more.textContent = `${count(rows.length - next)} more rows`;
  }
  more.addEventListener("click", add);
  add();
  if (!rows.length) body.append(h("tr", {}, h("td", { colspan: Math.max(columns.length, 1) }, "no rows")));
  const head = h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c.number ? "n" : null, title: c.meaning || null }, titled(c))));
  return h("div", { class: "table", tabindex: "0", role: "region", "aria-label": label }, h("table", {}, h("thead", {}, head), body), more);
}

function cell(column, value, target) {
  const text = shown(value, column.name);
  const long = column.text ? "text" : null;
  return h("td", { class: column.number ? "n" : long }, target ? h("a", { href: target }, text) : text);
}

export function download(name, blob) {
  const address = URL.createObjectURL(blob);
  const anchor = h("a", { href: address, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

export function fail(error) {
  const place = document.getElementById("notice");
  place.textContent = error.message ?? String(error);
  place.hidden = false;
  clearTimeout(fail.timer);
  fail.timer = setTimeout(() => { place.hidden = true; }, 9000);
}
