// Charts of a session: candles with fills and the stop's path, equity with its falls.
import { h } from "./dom.js";
import * as f from "./format.js";
import { colour, faded } from "./theme.js";

const LC = window.LightweightCharts;

function options(narrow) {
  return {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: colour("soft"), fontSize: narrow ? 11 : 12, attributionLogo: false, panes: { separatorColor: colour("line") } },
    grid: { vertLines: { color: faded("line", 0.6) }, horzLines: { color: faded("line", 0.6) } },
    rightPriceScale: { borderColor: colour("line"), entireTextOnly: true },
    timeScale: { borderColor: colour("line"), timeVisible: true, secondsVisible: false, rightOffset: 4, minBarSpacing: 0.05 },
    crosshair: { mode: 0 },
    handleScroll: { vertTouchDrag: false },
    localization: { locale: "en" },
  };
}

// Classic scripts that the report has too.
const { lastUpTo: placeOf, stopSteps } = window;

function markers(trades, times) {
  const at = (time) => times[Math.max(0, placeOf(times, time))] / 1000;
  const found = [];
  for (const trade of trades) {
    if (trade.entry_time >= times[0]) {
      found.push({ time: at(trade.entry_time), price: trade.entry, position: trade.side > 0 ? "atPriceBottom" : "atPriceTop",
        shape: trade.side > 0 ? "arrowUp" : "arrowDown", color: colour("accent"), size: 1.3 });
    }
    if (trade.exit_time !== null) {
      found.push({ time: at(trade.exit_time), price: trade.exit, position: "atPriceMiddle", shape: "square", size: 0.7, color: colour(trade.pnl > 0 ? "good" : "bad") });
    }
  }
  return found.sort((a, b) => a.time - b.time);
}

const candlesOf = (columns) => columns.time.map((time, k) => ({ time: time / 1000, open: columns.open[k], high: columns.high[k], low: columns.low[k], close: columns.close[k] }));
const decimalsOf = (columns) => Math.min(10, Math.max(0, ...columns.close.slice(-200).map((value) => (String(value).split(".")[1] ?? "").length)));

// `older(before)` resolves to what lies before the first candle.
export function candleChart(place, read, older) {
  const held = { columns: { time: [], open: [], high: [], low: [], close: [] }, trades: [], more: false, asking: false };
  const chart = LC.createChart(place, options(place.clientWidth < 560));
  const series = chart.addSeries(LC.CandlestickSeries, { borderVisible: false, priceLineVisible: false, lastValueVisible: false });
  const line = series.createPriceLine({ price: 0, lineWidth: 1, lineStyle: 2, axisLabelVisible: false, lineVisible: false });
  const stopLine = series.createPriceLine({ price: 0, lineWidth: 1, lineStyle: 1, axisLabelVisible: false, lineVisible: false });
  const marks = LC.createSeriesMarkers(series, []);
  const paths = () => held.trades.filter((trade) => trade.stop.length).map((trade) => ({
    places: trade.stop_time.map((time) => Math.max(0, placeOf(held.columns.time, time))), levels: trade.stop,
    end: trade.exit_time === null ? held.columns.time.length - 1 : placeOf(held.columns.time, trade.exit_time) }));
  let drawn = [];
  series.attachPrimitive(stopSteps(chart, series, () => drawn, () => colour("stop")));

  const paint = () => {
    series.applyOptions({ upColor: colour("good"), downColor: colour("bad"), wickUpColor: colour("good"), wickDownColor: colour("bad") });
    chart.applyOptions(options(place.clientWidth < 560));
    marks.setMarkers(held.columns.time.length ? markers(held.trades, held.columns.time) : []);
  };
  const set = () => {
    const digits = decimalsOf(held.columns);
    series.applyOptions({ priceFormat: { type: "custom", minMove: 10 ** -digits, formatter: f.price } });
    series.setData(candlesOf(held.columns));
    drawn = paths();
    paint();
    place.dataset.drawn = held.columns.time.length;
  };
  chart.subscribeCrosshairMove((at) => {
    const bar = at.seriesData?.get(series);
    read(bar ? `${f.moment(at.time * 1000)}  O ${f.price(bar.open)}  H ${f.price(bar.high)}  L ${f.price(bar.low)}  C ${f.price(bar.close)}` : "");
  });
  chart.timeScale().subscribeVisibleLogicalRangeChange(async (range) => {
    if (!range || range.from > 20 || !held.more || held.asking) return;
    held.asking = true;
    try {
      const found = await older(held.columns.time[0]);
      for (const name of Object.keys(held.columns)) held.columns[name] = [...found.candles[name], ...held.columns[name]];
      const known = new Set(held.trades.map((trade) => trade.number));
      held.trades = [...found.trades.filter((trade) => !known.has(trade.number)), ...held.trades];
      held.more = found.more;
      set();
    } finally { held.asking = false; }
  });
  return {
    // The newest candles; older ones that are here already stay.
    take(found) {
      const first = held.columns.time.length === 0;
      const since = found.candles.time[0] ?? 0;
      const kept = held.columns.time.filter((time) => time < since).length;
      for (const name of Object.keys(held.columns)) held.columns[name] = [...held.columns[name].slice(0, kept), ...found.candles[name]];
      const fresh = new Set(found.trades.map((trade) => trade.number));
      held.trades = [...held.trades.filter((trade) => !fresh.has(trade.number)), ...found.trades];
      held.more = kept ? held.more : found.more;
      set();
      if (first) this.last(place.clientWidth < 560 ? 80 : 220);
    },
    now(price, stop) {
      line.applyOptions({ price: price ?? 0, lineVisible: price !== null, axisLabelVisible: price !== null, color: colour("ink"), title: "" });
      stopLine.applyOptions({ price: stop ?? 0, lineVisible: stop !== null, axisLabelVisible: stop !== null, color: colour("stop"), title: "" });
    },
    last(count) { const all = held.columns.time.length; chart.timeScale().setVisibleLogicalRange({ from: Math.max(-1, all - count), to: all + 4 }); },
    recolour: paint,
    leave: () => chart.remove(),
  };
}

