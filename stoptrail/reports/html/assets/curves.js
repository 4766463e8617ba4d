// Equity, drawdown, and what happened out of sample.
const curve = (name) => {
  const stored = run.curves[name];
  return stored && { time: unpackTimes(stored.time), equity: Array.from(unpack(stored.equity)) };
};

const curveNames = { strategy: "strategy", scaled: "buy and hold at the same volatility", baseline: "legacy exits", hold: "buy and hold" };
const shownAtFirst = ["strategy", "scaled"]; // the others would flatten these two

function prepareEquity() {
  element("log-scale")?.addEventListener("change", () => draw("equity-plot"));
}

figures["equity-plot"] = (node) => {
  const colours = { ...theme(), scaled: theme().ink };
  const traces = [];
  Object.entries(curveNames).forEach(([name, label]) => {
    const one = curve(name);
    if (!one) return;
    const line = { color: colours[name], width: name === "strategy" ? 2.2 : 1.2 };
    const shared = { x: one.time, type: "scatter", mode: "lines", line, legendgroup: name, name: label,
      visible: shownAtFirst.includes(name) ? true : "legendonly" };
    traces.push({ ...shared, y: one.equity, hovertemplate: "%{y:,.0f}" });
    traces.push({ ...shared, y: falls(run.curves[name], one.equity).map((fall) => -fall), yaxis: "y2", showlegend: false, hovertemplate: "%{y:.1%}",
      fill: name === "strategy" ? "tozeroy" : "none" });
  });
  const logarithmic = element("log-scale").checked;
  return { traces, layout: {
    hovermode: "x unified",
    xaxis: axis({ type: "date", anchor: "y2", hoverformat: "%Y-%m-%d" }),
    yaxis: axis({ domain: [0.4, 1], type: logarithmic ? "log" : "linear", tickformat: "~s",
      title: isNarrow(node) ? undefined : { text: logarithmic ? "equity (log)" : "equity" } }),
    yaxis2: axis({ domain: [0, 0.34], tickformat: ".2~%", title: isNarrow(node) ? undefined : { text: "drawdown" } }),
  } };
};

const shadedWindows = () => {
  if (!run.walk_forward) return [];
  const [starts, ends] = [unpackTimes(run.walk_forward.start), unpackTimes(run.walk_forward.end)];
  return starts.map((start, k) => ({ type: "rect", xref: "x", yref: "paper", x0: start, x1: ends[k], y0: 0, y1: 1,
    line: { width: 0 }, layer: "below", fillcolor: theme().sample, opacity: k % 2 ? 0.04 : 0.1 }));
};

figures["out-of-sample-plot"] = (node) => {
  const [sample, strategy] = [curve("out_of_sample"), curve("strategy")];
  if (!sample) return null;
  const colours = theme();
  const first = strategy ? strategy.time.findIndex((time) => time >= sample.time[0]) : -1;
  const scale = first < 0 ? 1 : sample.equity[0] / strategy.equity[first];
  const line = (x, y, name, colour, width) => ({ x, y, name, type: "scatter", mode: "lines",
    line: { color: colour, width }, hovertemplate: "%{y:,.0f}" });
  const traces = first < 0 ? [] : [line(strategy.time.slice(first), strategy.equity.slice(first).map((v) => v * scale),
    "in sample", colours.strategy, 1.3)];
  traces.push(line(sample.time, sample.equity, "out of sample", colours.sample, 2.2));
  return { traces, layout: { hovermode: "x unified", shapes: shadedWindows(),
    xaxis: axis({ type: "date", hoverformat: "%Y-%m-%d" }),
    yaxis: axis({ tickformat: "~s", title: isNarrow(node) ? undefined : { text: "equity" } }) } };
};

figures["windows-plot"] = (node) => {
  if (!run.walk_forward) return null;
  const [starts, ends] = [unpackTimes(run.walk_forward.start), unpackTimes(run.walk_forward.end)];
  const cut = run.walk_forward.partial;
  const month = (time) => dayOf(time).slice(0, 7);
  const labels = starts.map((start, k) => `${isNarrow(node) ? month(start) : `${month(start)}<br>– ${month(ends[k])}`}${cut[k] ? "<br>partial" : ""}`);
  const bars = (y, name, color, hatched) => ({ type: "bar", x: labels, y, name,
    marker: { color, pattern: { shape: cut.map((partial) => (hatched && partial ? "/" : "")), fgcolor: color, bgcolor: theme().card, solidity: 0.35 } },
    hovertemplate: `%{y:.2f}<extra>${name}</extra>` });
  return { traces: [bars(run.walk_forward.train, "training window", theme().strategy, false),
    bars(run.walk_forward.test, "test window after it", theme().sample, true)],
  layout: { barmode: "group", xaxis: axis({ type: "category" }), yaxis: axis({ title: { text: run.walk_forward.metric } }) } };
};
