// The chosen trade: its candles, the stop step by step, entry, breakeven and exit.
function readWindow(packedWindow) {
  const candles = { time: [], open: [], high: [], low: [], close: [] };
  readCandles(packedWindow).forEach((candle) => Object.keys(candles).forEach((name) => candles[name].push(candle[name])));
  candles.time = candles.time.map((time) => time * 1000);
  return candles;
}

const candleLength = (minutes) => (minutes % 1440 === 0 ? `${minutes / 1440}d` : minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`);

function stopTraces(trade, path, end) {
  const colours = theme();
  const times = unpackTimes(path.time);
  const levels = Array.from(unpack(path.level));
  const reason = (k) => (k === 0 ? "initial stop" : path.breakeven.includes(k) ? "breakeven" : path.rule?.includes(k) ? "own rule" : "trail")
    + (path.passed?.includes(k) ? ", beyond the close that set it: left at the next open" : "");
  const line = { type: "scatter", mode: "lines", name: "stop", x: [...times, end], y: [...levels, levels.at(-1)],
    line: { shape: "hv", color: colours.caution, width: 2 }, customdata: [...times.map((_, k) => reason(k)), ""],
    hovertemplate: "stop %{y:,.2f} %{customdata}<extra></extra>" };
  const ratchets = path.breakeven.filter((k) => k < times.length);
  const marker = { type: "scatter", mode: "markers", name: "breakeven", x: ratchets.map((k) => times[k]), y: ratchets.map((k) => levels[k]),
    marker: { symbol: "diamond", size: 11, color: colours.sample, line: { color: colours.card, width: 1 } },
    hovertemplate: "breakeven %{y:,.2f}<extra></extra>" };
  const beyond = (path.passed || []).filter((k) => k < times.length);
  const passed = { type: "scatter", mode: "markers", name: "beyond the close", x: beyond.map((k) => times[k]), y: beyond.map((k) => levels[k]),
    marker: { symbol: "circle-open", size: 11, color: colours.bad, line: { width: 2 } },
    hovertemplate: "stop %{y:,.2f} beyond the close that set it<extra></extra>" };
  return [line, ...(ratchets.length ? [marker] : []), ...(beyond.length ? [passed] : [])];
}

function markerOf(name, time, price, symbol, color) {
  return { type: "scatter", mode: "markers", name, x: [time], y: [price], marker: { symbol, size: 13, color, line: { color: theme().card, width: 1.5 } },
    hovertemplate: `${name} %{y:,.2f}<extra></extra>` };
}

function tradeNote(trade, packedWindow) {
  const result = trade.open ? "still open" : `${trade.exit_reason} exit after ${numberOf(trade.hours, 1)} hours`;
  return `Trade ${trade.number}, ${trade.side > 0 ? "long" : "short"}: ${result}, ${numberOf(trade.r_multiple)} R, profit ${numberOf(trade.pnl)}.`
    + ` Candles of ${candleLength(packedWindow.step)}.`;
}

figures["trade-plot"] = (node) => {
  const trade = list.chosen;
  if (!trade) return null;
  const packedWindow = run.trades.windows[trade.row];
  if (!packedWindow) return { traces: [], note: `Trade ${trade.number} has no chart: only the first ${run.trades.windows.filter(Boolean).length.toLocaleString("en")} do.`,
    layout: { xaxis: { visible: false }, yaxis: { visible: false } } };
  const colours = theme();
  const candles = readWindow(packedWindow);
  const end = trade.open ? candles.time.at(-1) : trade.exit_time;
  const side = (color) => ({ line: { color, width: 1 }, fillcolor: color });
  const traces = [{ type: "candlestick", name: run.symbol || "price", x: candles.time, open: candles.open, high: candles.high, low: candles.low, close: candles.close,
    increasing: side(colours.good), decreasing: side(colours.bad), opacity: 0.75, showlegend: false }];
  const path = run.trades.stops[trade.row];
  if (path && path.time.data) traces.push(...stopTraces(trade, path, end));
  traces.push(markerOf("entry", trade.entry_time, trade.entry_price, trade.side > 0 ? "triangle-up" : "triangle-down", colours.strategy));
  const exits = run.trades.exits[trade.row];
  const prices = exits ? Array.from(unpack(exits.price)) : trade.open ? [] : [trade.exit_price];
  (exits ? unpackTimes(exits.time) : [trade.exit_time]).slice(0, prices.length).forEach((time, k) =>
    traces.push(markerOf(trade.open || k < prices.length - 1 ? "a part" : "exit", time, prices[k], "x", colours.ink)));
  const held = { type: "rect", xref: "x", yref: "paper", x0: trade.entry_time, x1: end, y0: 0, y1: 1, line: { width: 0 },
    fillcolor: colours.strategy, opacity: 0.06, layer: "below" };
  return { traces, note: tradeNote(trade, packedWindow), layout: { shapes: [held], hovermode: "closest",
    xaxis: axis({ type: "date", rangeslider: { visible: false }, hoverformat: "%Y-%m-%d %H:%M" }),
    yaxis: axis({ tickformat: ",~g" }) } };
};
