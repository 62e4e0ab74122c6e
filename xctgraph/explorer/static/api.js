// Requests to the server, and the binary arrays it answers with (xctgraph/explorer/binary.py).

export class Problem extends Error {
  constructor(type, message, status) {
    super(message);
    this.type = type;
    this.status = status;
  }
}

async function checked(response) {
  if (response.ok) return response;
  let error = { type: "InternalError", message: `the server answered ${response.status}` };
  try {
    error = (await response.json()).error;
  } catch { /* not our shape: a proxy between us and the server */ }
  throw new Problem(error.type, error.message, response.status);
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("Unreachable", "the server does not answer: is `xctgraph explore` still running?", 0);
  }
  return checked(response);
}

const query = (parameters) => new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined));

export async function get(path, parameters = {}, options = {}) {
  return (await request(`/api/${path}?${query(parameters)}`, options)).json();
}

export async function arrays(path, parameters = {}, options = {}) {
  return unpack(await (await request(`/api/${path}?${query(parameters)}`, options)).arrayBuffer());
}

const post = (path, body) =>
  request(`/api/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const ask = async (path, body) => (await post(path, body)).json();

export const file = async (path, body, format) => (await post(`${path}?format=${format}`, body)).blob();

export const cancel = (key) => request(`/api/running/${key}`, { method: "DELETE" }).catch(() => {});

export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

const TYPES = { uint8: Uint8Array, int32: Int32Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array };

export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const columns = new Map();
  for (const { name, dtype, offset, length: n } of header.arrays) columns.set(name, new TYPES[dtype](buffer, 4 + length + offset, n));
  return { header, columns };
}
