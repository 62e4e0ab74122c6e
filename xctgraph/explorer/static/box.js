// Box selection: drag a rectangle over the scene.

import { h } from "./dom.js";
import { inside } from "./projection.js";

export function boxTool(scene) {
  let layer = null;

  function toggle() {
    if (layer) {
      layer.remove();
      layer = null;
    } else {
      layer = h("div", { class: "lasso", onpointerdown: begin });
      scene.canvas.append(layer);
    }
    scene.side.boxing(layer !== null);
  }

  function begin(event) {
    const { left, top } = layer.getBoundingClientRect();
    const from = [event.clientX - left, event.clientY - top];
    const drawn = h("div");
    layer.append(drawn);
    layer.setPointerCapture(event.pointerId);
    let box = null;
    layer.onpointermove = (move) => {
      const to = [move.clientX - left, move.clientY - top];
      box = { left: Math.min(from[0], to[0]), top: Math.min(from[1], to[1]), right: Math.max(from[0], to[0]), bottom: Math.max(from[1], to[1]) };
      Object.assign(drawn.style, { left: `${box.left}px`, top: `${box.top}px`, width: `${box.right - box.left}px`, height: `${box.bottom - box.top}px` });
    };
    layer.onpointerup = () => {
      const rows = box ? inside(scene.plot, scene.scan, scene.drawnRows(), box) : [];
      toggle();
      scene.selected = rows.length ? new Set(rows.map((row) => scene.scan.column("label")[row])) : null;
      scene.only = false;
      scene.show();
    };
  }

  return { toggle };
}
