// Distributions over trades and months, and what the fees took.
const closed = () => trades.filter((trade) => !trade.open);
const wins = (trade) => trade.pnl > 0;

function histogram(values, size, unit, label) {
  const shown = (kind, part, color) => ({ type: "histogram", x: part, name: kind, marker: { color }, xbins: { size },
    autobinx: false, hovertemplate: `%{x} ${unit}<br>%{y} trades<extra>${kind}</extra>` });
  return { traces: [shown("won", values(closed().filter(wins)), theme().good), shown("lost", values(closed().filter((t) => !wins(t))), theme().bad)],
    layout: { barmode: "stack", bargap: 0.05, xaxis: axis({ title: { text: label } }), yaxis: axis({ title: { text: "trades" } }) } };
}

function binSize(values, bins) {
  const usable = values.filter(Number.isFinite);
  const raw = (Math.max(...usable) - Math.min(...usable)) / bins || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= raw);
}

figures["r-plot"] = () => {
  const all = closed().map((trade) => trade.r_multiple);
  const made = histogram((part) => part.map((trade) => trade.r_multiple), binSize(all, 36), "R", "R multiple");
  const mean = all.reduce((sum, value) => sum + value, 0) / (all.length || 1);
  made.layout.shapes = [{ type: "line", x0: mean, x1: mean, yref: "paper", y0: 0, y1: 1, line: { color: theme().ink, dash: "dot", width: 1.5 } }];
  made.layout.annotations = [{ x: mean, yref: "paper", y: 1, yanchor: "top", xanchor: "left", xshift: 4, showarrow: false, text: `mean ${mean.toFixed(2)} R` }];
  return made;
};

figures["hours-plot"] = () => {
  const hours = (part) => part.map((trade) => trade.hours);
  return histogram(hours, binSize(hours(closed()), 36), "hours", "hours held");
};

figures["excursion-plot"] = () => {
  const dots = (kind, part, color) => ({ type: "scatter", mode: "markers", name: kind, x: part.map((t) => t.mae), y: part.map((t) => t.mfe),
    customdata: part.map((t) => [t.number, t.r_multiple]), marker: { color, size: 7, opacity: 0.7 },
    hovertemplate: "trade %{customdata[0]}: %{customdata[1]:.2f} R<br>against %{x:.2f}, in favour %{y:.2f}<extra></extra>" });
  const bind = (node) => node.on("plotly_click", ({ points }) => {
    const number = points[0].customdata?.[0];
    chooseTrade(trades.find((trade) => trade.number === number));
    element("trade-plot").scrollIntoView({ block: "center" });
  });
  return { bind, traces: [dots("won", closed().filter(wins), theme().good), dots("lost", closed().filter((t) => !wins(t)), theme().bad)],
    layout: { hovermode: "closest", xaxis: axis({ title: { text: "furthest against (MAE, R)" } }), yaxis: axis({ title: { text: "furthest in favour (MFE, R)" } }) } };
};

figures["months-plot"] = (node) => {
  const years = [...new Set(run.months.map(([year]) => year))];
  const cells = years.map((year) => Array.from({ length: 12 }, (_, m) => run.months.find(([y, k]) => y === year && k === m + 1)?.[2] ?? null));
  const names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const months = isNarrow(node) ? names.map((name, k) => `${k + 1}`) : names;
  const year = cells.map((row) => row.reduce((product, value) => product * (1 + (value ?? 0)), 1) - 1);
  return { traces: [{ type: "heatmap", z: cells, x: months, y: years.map((name, k) => `${name}  ${isNarrow(node) ? "" : percentOf(year[k])}`.trim()),
    zmid: 0, colorscale: theme().map, xgap: 2, ygap: 2, hoverongaps: false, texttemplate: isNarrow(node) ? "" : "%{z:.1%}",
    hovertemplate: "%{y} %{x}: %{z:.1%}<extra></extra>", showscale: false }],
  layout: { margin: { l: 44, r: 14, t: isNarrow(node) ? 40 : 58, b: 14 }, xaxis: axis({ type: "category", side: "top", showgrid: false }), yaxis: axis({ type: "category", autorange: "reversed", showgrid: false }) } };
};

figures["fees-plot"] = () => ({
  traces: Object.entries(run.fees).map(([name, fees]) => ({ type: "scatter", mode: "lines", name: curveNames[name], x: unpackTimes(fees.time), y: Array.from(unpack(fees.paid)),
    line: { shape: "hv", color: theme()[name], width: 2 }, hovertemplate: "%{y:,.0f}" })),
  layout: { hovermode: "x unified", xaxis: axis({ type: "date", hoverformat: "%Y-%m-%d" }), yaxis: axis({ tickformat: "~s", rangemode: "tozero" }) },
});

figures["fee-curve-plot"] = () => {
  const curveOf = (name, label, color) => ({ type: "scatter", mode: "lines+markers", name: label, x: run.fee_curve.fee, y: run.fee_curve[name],
    line: { color, width: 2 }, hovertemplate: "%{y:.2f}" });
  const fee = run.fee_curve.break_even;
  const mark = fee == null ? {} : {
    shapes: [{ type: "line", x0: fee, x1: fee, yref: "paper", y0: 0, y1: 1, line: { color: theme().ink, dash: "dot", width: 1.5 } }],
    annotations: [{ x: fee, yref: "paper", y: 1, yanchor: "top", xanchor: "right", xshift: -4, showarrow: false, text: `profit factor 1 at ${(fee * 100).toFixed(2)} %` }] };
  return { traces: [curveOf("profit_factor", "profit factor", theme().strategy), curveOf("sharpe", "Sharpe", theme().sample)],
    layout: { hovermode: "x unified", xaxis: axis({ tickformat: ".2%", title: { text: "fee per fill" } }), ...mark } };
};

figures["bands-plot"] = (node) => {
  const { trades: at, bands, levels, actual } = run.bands;
  const colours = theme();
  const line = (y, name, more) => ({ type: "scatter", mode: "lines", x: at, y, name, hovertemplate: "%{y:.1%}", ...more });
  const share = (level) => `${Math.round(level * 100)} %`;
  const last = bands.length - 1;
  return { traces: [
    line(bands[0], share(levels[0]), { line: { width: 0 }, showlegend: false }),
    line(bands[last], `${share(levels[0])} to ${share(levels[last])} of the draws`, { line: { width: 0 }, fill: "tonexty", fillcolor: `${colours.strategy}33` }),
    ...bands.slice(1, last).map((band, k) => line(band, levels[k + 1] === 0.5 ? "median draw" : share(levels[k + 1]), { line: { color: colours.strategy, width: 1.2, dash: "dot" } })),
    line(actual, "as it happened", { line: { color: colours.bad, width: 2.2, shape: "hv" } })],
  layout: { hovermode: "x unified", xaxis: axis({ title: { text: "closed trades" } }),
    yaxis: axis({ tickformat: ".2~%", rangemode: "tozero", title: isNarrow(node) ? undefined : { text: "deepest drawdown so far" } }) } };
};
