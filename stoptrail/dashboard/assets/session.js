// One session: its market and trades, where it stands, and what it did and why.
import { candleChart, curveChart, legend } from "./chart.js";
import { h, show } from "./dom.js";
import * as f from "./format.js";
import { pills, warnings } from "./health.js";
import { get } from "./net.js";
import { askFor } from "./orders.js";
import { tile } from "./overview.js";
import { rail } from "./pictures.js";
import { table } from "./tables.js";

const TREND = { 1: "up", "-1": "down", 0: "none" };
const box = (title, ...inside) => h("section", { class: "card" }, h("header", {}, h("h2", {}, title)), ...inside);
const facts = (...pairs) => h("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value, tone]) => [h("dt", {}, name), h("dd", { class: tone ?? "" }, value)]));

const holding = (card) => card.sleeves.filter((sleeve) => sleeve.trade).length;

function tiles(card, curve) {
  const fall = curve ? `worst ${f.share(-curve.worst)}` : "";
  const held = holding(card) ? `${holding(card)} of ${card.sleeves.length} sleeves hold` : null;
  const risk = held ?? (card.at_stop === null ? "flat" : `${f.share(Math.abs(card.distance))} from the price`);
  return h("div", { class: "tiles" },
    tile(`Equity, ${card.quote}`, f.money(card.equity), `realised ${f.result(card.realised)}`),
    card.day === "today" ? tile("Today", f.result(card.today), "since 00:00 UTC", f.tone(card.today)) : tile("Last day", f.result(card.today), f.day(card.price_time ?? card.candle), f.tone(card.today)),
    tile("Open result", card.trade || held ? f.result(card.unrealised) : f.NONE, held ?? (card.trade ? f.multiple(card.r_multiple) : "flat"), f.tone(card.unrealised)),
    tile(card.sleeves.length ? "If every stop is hit" : "If the stop is hit", f.result(card.at_stop), risk, f.tone(card.at_stop)),
    tile("Drawdown", curve ? f.share(-curve.now) : f.NONE, fall),
    tile("Next close", card.state === "running" ? f.countdown(f.nextClose(card.interval, f.now() + card.clock_lead)) : f.NONE, `${card.timeframe} candles`));
}

// What the exchange expects; nothing is booked by it.
function forecast(card) {
  if (!card.forecast) return null;
  const { rate, time } = card.forecast;
  const amount = card.expected === null ? "" : `, ${f.result(card.expected)}`;
  return ["Funding, forecast", `${f.change(rate, 4)}${time ? ` at ${f.moment(time).slice(11)}` : ""}${amount}`, "soft"];
}

function position(card) {
  const { trade } = card;
  if (!trade && card.forecast) return [h("p", { class: "empty" }, "Flat: no position is open."), facts(forecast(card))];
  if (!trade) return h("p", { class: "empty" }, card.ordered ? `A ${f.sideName(card.ordered)} order waits for its fill.` : "Flat: no position is open.");
  const name = f.sideName(trade.side);
  return [rail(trade, card.price), facts(
    ["Side", h("span", { class: `side ${name}` }, name)], ["Units", `${f.units(trade.held)}${trade.held === trade.units ? "" : ` of ${f.units(trade.units)}`} ${card.base}`],
    ["Entry", f.price(trade.entry)], ["Entered", f.moment(trade.entry_time)],
    ["Stop", f.price(trade.sl)], ["Set by", trade.sl_reason], ["First stop", f.price(trade.initial_stop)],
    ["Breakeven", trade.breakeven ? "armed" : "not armed", trade.breakeven ? "up" : ""],
    ["Best price", f.price(trade.extreme)], trade.funding ? ["Funding booked", f.result(trade.funding), f.tone(trade.funding)] : null, forecast(card))];
}

function signal(card) {
  const { reading } = card;
  const named = (name) => (name in reading ? [name[0].toUpperCase() + name.slice(1), TREND[Math.round(reading[name])] ?? String(reading[name]), f.tone(reading[name])] : null);
  const zone = Math.round(reading.zone ?? 0);
  return facts(named("trend"), named("structure"), "cycle" in reading ? ["Cycle", reading.cycle.toFixed(2).replace("-", "−")] : null,
    ["Zone", zone ? f.sideName(zone) : "none"], "atr" in reading ? ["ATR", f.price(reading.atr)] : null,
    ["Warm-up", card.cold ? `until ${f.day(reading.warm_from)}` : "done", card.cold ? "warn" : ""],
    ["Last candle", f.moment(card.candle)]);
}

function connection(card) {
  return facts(["State", card.paused ? `${card.state}, paused` : card.state], ["Market data", card.connection, card.health === "stale" ? "warn" : ""],
    card.sleeves.length ? null : ["Price of", f.moment(card.price_time, true)], ["Last heard of", card.beat ? f.ago(card.beat, card.clock_lead) : f.NONE],
    card.clock_lead ? ["Its clock", `${f.span(Math.abs(card.clock_lead))} ${card.clock_lead > 0 ? "ahead of" : "behind"} the dashboard's`, "warn"] : null,
    ["Restarts", f.count(card.restarts)], ["Ratchet", `by ${card.ratchet}`], card.liquidation ? ["Liquidated by", card.liquidation] : null);
}

// The sleeves of a book, each with its page.
function sleeves(card) {
  const heads = [["", "n"], ["Market"], ["Position"], ["Stop", "n"], ["Price", "n"], ["Open", "n"], ["Realised", "n"], ["Trades", "n"], ["Data"]];
  return table("", heads, card.sleeves.map(({ trade, ...one }) => [one.session, h("a", { href: `#/session/${one.key}` }, one.symbol + (one.paused ? " (paused)" : "")),
    trade ? h("span", {}, h("span", { class: `side ${f.sideName(trade.side)}` }, f.sideName(trade.side)), ` ${f.roughly(trade.held)} ${one.base}`) : one.ordered ? `${f.sideName(one.ordered)} order` : "flat",
    trade ? f.price(trade.sl) : f.NONE, f.price(one.price), [trade ? f.result(one.unrealised) : f.NONE, f.tone(one.unrealised)],
    [f.result(one.realised), f.tone(one.realised)], f.count(one.trades), one.connection.split(":")[0]]));
}

// Of a book a row says its market.
const headsOf = (rows, heads) => (rows.some((row) => row.market) ? [heads[0], ["Market"], ...heads.slice(1)] : heads);
const rowOf = (row, cells) => (row.market ? [cells[0], row.market, ...cells.slice(1)] : cells);

const TABLES = {
  Trades: (story) => table("no trade yet", headsOf(story.trades, [["#", "n"], ["Side"], ["Entered"], ["Entry", "n"], ["Left"], ["Exit", "n"], ["Reason"], ["Result", "n"]]),
    story.trades.map((t) => rowOf(t, [t.number, f.sideName(t.side), f.moment(t.entry_time), f.price(t.entry), t.exit_time ? f.moment(t.exit_time) : "open", f.price(t.exit), t.reason ?? f.NONE, [f.result(t.pnl), f.tone(t.pnl)]]))),
  Decisions: (story) => table("no signal yet", headsOf(story.decisions, [["Candle"], ["Signal"], ["Outcome"], ["Units", "n"], ["Equity", "n"], ["ATR", "n"]]),
    story.decisions.map((d) => rowOf(d, [f.moment(d.time), f.sideName(d.side), d.outcome + (d.caught_up ? " (caught up)" : ""), f.units(d.units), f.money(d.equity), f.price(d.atr)]))),
  Events: (story) => table("nothing has happened yet", [["Time"], ["Event", "verdict"]], story.events.map((e) => [f.moment(e.time, true), e.text])),
  Connections: (story) => table("nothing was said of the connection yet", [["Time"], ["What", "verdict"], ["For", "n"]],
    story.connections.map((c) => [f.moment(c.time, true), [`${c.kind === "connection" ? "" : `${c.kind}: `}${c.text}`, c.kind === "stopped" || c.text.startsWith("lost") ? "warn" : ""], c.lasted === null ? "until now" : f.span(c.lasted)])),
  Settings: (story) => table("no settings", [["Key"], ["Value"]], Object.entries(story.settings)),
};

export function sessionPage(place, ledger, number) {
  const key = `${ledger}/${number}`;
  const parts = Object.fromEntries(["head", "warnings", "tiles", "read", "chart", "sleeves", "position", "signal", "connection", "curve", "list"].map((name) => [name, h("div", { class: `part-${name}` })]));
  const spans = h("div", { class: "spans" });
  const tabs = h("div", { class: "tabs", role: "tablist" });
  let [card, curve, story, chart, equity, seen, chosen, gone] = [null, null, null, null, null, "", "Trades", false];
  const buttons = h("div", { class: "buttons" });
  const ask = (verb) => askFor(verb, card, refresh);
  const pause = h("button", { type: "button", onclick: () => ask(card.paused ? "resume" : "pause") }, "Pause entries");
  const close = h("button", { type: "button", class: "danger", onclick: () => ask("close") }, "Close position");
  buttons.append(pause, close);
  for (const [name, days] of [["1 d", 1], ["1 w", 7], ["1 m", 30], ["all", 1e6]]) {
    spans.append(h("button", { type: "button", onclick: () => chart?.last((days * 86400000) / card.interval) }, name));
  }
  for (const name of Object.keys(TABLES)) {
    tabs.append(h("button", { type: "button", role: "tab", "aria-selected": String(name === chosen), onclick: (event) => {
      chosen = name;
      for (const tab of tabs.children) tab.setAttribute("aria-selected", String(tab === event.target));
      list();
    } }, name));
  }
  const list = () => { if (story) { parts.list.replaceChildren(TABLES[chosen](story)); } };
  const stage = () => place.replaceChildren(...[
    h("a", { class: "back", href: card.book ? `#/session/${card.book}` : "#/" }, card.book ? "← The book" : "← All sessions"),
    h("div", { class: "title" }, parts.head, buttons), parts.warnings, parts.tiles,
    card.sleeves.length ? [box("Sleeves", parts.sleeves), box("Connection", parts.connection)] : [
      h("section", { class: "card" }, h("header", {}, legend(["▲▼", "entry", "ac"], ["■", "exit, won", "up"], ["■", "exit, lost", "down"], ["━", "stop", "st"]), spans), parts.read, parts.chart),
      h("div", { class: "three" }, box("Position and risk", parts.position), box("Signal", parts.signal), box("Connection", parts.connection))],
    box("Equity and drawdown", parts.curve), h("section", { class: "card" }, tabs, parts.list)].flat());

  // One reading at a time: on a slow machine or road they would overtake each other, without end.
  let [reading, again] = [false, false];
  async function refresh() {
    again = true;
    if (reading) return;
    reading = true;
    while (again && !gone) { again = false; await read(); }
    reading = false;
  }

  async function read() {
    try {
      const [candles, newCurve, newStory] = await Promise.all([get(`/api/session/${key}/candles`), get(`/api/session/${key}/curve`), get(`/api/session/${key}/story`)]);
      if (gone) return;
      [curve, story] = [newCurve, newStory];
      if (card?.sleeves.length === 0) chart ??= candleChart(parts.chart, (text) => { parts.read.textContent = text; }, (before) => get(`/api/session/${key}/candles?before=${before}`));
      chart?.take(candles);
      equity?.leave();
      equity = null;
      if (curve.time.length > 1) equity = curveChart(parts.curve, [{ time: curve.time, values: curve.equity, name: "accent" }], { time: curve.time, values: curve.fall });
      else show(parts.curve, h("p", { class: "empty" }, "The curve begins with the first closed candle."));
      list();
      if (card) draw();
    } catch (error) { if (!gone) show(parts.warnings, h("p", { class: "banner bad" }, error.message)); }
  }

  function draw() {
    show(parts.head, h("h1", {}, card.symbol, " ", card.sleeves.length ? null : h("span", { class: "price" }, f.price(card.price))),
      h("p", { class: "hint" }, `${card.exchange} · ${card.timeframe} · session ${card.session}  `, pills(card)));
    show(parts.warnings, warnings(card).map(([tone, text]) => h("p", { class: `banner ${tone}` }, text)));
    show(parts.tiles, tiles(card, curve));
    if (card.sleeves.length) show(parts.sleeves, sleeves(card));
    else { show(parts.position, position(card)); show(parts.signal, signal(card)); }
    show(parts.connection, connection(card));
    chart?.now(card.price, card.trade ? card.trade.sl : null);
    pause.textContent = card.paused ? "Resume entries" : "Pause entries";
    close.textContent = card.sleeves.length ? "Close positions" : "Close position";
    close.disabled = !(card.trade || holding(card));
  }

  return {
    title: "Session", page: "sessions",
    look(look) {
      const found = look.sessions.flatMap((session) => [session, ...session.sleeves]).find((session) => session.key === key);
      if (!found) { show(place, h("p", { class: "empty" }, h("strong", {}, "There is no such session"), h("a", { href: "#/" }, "To the sessions"))); return; }
      const first = card === null;
      card = found;
      if (first) stage();
      document.title = `${card.sleeves.length ? "" : `${f.price(card.price)} `}${card.symbol} · StopTrail`;
      const state = [card, ...card.sleeves].flatMap((one) => [one.candle, one.trades, one.trade?.number, one.trade?.sl, one.paused]).join();
      if (state !== seen) { seen = state; refresh(); }
      draw();
    },
    tick() { if (card) show(parts.tiles, tiles(card, curve)); },
    recolour() { chart?.recolour(); equity?.recolour(); if (card) draw(); },
    leave() { gone = true; chart?.leave(); equity?.leave(); },
  };
}
