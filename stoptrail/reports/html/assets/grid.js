// The grid: two dimensions as a heat map, all of them as parallel coordinates.
const shortName = (dotted) => dotted.split(".").pop().replaceAll("_", " ");

function heatCells(x, y, metric, view) {
  const [low, high] = x < y ? [x, y] : [y, x];
  const flat = unpack(run.grid.maps[`${low}-${high}`][metric][view]);
  return cellsOf(flat, x, y);
}

function cellsOf(flat, x, y) {
  const [across, up] = [run.grid.dimensions[x].values.length, run.grid.dimensions[y].values.length];
  return Array.from({ length: up }, (_, r) => Array.from({ length: across }, (_, c) => {
    const value = x < y ? flat[r * across + c] : flat[c * up + r];
    return Number.isFinite(value) ? value : null;
  }));
}

// The cells of the chosen set's neighbourhood, over which its plateau score is taken.
function plateauOf(x, y) {
  return run.grid.dimensions[y].near.flatMap((r) => run.grid.dimensions[x].near.map((c) => [r, c]));
}

// The outline of a set of cells: every side that has no neighbour in the set.
function outline(cells) {
  const inside = new Set(cells.map(([r, c]) => `${r},${c}`));
  const sides = [];
  cells.forEach(([r, c]) => {
    const edge = (dr, dc, x0, y0, x1, y1) => {
      if (!inside.has(`${r + dr},${c + dc}`)) sides.push({ type: "line", x0, y0, x1, y1, line: { color: theme().ink, width: 2 } });
    };
    edge(1, 0, c - 0.5, r + 0.5, c + 0.5, r + 0.5);
    edge(-1, 0, c - 0.5, r - 0.5, c + 0.5, r - 0.5);
    edge(0, 1, c + 0.5, r - 0.5, c + 0.5, r + 0.5);
    edge(0, -1, c - 0.5, r - 0.5, c - 0.5, r + 0.5);
  });
  return sides;
}

const viewNotes = {
  slice: () => "Every other setting as in the chosen set.",
  median: () => `Median over all other settings${run.grid.counted < run.grid.eligible ? ` (a sample of ${run.grid.counted.toLocaleString("en")})` : ""}.`,
  top: () => "Best over all other settings: the luckiest of each cell.",
};

// A corner of every cell in which nothing may be chosen.
function corners(barred) {
  return barred.flatMap((row, r) => row.flatMap((bar, c) => (bar ? [{ type: "path", line: { width: 0 }, fillcolor: theme().ink, opacity: 0.7,
    path: `M ${c + 0.48},${r - 0.48} L ${c + 0.48},${r - 0.1} L ${c + 0.2},${r - 0.48} Z` }] : [])));
}

function heatNote(view, marked, barred) {
  const [able, all] = [run.grid.eligible, run.grid.combinations].map((count) => count.toLocaleString("en"));
  const least = run.grid.eligible < run.grid.combinations ? ` ${able} of ${all} combinations have enough trades to be chosen (sweep.min_trades ${run.grid.min_trades}).` : "";
  const struck = barred ? " A dark corner: the cell may not be chosen." : "";
  const best = marked ? " ★ is the chosen set; the outline is its plateau: the settings at most one step away, over which the plateau score is taken." : "";
  return viewNotes[view]() + best + least + struck;
}

const centred = (name) => (name === "profit_factor" ? 1 : ["sharpe", "net_return"].includes(name) ? 0 : undefined);

