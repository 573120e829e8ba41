// Draws each chart from the table beside it, so that picture and table cannot
// disagree and nothing needs to be fetched or embedded. The table stays for
// whoever reads without the picture.
"use strict";
(() => {
  const drawn = new Map();
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const tones = {
    "overdue": "--overdue", "due-soon": "--due-soon-fill", "in-time": "--in-time-fill",
    "p1": "--p1", "p2": "--p2", "p3": "--p3", "p4": "--p4", "p5": "--p5",
  };

  const read = (table) => {
    const heads = [...table.querySelectorAll("thead th")].slice(1);
    const rows = [...table.querySelectorAll("tbody tr")];
    return {
      labels: rows.map((row) => row.querySelector("th").textContent.trim()),
      series: heads.map((head, place) => ({
        label: head.textContent.trim(),
        tone: style(tones[head.dataset.tone] ?? "--p5"),
        data: rows.map((row) => Number(row.querySelectorAll("td")[place].dataset.value)),
      })),
    };
  };

  const whole = (value) => (Number.isInteger(value) ? value.toLocaleString("en") : "");
  const options = (stacked, horizontal) => ({
    animation: false,
    maintainAspectRatio: false,
    indexAxis: horizontal ? "y" : "x",
    interaction: { mode: "index", axis: horizontal ? "y" : "x", intersect: false },
    plugins: {
      legend: { position: "bottom", labels: { color: style("--ink"), boxWidth: 12, boxHeight: 12 } },
      tooltip: { backgroundColor: style("--ink"), titleColor: style("--surface"), bodyColor: style("--surface") },
    },
    scales: Object.fromEntries(["x", "y"].map((axis) => {
      const values = horizontal ? axis === "x" : axis === "y";
      return [axis, {
        stacked,
        beginAtZero: true,
        grid: { color: style("--line"), display: values },
        border: { color: style("--line-strong") },
        ticks: { color: style("--quiet"), maxRotation: 0, autoSkipPadding: 24, autoSkip: values || !horizontal, ...(values ? { callback: whole } : {}) },
      }];
    })),
  });

  const bars = ({ labels, series }) => ({
    type: "bar",
    data: { labels, datasets: series.map(({ label, tone, data }) => ({ label, data, backgroundColor: tone, maxBarThickness: 26, borderColor: style("--surface"), borderWidth: 1 })) },
    options: options(true, true),
  });

  const areas = ({ labels, series }) => ({
    type: "line",
    data: {
      labels,
      // The most urgent stands at the bottom, where its size can be read off.
      datasets: series.map(({ label, tone, data }, place) => ({ label, data, borderColor: tone, backgroundColor: `color-mix(in srgb, ${tone} 60%, transparent)`, fill: place === 0 ? "origin" : "-1", borderWidth: 2, pointRadius: 0, pointHoverRadius: 4, tension: 0 })),
    },
    options: options(true, false),
  });

  const draw = () => {
    for (const [canvas, chart] of drawn) {
      if (!canvas.isConnected) { chart.destroy(); drawn.delete(canvas); }
    }
    for (const figure of document.querySelectorAll("figure.chart")) {
      const table = figure.querySelector("table");
      if (!table || table.querySelectorAll("tbody tr").length < (figure.dataset.chart === "areas" ? 2 : 1)) continue;
      let canvas = figure.querySelector("canvas");
      if (canvas) {
        drawn.get(canvas)?.destroy();
      } else {
        const box = document.createElement("div");
        box.className = "chart-box";
        canvas = document.createElement("canvas");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `${figure.querySelector("h2").textContent}, drawn from the table below`);
        box.append(canvas);
        figure.querySelector("figcaption").after(box);
      }
      Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
      drawn.set(canvas, new Chart(canvas, (figure.dataset.chart === "areas" ? areas : bars)(read(table))));
    }
  };

  draw();
  document.addEventListener("htmx:afterSettle", draw);
  document.addEventListener("plimsoll:theme", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
