// Where points of the scene lie on the screen; plotly.js has no public way to ask.

const times = (m, v) => [0, 1, 2, 3].map((i) => m[i] * v[0] + m[4 + i] * v[1] + m[8 + i] * v[2] + m[12 + i] * v[3]);

/** A function from x, y, z (µm) to pixels from the left and the top of the figure. */
function projector(figure) {
  const scene = figure._fullLayout.scene._scene;
  const { model, view, projection } = scene.glplot.cameraParams;
  const { width, height } = figure.getBoundingClientRect();
  const [sx, sy, sz] = scene.dataScale;
  return (x, y, z) => {
    const [px, py, , w] = times(projection, times(view, times(model, [x * sx, y * sy, z * sz, 1])));
    return [(0.5 + px / w / 2) * width, (0.5 - py / w / 2) * height];
  };
}

/** Rows among `rows` whose centres lie in the rectangle. */
export function inside(figure, scan, rows, { left, top, right, bottom }) {
  const at = projector(figure);
  const [x, y, z] = ["x", "y", "z"].map((name) => scan.column(name));
  return rows.filter((row) => {
    const [px, py] = at(x[row], y[row], z[row]);
    return px >= left && px <= right && py >= top && py <= bottom;
  });
}
