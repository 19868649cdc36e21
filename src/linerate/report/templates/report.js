// The page is complete without this script, which adds reading of single values, sorting and filtering, and expands
// collapsed sections for links and before printing.
(() => {
  "use strict";
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const format = (value) => Math.round(value).toLocaleString("en-US");

  // The values of a plot at one time: each repeat, or the lowest and the highest of many.
  const MANY = 6;
  const at = (series, seconds) => {
    const lines = [];
    for (const of of new Set(series.map((one) => one.of))) {
      const found = [];
      for (const one of series.filter((candidate) => candidate.of === of)) {
        for (let i = 0; i < one.steps.length; i += 3) {
          if (seconds >= one.steps[i] && seconds < one.steps[i + 1]) found.push([one.repeat, one.steps[i + 2]]);
        }
      }
      const values = found.map(([, value]) => value);
      if (found.length > MANY) {
        lines.push(`${of}: ${format(Math.min(...values))} to ${format(Math.max(...values))} pps in ${found.length} repeats`);
      } else if (found.length === 1 && found[0][0] === 1) {
        lines.push(`${of}: ${format(values[0])} pps`);
      } else if (found.length) {
        lines.push(`${of}: ${found.map(([repeat, value]) => `${format(value)} pps (repeat ${repeat})`).join(", ")}`);
      }
    }
    return lines;
  };

  const SVG = "http://www.w3.org/2000/svg";
  for (const plot of all("svg.curve")) {
    const { left, right, width, seconds } = Object.fromEntries(
      ["left", "right", "width", "seconds"].map((name) => [name, Number(plot.dataset[name])]));
    let series, cursor, readout, place = -1;
    const show = (moment) => {
      series = series || JSON.parse(plot.dataset.series);
      if (!cursor) {
        cursor = document.createElementNS(SVG, "path");
        cursor.setAttribute("class", "cursor");
        plot.append(cursor);
        readout = document.createElement("output");
        readout.className = "readout";
        plot.after(readout);
      }
      place = Math.min(Math.max(moment, 0), seconds * 0.9999);
      cursor.setAttribute("d", `M${left + (place / seconds) * (right - left)} 20V166`);
      readout.textContent = [`at ${place.toFixed(2)} s`, ...at(series, place)].join("\n");
    };
    const hide = () => {
      if (cursor) { cursor.remove(); readout.remove(); }
      cursor = readout = undefined;
    };
    const moved = (event) => {
      const box = plot.getBoundingClientRect();
      show((((event.clientX - box.left) / box.width) * width - left) / (right - left) * seconds);
    };
    plot.addEventListener("pointermove", moved);
    plot.addEventListener("pointerdown", moved);
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") hide();
      if (!by) return;
      event.preventDefault();
      show(place < 0 ? seconds / 40 : place + (by * seconds) / 20);
    });
  }

  // A heading sorts by its column: numbers in descending order first, since the highest are of interest.
  const table = document.getElementById("trials");
  const rows = table ? Array.from(table.tBodies[0].rows) : [];
  const plain = (row, column) => row.cells[column].firstChild ? row.cells[column].firstChild.textContent.trim() : "";
  const numeric = (text) => Number(text.replace(/[,+]/g, "").replace("−", "-").split(" ")[0]);
  const compare = (column, numbers, sign) => (one, other) => {
    const [a, b] = [plain(one, column), plain(other, column)];
    if (!numbers) return sign * a.localeCompare(b, "en", { numeric: true });
    const [x, y] = [numeric(a), numeric(b)];
    // Rows without a number come last in either order.
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return sign * (x - y);
  };
  if (table) {
    Array.from(table.tHead.rows[0].cells).forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const numbers = cell.classList.contains("n");
        const before = cell.getAttribute("aria-sort");
        const up = before ? before === "descending" : !numbers;
        all("[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        table.tBodies[0].append(...rows.slice().sort(compare(column, numbers, up ? 1 : -1)));
      });
    });
  }

  const filter = document.getElementById("filter");
  if (filter) {
    const details = new Map(all("details.trial").map((element) => [element.dataset.trial, element]));
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const apply = () => {
      const words = filter.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, index) => {
        const doubted = !filter.elements.doubtful.checked || "doubtful" in row.dataset;
        const keep = doubted && words.every((word) => texts[index].includes(word));
        shown += keep;
        row.classList.toggle("out", !keep);
        details.get(row.dataset.trial).classList.toggle("out", !keep);
      });
      for (const group of all("details.group")) {
        group.classList.toggle("out", !group.querySelector("details.trial:not(.out)"));
      }
      filter.querySelector("output").textContent = `${shown} of ${rows.length} trials shown`;
    };
    filter.hidden = false;
    filter.addEventListener("input", apply);
    filter.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let element = target; element; element = element.parentElement) {
      if (element.tagName === "DETAILS") element.open = true;
    }
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  reveal();

  const opened = [];
  window.addEventListener("beforeprint", () => {
    for (const element of all("details:not([open], .more, .folded)")) {
      element.open = true;
      opened.push(element);
    }
  });
  window.addEventListener("afterprint", () => opened.splice(0).forEach((element) => { element.open = false; }));
})();
