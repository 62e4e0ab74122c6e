// plotly.js, when it has come, and what every figure shares.

const loading = document.getElementById("plotly");

export const plotly = () =>
  new Promise((resolve, reject) => {
    if (window.Plotly) resolve(window.Plotly);
    loading.addEventListener("load", () => resolve(window.Plotly));
    loading.addEventListener("error", () => reject(new Error("plotly.js could not be loaded")));
  });

export const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function layout(more = {}) {
  return {
    template: "none",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: variable("--ink") },
    margin: { l: 64, r: 12, t: 12, b: 44 },
    showlegend: false,
    uirevision: "kept",
    ...more,
  };
}

export const axis = (title, more = {}) => ({
  title: { text: title },
  gridcolor: variable("--grid"),
  linecolor: variable("--soft"),
  zeroline: false,
  ...more,
});

export const CONFIG = { displayModeBar: false, responsive: true, displaylogo: false };

/** A small chart of lines over t: `lines` are { name, t, y, colour }. */
export async function lines(place, series, title, legend) {
  const traces = series.map(({ name, t, y, colour }) => ({
    type: "scatter", mode: "lines+markers", name, x: t, y, line: { color: colour }, marker: { size: 7 },
    hovertemplate: `scan %{x}<br>%{y:.4~g}<extra>${name.replaceAll("<", "&lt;")}</extra>`,
  }));
  const margin = { l: 72, r: 12, t: legend ? 34 : 12, b: 44 };
  const top = { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 };
  const figure = layout({ margin, showlegend: legend, legend: top, xaxis: axis("scan t", { dtick: series.some((s) => s.t.length > 20) ? undefined : 1 }), yaxis: axis(title) });
  return (await plotly()).react(place, traces, figure, CONFIG);
}