figures["heat-plot"] = (node) => {
  const [x, y] = [Number(element("heat-x").value), Number(element("heat-y").value)];
  const [metric, view] = [element("heat-metric").value, element("heat-view").value];
  const { dimensions, metrics } = run.grid;
  const known = metrics.find((one) => one.name === metric);
  const cells = heatCells(x, y, metric, view);
  const start = [dimensions[y].best, dimensions[x].best];
  const marked = start.every((place) => place !== null) && cells[start[0]]?.[start[1]] != null;
  const barred = heatCells(x, y, "barred", view);
  const shapes = [...corners(barred), ...(marked ? outline(plateauOf(x, y)) : [])];
  const labels = (dimension) => dimension.values.map((value, place) => `${value}`.slice(0, 18) || `${place}`);
  const large = cells.length * cells[0].length > (isNarrow(node) ? 40 : 160);
  const heat = { type: "heatmap", z: cells, x: cells[0].map((_, c) => c), y: cells.map((_, r) => r), zmid: centred(metric),
    colorscale: theme().map, reversescale: known.better < 0, xgap: 2, ygap: 2, hoverongaps: false,
    texttemplate: large ? "" : "%{z:.2f}", textfont: { size: isNarrow(node) ? 9 : 12 },
    customdata: cells.map((row, r) => row.map((_, c) => [dimensions[x].values[c], dimensions[y].values[r]])),
    hovertemplate: `${shortName(dimensions[x].name)} %{customdata[0]}<br>${shortName(dimensions[y].name)} %{customdata[1]}<br>${known.label} %{z:.3f}<extra></extra>`,
    colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: theme().ink } }, showscale: !isNarrow(node) };
  const star = { type: "scatter", mode: "text", x: [start[1]], y: [start[0] + (large ? 0 : 0.28)], text: ["★"],
    hoverinfo: "skip", textposition: "middle center", textfont: { size: 17, color: theme().star }, showlegend: false };
  const ticks = (dimension) => axis({ tickvals: dimension.values.map((_, k) => k), ticktext: labels(dimension), showgrid: false,
    zeroline: false, title: { text: shortName(dimension.name) }, range: [-0.5, dimension.values.length - 0.5] });
  return { traces: marked ? [heat, star] : [heat], note: heatNote(view, marked, barred.flat().some(Boolean)),
    layout: { shapes, xaxis: ticks(dimensions[x]), yaxis: ticks(dimensions[y]), margin: belowButtons(node) } };
};

function hasWebGl() {
  try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
}

// A little beside its value, so that lines through the same value can be told apart.
const spreadOut = (places, salt) => Array.from(places, (place, row) => place + (((row + 1) * (salt + 1) * 0.6180339887) % 1 - 0.5) * 0.3);

function linesAxes() {
  const { dimensions, sample, metrics } = run.grid;
  const axes = dimensions.map((dimension, k) => ({ label: shortName(dimension.name), values: spreadOut(unpack(sample.places[k]), k),
    tickvals: dimension.values.map((_, place) => place), ticktext: dimension.values.map(String), range: [-0.2, dimension.values.length - 0.8] }));
  const chosen = element("lines-metric").value;
  const values = Array.from(unpack(sample.metrics[chosen]));
  return { axes, chosen: metrics.find((one) => one.name === chosen), values };
}

// On a phone the axes lie below each other, each as wide as the screen.
function uprightLines(node, axes, chosen, values, bounds) {
  const all = [...axes, { label: chosen.label, values, range: bounds, tickvals: bounds, ticktext: bounds.map((v) => v.toFixed(2)) }];
  node.style.height = `${all.length * 58 + 30}px`;
  const { traces } = plainLines(axes, chosen, values, bounds);
  const turned = traces.map((trace) => ({ ...trace, x: trace.y, y: trace.x.map((k) => (k === null ? null : -k)) }));
  const named = all.map((one, k) => ({ x: 0, y: -k, text: `<b>${escaped(one.label)}</b>`, showarrow: false, xanchor: "left", yshift: 16, font: { size: 11 }, bgcolor: theme().card }));
  const ticks = all.flatMap((one, k) => one.tickvals.map((value, t) => ({ x: shareOf(one, value), y: -k, text: escaped(one.ticktext[t]), showarrow: false,
    font: { size: 10 }, bgcolor: theme().card, borderpad: 1 })));
  return { traces: turned, layout: { annotations: [...named, ...ticks], margin: { l: 14, r: 14, t: 26, b: 14 },
    xaxis: axis({ visible: false, range: [-0.03, 1.03] }), yaxis: axis({ showticklabels: false, tickvals: all.map((_, k) => -k), zeroline: false, range: [-all.length + 0.6, 0.55] }) } };
}

const shareOf = (one, value) => (one.range[1] > one.range[0] ? (value - one.range[0]) / (one.range[1] - one.range[0]) : 0.5);