// Digits with which the marks of an axis of falls, in percent, differ.
export function digitsOf(falls) {
  const worst = 100 * falls.reduce((most, value) => Math.max(most, value), 0);
  return worst < 1e-5 ? 1 : Math.max(1, Math.ceil(1 - Math.log10(worst)));
}

// Everything, with room for half a label before the first point.
function showAll(chart, place, curves) {
  const count = new Set(curves.flatMap(({ time }) => time.map((at) => Math.floor(at / 1000)))).size;
  const half = count * 30 / Math.max(200, place.clientWidth - 90);
  chart.timeScale().setVisibleLogicalRange({ from: -half, to: count - 1 + Math.min(4, half) });
}

// Curves over each other, and falls below them where there are any.
export function curveChart(place, curves, falls = null) {
  const chart = LC.createChart(place, options(place.clientWidth < 560));
  const points = (times, values) => times.map((time, k) => ({ time: Math.floor(time / 1000), value: values[k] })).filter((point, k, all) => k === 0 || point.time > all[k - 1].time);
  const drawn = curves.map(({ time, values, name, write }) => {
    const series = chart.addSeries(LC.LineSeries, { lineWidth: 2, priceLineVisible: false, lastValueVisible: curves.length === 1, priceFormat: { type: "custom", minMove: 1e-6, formatter: write ?? f.money } });
    series.setData(points(time, values));
    return [series, name];
  });
  const digits = falls && digitsOf(falls.values);
  const below = falls && chart.addSeries(LC.AreaSeries, { lineWidth: 1, priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", minMove: 1e-6, formatter: (value) => f.share(value, digits) } }, 1);
  if (below) {
    below.setData(points(falls.time, falls.values.map((value) => -value)));
    chart.panes()[0].setStretchFactor(place.clientWidth < 560 ? 2 : 3);
    chart.panes()[1].setStretchFactor(1);
  }
  const paint = () => {
    chart.applyOptions(options(place.clientWidth < 560));
    drawn.forEach(([series, name]) => series.applyOptions({ color: colour(name) }));
    below?.applyOptions({ lineColor: colour("bad"), topColor: faded("bad", 0.05), bottomColor: faded("bad", 0.35), invertFilledArea: true });
  };
  paint();
  showAll(chart, place, curves);
  place.dataset.drawn = curves[0]?.time.length ?? 0;
  return { recolour: paint, leave: () => chart.remove() };
}

export const legend = (...entries) => h("div", { class: "legend" }, entries.map(([sign, name, tone]) => h("span", {}, h("b", { class: tone }, sign), ` ${name}`)));
