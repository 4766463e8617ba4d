// Every session at a glance.
import { h, show } from "./dom.js";
import * as f from "./format.js";
import { gravest, pills } from "./health.js";
import { get } from "./net.js";
import { rail, sparkline } from "./pictures.js";

const pair = (name, value, tone = "") => h("div", { class: "pair" }, h("span", {}, name), h("strong", { class: tone }, value));

export const tile = (name, value, note = "", tone = "") =>
  h("div", { class: "tile" }, h("span", {}, name), h("strong", { class: tone, title: value }, value), h("small", {}, note));

const openIn = (card) => (card.sleeves.length ? card.sleeves.filter((sleeve) => sleeve.trade).length : Number(Boolean(card.trade)));

function held(card) {
  const { trade } = card;
  if (card.sleeves.length) {
    const open = openIn(card);
    return h("div", { class: "held" }, h("span", {}, open ? `${open} of them ${open === 1 ? "holds" : "hold"}` : "flat"),
      h("span", { class: f.tone(card.unrealised) }, open ? f.result(card.unrealised) : card.connection.split(":")[0]));
  }
  if (!trade) {
    const words = card.ordered ? `${f.sideName(card.ordered)} order waits for its fill` : "flat";
    return h("div", { class: "held soft" }, h("span", {}, words), h("span", {}, `${card.connection.split(":")[0]}`));
  }
  const name = f.sideName(trade.side);
  return [
    h("div", { class: "held" },
      h("span", {}, h("span", { class: `side ${name}` }, name), `${f.roughly(trade.units)} ${card.base}`),
      h("span", { class: f.tone(card.unrealised) }, `${f.result(card.unrealised)} (${f.multiple(card.r_multiple)})`)),
    rail(trade, card.price),
  ];
}

function said(card) {
  const found = gravest(card);
  return found && h("p", { class: `why ${found[0]}`, title: found[1] }, found[1]);
}

function cardOf(card, marks) {
  const won = card.trades ? `, ${Math.round((100 * card.wins) / card.trades)}% won` : "";
  return h("a", { class: "card session", href: `#/session/${card.key}`, "data-session": card.key },
    h("div", { class: "top" },
      h("div", {}, h("div", { class: "name" }, card.symbol), h("div", { class: "of" }, `${card.exchange} · ${card.timeframe} · ${f.count(card.trades)} ${card.trades === 1 ? "trade" : "trades"}${won}${card.ledger ? ` · ${card.ledger}` : ""}`)),
      h("div", { class: "pills" }, pills(card))),
    h("div", { class: "middle" }, h("div", { class: "price" }, card.sleeves.length ? `${card.sleeves.length} sleeves` : f.price(card.price)), sparkline(marks?.equity)),
    held(card),
    said(card),
    h("div", { class: "money" },
      pair("Equity", f.money(card.equity)),
      pair(card.day === "today" ? "Today" : "Last day", f.result(card.today), f.tone(card.today)),
      pair("Realised", f.result(card.realised), f.tone(card.realised))));
}

// Sums of what is in one currency; sessions in several have a line each.
function totals(cards) {
  const quotes = [...new Set(cards.map((card) => card.quote))];
  const sum = (quote, name) => cards.filter((card) => card.quote === quote && (name !== "today" || card.day === "today")).reduce((total, card) => total + (card[name] ?? 0), 0);
  const each = (name, write) => quotes.map((quote) => `${write(sum(quote, name))}${quotes.length > 1 ? ` ${quote}` : ""}`).join(" · ");
  const single = quotes.length === 1 ? quotes[0] : null;
  const tone = (name) => (single ? f.tone(sum(single, name)) : "");
  const open = cards.reduce((total, card) => total + openIn(card), 0);
  const going = cards.filter((card) => card.state !== "stopped");
  const healthy = going.filter((card) => card.health === "well").length;
  const stopped = cards.length - going.length;
  const worst = cards.some((card) => card.health === "gone") ? "down" : healthy < going.length || cards.some((card) => card.state === "stopped" && openIn(card)) ? "warn" : "";
  const held = `${open} position${open === 1 ? "" : "s"} open`;
  return h("div", { class: "tiles" },
    tile("Sessions", going.length ? `${healthy} of ${going.length} well` : "none runs", stopped ? `${stopped} stopped · ${held}` : held, worst),
    tile(`Equity${single ? `, ${single}` : ""}`, each("equity", f.money), ""),
    tile("Today", each("today", f.result), "since 00:00 UTC", tone("today")),
    tile("Open result", each("unrealised", f.result), "at the newest price", tone("unrealised")),
    tile("If every stop is hit", each("at_stop", f.result), "open trades, costs included", tone("at_stop")));
}

function nothing(look) {
  const unreadable = look.ledgers.filter((ledger) => ledger.error);
  if (unreadable.length) return null;
  return h("div", { class: "card" }, h("p", { class: "empty" }, h("strong", {}, "No session has been started yet"),
    "Start one: ", h("code", {}, `${document.documentElement.dataset.program} live --paper`)));
}

export function overview(place) {
  let marks = {};
  let newest = null;
  const draw = (look) => {
    newest = look;
    const cards = [...look.sessions].sort((a, b) => (a.health === "well") - (b.health === "well"));
    show(place,
      ...look.ledgers.filter((ledger) => ledger.error).map((ledger) => h("p", { class: "banner bad" }, ledger.error)),
      cards.length ? totals(cards) : "",
      cards.length ? h("div", { class: "sessions" }, cards.map((card) => cardOf(card, marks[card.key]))) : nothing(look) ?? "");
  };
  get("/api/marks").then((found) => { marks = found; if (newest) draw(newest); }).catch(() => {});
  return { title: "Sessions", page: "sessions", look: draw, leave() {} };
}