// Lines on plain axes, in bands of colour, for a browser without WebGL: nothing to brush.
function plainLines(axes, chosen, values, bounds) {
  const all = [...axes, { label: chosen.label, values, range: bounds, tickvals: bounds, ticktext: bounds.map((v) => v.toFixed(2)) }];
  const height = shareOf;
  const scale = theme().map;
  const bands = Array.from({ length: scale.length }, () => ({ x: [], y: [] }));
  values.forEach((value, row) => {
    if (!Number.isFinite(value)) return;
    const band = bands[Math.round(height(all.at(-1), value) * (scale.length - 1))];
    all.forEach((one, k) => { band.x.push(k); band.y.push(height(one, one.values[row])); });
    band.x.push(null); band.y.push(null);
  });
  const traces = bands.map((band, k) => ({ ...band, type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false,
    opacity: 0.35, line: { width: 1, color: scale[chosen.better < 0 ? scale.length - 1 - k : k][1] } }));
  const ticks = all.flatMap((one, k) => one.tickvals.map((value, t) => ({ x: k, y: height(one, value), text: escaped(one.ticktext[t]),
    showarrow: false, xanchor: "left", xshift: 3, font: { size: 10 }, bgcolor: theme().card })));
  return { traces, layout: { annotations: ticks, yaxis: axis({ visible: false }),
    xaxis: axis({ tickvals: all.map((_, k) => k), ticktext: all.map((one) => one.label.replaceAll(" ", "<br>")), side: "top", zeroline: false }) } };
}

figures["lines-plot"] = (node) => {
  const { axes, chosen, values } = linesAxes();
  const finite = values.filter(Number.isFinite);
  const bounds = [Math.min(...finite), Math.max(...finite)];
  const drawn = run.grid.sample.count;
  const note = `${drawn.toLocaleString("en")} of ${run.grid.combinations.toLocaleString("en")} combinations${drawn < run.grid.eligible ? ": the best, and an even sample of the rest" : ""}.`;
  if (isNarrow(node)) return { ...uprightLines(node, axes, chosen, values, bounds), note };
  if (!hasWebGl()) return { ...plainLines(axes, chosen, values, bounds), note };
  const trace = { type: "parcoords", line: { color: values, colorscale: theme().map, reversescale: chosen.better < 0, cmin: bounds[0], cmax: bounds[1],
    colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: theme().ink } } },
  dimensions: [...axes, { label: chosen.label, values, range: bounds }], labelangle: axes.length > 6 ? -14 : 0,
  labelfont: { size: 12, color: theme().ink }, tickfont: { size: 13, color: theme().ink }, rangefont: { size: 1, color: "transparent" },
  unselected: { line: { opacity: 0.05 } } };
  return { traces: [trace], note: `${note} Drag along an axis to keep a part of it.`,
    layout: { margin: { l: 96, r: 40, t: 84, b: 30 } } };
};

// The map opens on the stop: its two settings with the most values.
function firstPair() {
  const sizes = run.grid.dimensions.map((dimension, k) => [k, dimension.values.length, dimension.name.startsWith("stop.")]);
  sizes.sort((a, b) => b[2] - a[2] || (a[2] ? b[1] - a[1] : 0) || a[0] - b[0]);
  return sizes.slice(0, 2).map(([k]) => k);
}

function prepareGrid() {
  if (!run.grid) return;
  const dimensions = run.grid.dimensions.map((dimension, k) => [k, shortName(dimension.name)]);
  const metrics = run.grid.metrics.map((metric) => [metric.name, metric.label]);
  fill(element("lines-metric"), metrics, run.grid.objective);
  element("lines-metric").addEventListener("change", () => draw("lines-plot"));
  if (dimensions.length < 2) return;
  const known = run.grid.dimensions.some((dimension) => dimension.best !== null);
  const [first, second] = firstPair();
  fill(element("heat-x"), dimensions, first);
  fill(element("heat-y"), dimensions, second);
  fill(element("heat-metric"), metrics, run.grid.objective);
  fill(element("heat-view"), [["slice", "as chosen"], ["median", "median"], ["top", "best"]].slice(known ? 0 : 1), known ? "slice" : "median");
  const swap = (changed, other) => () => {
    const [a, b] = [element(changed), element(other)];
    if (a.value === b.value) b.value = a.dataset.before;
    a.dataset.before = a.value;
    b.dataset.before = b.value;
    draw("heat-plot");
  };
  ["heat-x", "heat-y"].forEach((id) => { element(id).dataset.before = element(id).value; });
  element("heat-x").addEventListener("change", swap("heat-x", "heat-y"));
  element("heat-y").addEventListener("change", swap("heat-y", "heat-x"));
  ["heat-metric", "heat-view"].forEach((id) => element(id).addEventListener("change", () => draw("heat-plot")));
}
