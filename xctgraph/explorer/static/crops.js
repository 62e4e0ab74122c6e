// Grey values and voxels of a feature: three slices through the box around it.

import { arrays } from "./api.js";
import { h } from "./dom.js";

const PLANES = [["z", 0], ["y", 1], ["x", 2]];
const OUTLINE = [255, 196, 0];

export function crops(feature) {
  const place = h("div", {}, h("p", { class: "soft" }, "Reading the volume …"));
  arrays("crop", { uid: feature.uid })
    .then(({ header, columns }) => place.replaceChildren(...figures(header, columns)))
    .catch((error) => place.replaceChildren(h("p", { class: "soft", id: "no-voxels" }, error.message)));
  return h("section", { id: "crops" }, h("h2", {}, "Slices"), place);
}

function figures(header, columns) {
  const { shape, offset, low, high, most } = header;
  const raw = columns.get("raw");
  const mask = columns.get("mask");
  const outline = h("input", { type: "checkbox", checked: true });
  const strides = [shape[1] * shape[2], shape[2], 1];
  const drawn = PLANES.map(([name, axis]) => {
    const [down, across] = [0, 1, 2].filter((other) => other !== axis);
    const canvas = h("canvas", { width: shape[across], height: shape[down], role: "img", "aria-label": `Slice across ${name}` });
    const slider = h("input", { type: "range", min: 0, max: shape[axis] - 1, value: middle(mask, shape, strides, axis), "aria-label": `Position along ${name}` });
    const told = h("span", { class: "small" });
    const draw = () => {
      const at = Number(slider.value);
      paint(canvas, raw, mask, at * strides[axis], [shape[down], shape[across]], [strides[down], strides[across]], outline.checked);
      told.textContent = `${name} = ${offset[axis] + at}`;
    };
    slider.addEventListener("input", draw);
    outline.addEventListener("change", draw);
    draw();
    return h("figure", {}, canvas, h("figcaption", {}, told, slider));
  });
  const cut = shape.includes(most) ? ` The box is cut to ${most} voxels around the centroid.` : "";
  return [h("div", { class: "crops" }, drawn), h("div", { class: "row small soft" }, h("label", { class: "row" }, outline, "outline of the segmentation"), `Grey values ${low} to ${high}.${cut}`)];
}

/** The slice with most voxels of the feature. */
function middle(mask, shape, strides, axis) {
  const sums = new Float64Array(shape[axis]);
  for (let i = 0; i < mask.length; i++) if (mask[i]) sums[Math.floor(i / strides[axis]) % shape[axis]]++;
  return sums.indexOf(Math.max(...sums));
}

function paint(canvas, raw, mask, start, [rows, columns], [down, across], outlined) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const inside = (r, c) => r >= 0 && c >= 0 && r < rows && c < columns && mask[start + r * down + c * across] > 0;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const grey = raw[start + r * down + c * across];
      const edge = outlined && inside(r, c) && !(inside(r - 1, c) && inside(r + 1, c) && inside(r, c - 1) && inside(r, c + 1));
      image.data.set(edge ? [...OUTLINE, 255] : [grey, grey, grey, 255], 4 * (r * columns + c));
    }
  }
  context.putImageData(image, 0, 0);
}
