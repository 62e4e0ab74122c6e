"use strict";
(() => {
  // Buttons are named one by one: the default set has one that sends the figure to a web service.
  const flat = [["toImage", "zoom2d", "pan2d", "resetScale2d"]];
  const solid = [["toImage", "orbitRotation", "pan3d", "zoom3d", "resetCameraDefault3d"]];
  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const plots = [];
  for (const source of document.querySelectorAll('script[type="application/json"][data-for]')) {
    const target = document.getElementById(source.dataset.for);
    const { data, layout } = JSON.parse(source.textContent);
    layout.font = { ...layout.font, color: ink() };
    target.replaceChildren();
    const modeBarButtons = layout.scene ? solid : flat;
    Plotly.newPlot(target, data, layout, { responsive: true, displaylogo: false, modeBarButtons });
    plots.push(target);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const plot of plots) Plotly.relayout(plot, { "font.color": ink() });
  });
})();
