// Charts of a series over time, drawn by Chart.js in the colours of the page.

const { Chart } = globalThis;

export const barChart = (series) => figure("bar", series, { borderRadius: 2 });
export const lineChart = (series) => figure("line", series, { pointRadius: 0, tension: 0.3 });

// `summary` describes the chart to screen readers; `axis` is a shorter `format`.
function figure(type, { title, per = "month", summary, labels, values, format, axis }, look) {
  const made = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const frame = document.createElement("div");
  const canvas = document.createElement("canvas");
  caption.textContent = title;
  frame.className = "chart";
  canvas.role = "img";
  canvas.ariaLabel = `${title} by ${per}, ${summary}`;
  frame.append(canvas);
  made.append(caption, frame);
  // Chart.js measures the frame, so the frame must be in the page first.
  requestAnimationFrame(() => {
    if (!canvas.isConnected) return;
    const data = { labels, datasets: [{ label: title, data: values, ...look }] };
    const options = optionsOf(format, axis);
    paint({ data, options });
    forgetThoseGone();
    new Chart(canvas, { type, data, options });
  });
  return made;
}

const optionsOf = (format, axis) => ({
  animation: !matchMedia("(prefers-reduced-motion: reduce)").matches && { duration: 300 },
  maintainAspectRatio: false,
  interaction: { mode: "index", intersect: false },
  plugins: {
    colors: { enabled: false }, // the page sets its own colours
    legend: { display: false },
    tooltip: { displayColors: false, callbacks: { label: ({ raw }) => format(raw) } },
  },
  scales: {
    x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 16 } },
    y: {
      beginAtZero: true,
      border: { display: false },
      grid: {},
      ticks: { callback: axis, maxTicksLimit: 5 },
    },
  },
});

function paint({ data, options }) {
  const style = getComputedStyle(document.documentElement);
  const [accent, quiet, line] = ["--accent", "--quiet", "--line"].map((name) =>
    style.getPropertyValue(name).trim(),
  );
  Object.assign(data.datasets[0], { backgroundColor: accent, borderColor: accent });
  for (const scale of Object.values(options.scales)) {
    scale.ticks.color = quiet;
    scale.grid.color = line;
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  forgetThoseGone();
  for (const chart of Object.values(Chart.instances)) {
    paint(chart);
    chart.update("none");
  }
});

// Chart.js keeps a chart until it is destroyed, also after its canvas has left the page.
function forgetThoseGone() {
  for (const chart of Object.values(Chart.instances)) {
    if (!chart.canvas.isConnected) chart.destroy();
  }
}
