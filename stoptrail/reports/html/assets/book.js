// A book: what its markets earned, what was at risk, how sleeves go together.
const book = run.book;
const lineColours = () => [theme().strategy, theme().sample, theme().good, theme().bad, theme().ink];

function bookLines(stored, times, format, names = {}) {
  return Object.entries(stored).map(([name, values], k) => ({ type: "scatter", mode: "lines", name: names[name] || name, x: times,
    y: Array.from(unpack(values)), line: { width: 1.6, color: lineColours()[k % lineColours().length], dash: k < 5 ? "solid" : "dot" }, hovertemplate: format }));
}

figures["book-profits-plot"] = (node) => {
  if (!book) return null;
  return { traces: bookLines(book.profits, unpackTimes(book.time), "%{y:,.0f}"), layout: { hovermode: "x unified",
    xaxis: axis({ type: "date", hoverformat: "%Y-%m-%d" }),
    yaxis: axis({ tickformat: "~s", title: isNarrow(node) ? undefined : { text: "profit" } }) } };
};

figures["book-exposure-plot"] = (node) => {
  if (!book) return null;
  const names = { open_risk: "open risk", notional: "notional" };
  const traces = bookLines(book.exposure, unpackTimes(book.exposure_time), "%{y:.1%}", names);
  traces.forEach((trace) => { if (trace.name === "open risk") trace.yaxis = "y2"; });
  const title = (text) => (isNarrow(node) ? undefined : { text });
  return { traces, layout: { hovermode: "x unified",
    xaxis: axis({ type: "date", anchor: "y2", hoverformat: "%Y-%m-%d" }),
    yaxis: axis({ domain: [0.55, 1], tickformat: ".2~%", title: title("notional") }),
    yaxis2: axis({ domain: [0, 0.45], tickformat: ".2~%", title: title("open risk") }) } };
};

figures["book-correlation-plot"] = (node) => {
  if (!book || !book.correlation) return null;
  const colours = theme();
  return { traces: [{ type: "heatmap", z: book.correlation, x: book.sleeves, y: book.sleeves, zmin: -1, zmax: 1,
    colorscale: [[0, colours.bad], [0.5, colours.card], [1, colours.strategy]], hovertemplate: "%{x}, %{y}: %{z:.2f}<extra></extra>",
    texttemplate: book.sleeves.length < 8 ? "%{z:.2f}" : "", showscale: !isNarrow(node),
    colorbar: { thickness: 10, outlinewidth: 0, len: 0.85, y: 0, yanchor: "bottom", tickfont: { color: colours.ink } } }],
    layout: { xaxis: axis({ type: "category", showticklabels: book.sleeves.length < 12 }), yaxis: axis({ type: "category", autorange: "reversed", showticklabels: book.sleeves.length < 26 }) } };
};
