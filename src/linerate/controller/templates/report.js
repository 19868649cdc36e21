(() => {
  "use strict";
  const LIGHT = { ink: "#46505d", grid: "#e3e7ec", hover: "#ffffff" };
  const DARK = { ink: "#a8b2be", grid: "#2d343d", hover: "#1b2027" };
  // Two side by side on a page of A4.
  const PAPER_WIDTH = 480;
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const plots = Array.from(document.querySelectorAll(".plot"));
  const opened = [];

  const colours = (palette) => ({
    "font.color": palette.ink,
    "xaxis.gridcolor": palette.grid,
    "yaxis.gridcolor": palette.grid,
    "hoverlabel.bgcolor": palette.hover,
    "hoverlabel.font.color": palette.ink,
  });
  const screen = () => colours(scheme.matches ? DARK : LIGHT);
  const relayout = (update) => plots.forEach((plot) => window.Plotly.relayout(plot, update(plot)));

  for (const plot of plots) {
    const figure = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
    figure.layout.font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
    // A finger on a plot must scroll the page, not zoom the plot.
    figure.layout.dragmode = window.matchMedia("(pointer: coarse)").matches ? false : "zoom";
    window.Plotly.newPlot(plot, figure.data, figure.layout, {
      responsive: true,
      displayModeBar: false,
    });
  }
  relayout(screen);
  scheme.addEventListener("change", () => relayout(screen));

  // Plots have a width in pixels: the paper's is another than the screen's, and paper is white.
  window.addEventListener("beforeprint", () => {
    relayout((plot) => ({ ...colours(LIGHT), width: PAPER_WIDTH, height: Number(plot.dataset.paperHeight) }));
    for (const element of document.querySelectorAll("details:not([open])")) {
      element.open = true;
      opened.push(element);
    }
  });
  window.addEventListener("afterprint", () => {
    relayout((plot) => ({ ...screen(), width: null, autosize: true, height: Number(plot.dataset.height) }));
    opened.splice(0).forEach((element) => { element.open = false; });
  });
})();
