"use strict";
(() => {
  // Buttons are named one by one: the default set has one that sends the figure to a web service.
  const flat = [["toImage", "zoom2d", "pan2d", "resetScale2d"]];
  const solid = [["toImage", "orbitRotation", "pan3d", "zoom3d", "resetCameraDefault3d"]];
  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const plots = [];
  const stills = [];
  for (const source of document.querySelectorAll('script[type="application/json"][data-for]')) {
    const target = document.getElementById(source.dataset.for);
    const { data, layout } = JSON.parse(source.textContent);
    // Before plotly fills in what the layout leaves open.
    stills.push({ target, text: source.textContent });
    layout.font = { ...layout.font, color: ink() };
    target.replaceChildren();
    const modeBarButtons = layout.scene ? solid : flat;
    Plotly.newPlot(target, data, layout, { responsive: true, displaylogo: false, modeBarButtons });
    plots.push(target);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const plot of plots) Plotly.relayout(plot, { "font.color": ink() });
  });

  // Paper has another width, and shows no WebGL: each figure gets a still, in black, that only prints show.
  const still = async ({ target, text }) => {
    const { data, layout } = JSON.parse(text);
    layout.font = { ...layout.font, color: "#000" };
    const image = new Image();
    const size = { width: 720, height: layout.height };
    image.src = await Plotly.toImage({ data, layout }, layout.scene ? { format: "png", scale: 2, ...size } : { format: "svg", ...size });
    image.alt = target.getAttribute("aria-label");
    image.className = "still";
    target.after(image);
    target.classList.add("live");
  };
  stills.reduce((before, one) => before.then(() => still(one)), Promise.resolve());
  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details.data")) folded.open = true;
  });
})();
