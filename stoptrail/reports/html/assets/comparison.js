// Two runs in one figure: equity over its start, and the fall below its highest point.
figures["compared-plot"] = (node) => {
  const colours = [theme().strategy, theme().baseline];
  const traces = run.runs.flatMap((one, k) => {
    const time = unpackTimes(one.time);
    const equity = Array.from(unpack(one.equity));
    const shared = { x: time, type: "scatter", mode: "lines", name: one.name, legendgroup: one.name, line: { color: colours[k], width: 1.8 } };
    return [{ ...shared, y: equity.map((value) => value / equity[0] - 1), hovertemplate: "%{y:.1%}" },
      { ...shared, y: falls(one, equity).map((value) => -value), yaxis: "y2", showlegend: false, hovertemplate: "%{y:.1%}" }];
  });
  return { traces, layout: { hovermode: "x unified",
    xaxis: axis({ type: "date", anchor: "y2", hoverformat: "%Y-%m-%d" }),
    yaxis: axis({ domain: [0.36, 1], tickformat: ".2~%", title: isNarrow(node) ? undefined : { text: "return" } }),
    yaxis2: axis({ domain: [0, 0.3], tickformat: ".2~%", title: isNarrow(node) ? undefined : { text: "drawdown" } }) } };
};

followTheme(redraw);
drawWhenSeen();
document.documentElement.dataset.ready = "true";
