// The whole market: candles, every fill and every stop path, to zoom and move.
const market = { chart: null, range: null, candles: null, times: null };

// The place of the last candle that has begun by `time` (ms).
const placeOf = (time) => Math.max(0, lastUpTo(market.times, time / 1000));

// Each trade's stop levels, by the place of the candle from which each holds, to the exit's.
function stopPaths() {
  return trades.flatMap((trade) => {
    const path = run.trades.stops[trade.row];
    if (!path?.time.data) return [];
    const places = unpackTimes(path.time).map(placeOf);
    return [{ places, levels: unpack(path.level), end: trade.open ? market.candles.length - 1 : placeOf(trade.exit_time) }];
  });
}

function fills() {
  const colours = theme();
  const made = trades.flatMap((trade) => {
    const entry = { time: market.candles[placeOf(trade.entry_time)].time, price: trade.entry_price, id: `${trade.number}`, color: colours.strategy, size: 1.3,
      position: trade.side > 0 ? "atPriceBottom" : "atPriceTop", shape: trade.side > 0 ? "arrowUp" : "arrowDown" };
    if (trade.open) return [entry];
    return [entry, { time: market.candles[placeOf(trade.exit_time)].time, price: trade.exit_price, id: `${trade.number}`, position: "atPriceMiddle", shape: "square",
      size: 0.7, color: trade.pnl > 0 ? colours.good : colours.bad }];
  });
  return made.sort((a, b) => a.time - b.time);
}

function marketOptions(node) {
  const colours = theme();
  return { autoSize: true,
    layout: { background: { color: "transparent" }, textColor: colours.ink, fontSize: isNarrow(node) ? 11 : 12 },
    grid: { vertLines: { color: colours.line }, horzLines: { color: colours.line } },
    rightPriceScale: { borderColor: colours.line, mode: element("market-log").checked ? 1 : 0 },
    timeScale: { borderColor: colours.line, timeVisible: true, secondsVisible: false, minBarSpacing: 0.0005, enableConflation: true, rightOffset: 0 },
    crosshair: { mode: 0 }, handleScroll: { mouseWheel: false, vertTouchDrag: false }, handleScale: { mouseWheel: false },
    localization: { locale: "en", priceFormatter: (price) => (Math.abs(price) >= 1000 ? numberOf(price, 0) : priceOf(price)) } };
}

function readOut(node, candle) {
  const time = candle && momentOf(candle.time * 1000);
  node.querySelector(".read-out").textContent = candle
    ? `${time}  O ${priceOf(candle.open)}  H ${priceOf(candle.high)}  L ${priceOf(candle.low)}  C ${priceOf(candle.close)}` : "";
}

function overlay(node) {
  const colours = theme();
  const legend = document.createElement("div");
  legend.className = "market-legend";
  const named = [["▲▼", colours.strategy, "entry"], ["■", colours.good, "exit, won"], ["■", colours.bad, "exit, lost"], ["━", colours.caution, "stop"]];
  const entries = named.map(([sign, color, name]) => `<span><b style="color:${color}">${sign}</b> ${name}</span>`).join("");
  legend.innerHTML = `${trades.length ? entries : ""}<span class="read-out"></span>`;
  node.append(legend);
  if (!run.synthetic) return;
  const mark = document.createElement("div");
  mark.className = "annotation-text market-mark";
  mark.textContent = "SYNTHETIC DATA";
  node.append(mark);
}

figures["market-plot"] = (node) => {
  const colours = theme();
  market.candles ??= readCandles(run.market);
  market.times ??= market.candles.map((candle) => candle.time);
  const range = market.chart?.timeScale().getVisibleLogicalRange();
  market.chart?.remove();
  node.replaceChildren();
  const chart = LightweightCharts.createChart(node, marketOptions(node));
  const candles = chart.addSeries(LightweightCharts.CandlestickSeries, { upColor: colours.good, downColor: colours.bad, borderVisible: false,
    wickUpColor: colours.good, wickDownColor: colours.bad, priceLineVisible: false, lastValueVisible: false });
  candles.setData(market.candles);
  const paths = run.trades ? stopPaths() : [];
  candles.attachPrimitive(stopSteps(chart, candles, () => paths, () => theme().caution));
  LightweightCharts.createSeriesMarkers(candles, fills());
  if (range) chart.timeScale().setVisibleLogicalRange(range); else chart.timeScale().fitContent();
  overlay(node);
  chart.subscribeCrosshairMove((at) => readOut(node, at.seriesData?.get(candles) && { time: at.time, ...at.seriesData.get(candles) }));
  chart.subscribeClick((at) => showTradeOf(at.hoveredObjectId));
  market.chart = chart;
  return { drawn: true };
};

function showTradeOf(number) {
  const trade = number && trades.find((one) => `${one.number}` === number);
  if (!trade) return;
  chooseTrade(trade);
  element("trade-plot").scrollIntoView({ block: "center" });
}

// The wheel belongs to the page until the chart is clicked.
function prepareMarket() {
  const node = element("market-plot");
  if (!node) return;
  const wheel = (on) => market.chart?.applyOptions({ handleScale: { mouseWheel: on } });
  node.addEventListener("pointerdown", () => wheel(true));
  node.addEventListener("pointerleave", () => wheel(false));
  element("market-log").checked = run.market.logarithmic;
  element("market-log").addEventListener("change", () => market.chart?.applyOptions(marketOptions(node)));
  element("market-spans").addEventListener("click", (event) => {
    const days = event.target.dataset.days;
    if (days === undefined || !market.chart) return;
    if (days === "0") market.chart.timeScale().fitContent();
    else spanOf(Number(days));
  });
}

// So many days around the middle of what is seen.
function spanOf(days) {
  const scale = market.chart.timeScale();
  const seen = scale.getVisibleLogicalRange();
  const length = (days * 1440) / run.market.step;
  const count = market.candles.length;
  const middle = Math.min(Math.max((seen.from + seen.to) / 2, length / 2), Math.max(count - length / 2, length / 2));
  scale.setVisibleLogicalRange({ from: Math.max(middle - length / 2, 0), to: Math.min(middle + length / 2, count - 1) });
}
