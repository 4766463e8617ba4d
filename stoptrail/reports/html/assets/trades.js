// The trade list: sort, filter, choose.
const stored = run.trades && run.trades.columns;
const trades = stored ? readTrades(stored) : [];
const pageLength = 100;
const list = { sort: "number", down: false, shown: pageLength, chosen: null, rows: trades };

function readTrades(columns) {
  const names = Object.keys(columns).filter((name) => name !== "exit_reason");
  const read = Object.fromEntries(names.map((name) => [name, unpack(columns[name])]));
  return Array.from(read.number, (_, row) => {
    const trade = { row, exit_reason: columns.exit_reason[row] };
    names.forEach((name) => { trade[name] = read[name][row]; });
    trade.open = trade.exit_time < 0;
    trade.entry_time *= 60000;
    trade.exit_time = trade.open ? Infinity : trade.exit_time * 60000;
    trade.hours = trade.open ? NaN : (trade.exit_time - trade.entry_time) / 3600000;
    return trade;
  });
}

const ofBook = stored && stored.sleeve ? [["sleeve", "sleeve", (t) => run.book.sleeves[t.sleeve - 1]]] : [];
const tradeColumns = [
  ["number", "#", (t) => t.number],
  ...ofBook,
  ["side", "side", (t) => (t.side > 0 ? "long" : "short")],
  ["entry_time", "entry", (t) => momentOf(t.entry_time)],
  ["r_multiple", "R", (t) => numberOf(t.r_multiple)],
  ["pnl", "profit", (t) => numberOf(t.pnl)],
  ["hours", "hours", (t) => (t.open ? "–" : numberOf(t.hours, 1))],
  ["exit_reason", "reason", (t) => t.exit_reason || "–"],
  ["exit_time", "exit", (t) => (t.open ? "open" : momentOf(t.exit_time))],
  ["entry_price", "entry price", (t) => priceOf(t.entry_price)],
  ["exit_price", "exit price", (t) => priceOf(t.exit_price)],
  ["fees", "fees", (t) => numberOf(t.fees)],
  ["mae", "MAE", (t) => numberOf(t.mae)],
  ["mfe", "MFE", (t) => numberOf(t.mfe)],
];

function compare(a, b) {
  const [x, y] = [a[list.sort], b[list.sort]];
  const [lost, gone] = [Number.isNaN(x), Number.isNaN(y)];
  if (lost || gone) return lost - gone;
  const order = x < y ? -1 : x > y ? 1 : a.number - b.number;
  return list.down ? -order : order;
}

function kept(trade) {
  const [side, reason, result] = ["filter-side", "filter-reason", "filter-result"].map((id) => element(id).value);
  const wanted = element("filter-text").value.trim().toLowerCase();
  const sleeve = element("filter-sleeve")?.value;
  return (!sleeve || trade.sleeve === Number(sleeve)) && (!side || trade.side === Number(side)) && (!reason || (trade.exit_reason || "open") === reason)
    && (!result || Math.sign(trade.pnl) === Number(result))
    && (!wanted || tradeColumns.some(([, , shown]) => String(shown(trade)).toLowerCase().includes(wanted)));
}

function tradeRow(trade) {
  const row = document.createElement("tr");
  row.dataset.trade = trade.number;
  row.tabIndex = 0;
  row.setAttribute("aria-selected", trade === list.chosen);
  tradeColumns.forEach(([name, , shown]) => {
    const cell = row.insertCell();
    cell.textContent = shown(trade);
    if (name === "pnl" || name === "r_multiple") cell.className = trade.pnl > 0 ? "up" : "down";
  });
  return row;
}

function showHead() {
  const row = document.createElement("tr");
  tradeColumns.forEach(([name, label]) => {
    const head = document.createElement("th");
    const button = document.createElement("button");
    button.dataset.sort = name;
    button.textContent = label + (list.sort === name ? (list.down ? " ▾" : " ▴") : "");
    head.setAttribute("aria-sort", list.sort === name ? (list.down ? "descending" : "ascending") : "none");
    head.append(button);
    row.append(head);
  });
  element("trade-list").tHead.replaceChildren(row);
}

function showTrades() {
  list.rows = trades.filter(kept).sort(compare);
  const shown = list.rows.slice(0, list.shown);
  element("trade-list").tBodies[0].replaceChildren(...shown.map(tradeRow));
  const profit = list.rows.reduce((sum, trade) => sum + (trade.pnl || 0), 0);
  element("trade-count").textContent = `${list.rows.length.toLocaleString("en")} of ${trades.length.toLocaleString("en")} trades, profit ${numberOf(profit, 0)}`;
  element("more-trades").hidden = shown.length === list.rows.length;
}

function chooseTrade(trade) {
  if (!trade) return;
  list.chosen = trade;
  document.querySelectorAll("#trade-list tbody tr").forEach((row) => {
    row.setAttribute("aria-selected", Number(row.dataset.trade) === trade.number);
  });
  const at = list.rows.indexOf(trade);
  element("previous-trade").disabled = at <= 0;
  element("next-trade").disabled = at < 0 || at === list.rows.length - 1;
  draw("trade-plot");
}

const tradeOfRow = (event) => {
  const row = event.target.closest("tr[data-trade]");
  return row && trades.find((trade) => trade.number === Number(row.dataset.trade));
};

function prepareTrades() {
  if (!trades.length) return;
  const reasons = [...new Set(trades.map((trade) => trade.exit_reason || "open"))];
  reasons.forEach((reason) => element("filter-reason").append(new Option(reason, reason)));
  if (ofBook.length) run.book.sleeves.forEach((name, k) => element("filter-sleeve").append(new Option(name, k + 1)));
  ["filter-sleeve", "filter-side", "filter-reason", "filter-result"].filter(element).forEach((id) => element(id).addEventListener("change", showTrades));
  element("filter-text").addEventListener("input", showTrades);
  element("trade-list").tHead.addEventListener("click", (event) => {
    const name = event.target.dataset.sort;
    if (!name) return;
    list.down = list.sort === name ? !list.down : ["pnl", "r_multiple", "mfe", "hours", "fees"].includes(name);
    list.sort = name;
    showHead();
    showTrades();
  });
  element("trade-list").tBodies[0].addEventListener("click", (event) => chooseTrade(tradeOfRow(event)));
  element("trade-list").tBodies[0].addEventListener("keydown", (event) => { if (event.key === "Enter") chooseTrade(tradeOfRow(event)); });
  element("more-trades").addEventListener("click", () => { list.shown += pageLength; showTrades(); });
  const step = (by) => () => chooseTrade(list.rows[list.rows.indexOf(list.chosen) + by]);
  element("previous-trade").addEventListener("click", step(-1));
  element("next-trade").addEventListener("click", step(1));
  showHead();
  showTrades();
  const charted = trades.filter((trade) => run.trades.windows[trade.row]);
  list.chosen = charted.reduce((best, trade) => (trade.r_multiple > best.r_multiple ? trade : best), charted[0] || trades[0]);
  chosenAtStart();
}

// The first chart is that of the best trade which has one; it is drawn when it comes into view.
function chosenAtStart() {
  const at = list.rows.indexOf(list.chosen);
  element("previous-trade").disabled = at <= 0;
  element("next-trade").disabled = at === list.rows.length - 1;
  document.querySelector(`#trade-list tr[data-trade="${list.chosen.number}"]`)?.setAttribute("aria-selected", "true");
}
