// Where nodes of a graph go: links are springs of length 1, nodes repel each other; parts without links between them lie side by side.

const ROUNDS = 300;
const GOLDEN = Math.PI * (3 - Math.sqrt(5));
const APART = 1.2;
const REACH = 3;

/** Places { x, y } of `n` nodes, links being pairs of their indices; the same at every call. */
export function places(n, links, ratio) {
  const parts = components(n, links);
  const at = new Array(n);
  const boxes = parts.map((nodes) => {
    const index = new Map(nodes.map((node, i) => [node, i]));
    const own = links.filter(([a]) => index.has(a)).map(([a, b]) => [index.get(a), index.get(b)]);
    return { nodes, ...relaxed(nodes.length, own) };
  });
  packed(boxes, ratio, (node, x, y) => { at[node] = { x, y }; });
  return at;
}

/** Nodes of each connected part, the largest first. */
function components(n, links) {
  const of = Array.from({ length: n }, (_, i) => i);
  const root = (i) => {
    while (of[i] !== i) [i, of[i]] = [of[i], of[of[i]]];
    return i;
  };
  for (const [a, b] of links) of[root(a)] = root(b);
  const parts = new Map();
  for (let i = 0; i < n; i++) parts.set(root(i), [...(parts.get(root(i)) ?? []), i]);
  return [...parts.values()].sort((a, b) => b.length - a.length);
}

function relaxed(n, links) {
  const x = Float64Array.from({ length: n }, (_, i) => Math.sqrt(i) * Math.cos(GOLDEN * i));
  const y = Float64Array.from({ length: n }, (_, i) => Math.sqrt(i) * Math.sin(GOLDEN * i));
  const degree = new Uint32Array(n);
  for (const link of links) for (const end of link) degree[end]++;
  const fx = new Float64Array(n);
  const fy = new Float64Array(n);
  const push = (i, j, strength, dx, dy) => {
    fx[i] += strength * dx; fy[i] += strength * dy;
    fx[j] -= strength * dx; fy[j] -= strength * dy;
  };
  for (let round = 0; round < ROUNDS; round++) {
    fx.fill(0);
    fy.fill(0);
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) {
      const [dx, dy] = [x[i] - x[j], y[i] - y[j]];
      const far = dx * dx + dy * dy;
      // Only near ones: else two large parts with one link between them are driven far apart.
      if (far < REACH * REACH) push(i, j, 0.7 / (far + 1e-3), dx, dy);
    }
    for (const [i, j] of links) {
      const [dx, dy] = [x[i] - x[j], y[i] - y[j]];
      // Nodes of many links would be pulled into one point.
      push(i, j, (1 / Math.max(Math.hypot(dx, dy), 1e-3) - 1) * 2 / Math.sqrt(Math.min(degree[i], degree[j])), dx, dy);
    }
    const most = 0.8 * (1 - round / ROUNDS);
    for (let i = 0; i < n; i++) {
      const force = Math.hypot(fx[i], fy[i]) || 1;
      const step = Math.min(most, 0.2 * force) / force;
      x[i] += step * fx[i];
      y[i] += step * fy[i];
    }
  }
  return { x, y };
}

/** Boxes in rows, in a picture of about `ratio` of width to height; `put` takes the node and its place. */
function packed(boxes, ratio, put) {
  const sized = boxes.map(({ nodes, x, y }) => {
    const [left, top] = [Math.min(...x), Math.min(...y)];
    return { nodes, x, y, left, top, width: Math.max(...x) - left + APART, height: Math.max(...y) - top + APART };
  });
  const area = sized.reduce((sum, { width, height }) => sum + width * height, 0);
  const wide = Math.max(...sized.map((box) => box.width), Math.sqrt(ratio * area));
  let [right, above, tallest] = [0, 0, 0];
  for (const { nodes, x, y, left, top, width, height } of sized) {
    if (right + width > wide + 1e-9) [right, above, tallest] = [0, above + tallest, 0];
    nodes.forEach((node, i) => put(node, right + x[i] - left, above + y[i] - top));
    right += width;
    tallest = Math.max(tallest, height);
  }
}
