// Small pictures: a curve without axes, and where stop, entry and price lie.
import { h, s } from "./dom.js";
import * as f from "./format.js";

export function sparkline(values) {
  const box = h("div", { class: "spark" });
  if (!values || values.length < 2) return box;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const height = (value) => (most > least ? 38 - 36 * ((value - least) / (most - least)) : 20);
  const points = values.map((value, k) => `${((132 * k) / (values.length - 1)).toFixed(1)} ${height(value).toFixed(1)}`);
  box.classList.add(values.at(-1) >= values[0] ? "up" : "down");
  const label = `Equity from ${f.money(values[0])} to ${f.money(values.at(-1))}`;
  box.append(s("svg", { viewBox: "0 0 132 40", preserveAspectRatio: "none", role: "img", "aria-label": label }, s("path", { d: `M${points.join("L")}` })));
  return box;
}

// Stop, entry and price of an open trade on one line, the worst on the left.
export function rail(trade, now) {
  if (!Number.isFinite(now)) return null;
  const worth = (value) => value * trade.side;
  const values = [trade.sl, trade.entry, now].map(worth);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const share = (value) => (most > least ? 2 + (96 * (worth(value) - least)) / (most - least) : 50);
  const at = (value) => `${share(value).toFixed(2)}%`;
  const won = worth(now) >= worth(trade.entry);
  const label = `stop ${f.price(trade.sl)}, entry ${f.price(trade.entry)}, price ${f.price(now)}`;
  const named = [[trade.sl, "stop"], [trade.entry, "entry"]].sort((a, b) => share(a[0]) - share(b[0]));
  return h("div", { class: "rail" }, s("svg", { role: "img", "aria-label": label },
    s("line", { class: "track", x1: "2%", x2: "98%", y1: 9, y2: 9 }),
    s("line", { class: won ? "open" : "open down", x1: at(trade.entry), x2: at(now), y1: 9, y2: 9 }),
    s("line", { class: "stop", x1: at(trade.sl), x2: at(trade.sl), y1: 2, y2: 16 }),
    s("circle", { class: "entry", cx: at(trade.entry), cy: 9, r: 4.5 }),
    s("circle", { class: "now", cx: at(now), cy: 9, r: 5 }),
    railWords(named.map(([value, name]) => [share(value), `${name} ${f.price(value)}`]))));
}

// Both labels below their marks, apart from each other.
function railWords([left, right]) {
  const apart = right[0] - left[0] > 45;
  const word = ([place, text], anchor, x = `${place}%`) => s("text", { x, y: 31, "text-anchor": anchor }, text);
  const side = (place) => (place < 25 ? "start" : place > 75 ? "end" : "middle");
  if (apart) return [word(left, side(left[0])), word(right, side(right[0]))];
  return (left[0] + right[0]) / 2 < 50
    ? [word(left, "start", "0%"), word(right, "start", "46%")] : [word(left, "end", "54%"), word(right, "end", "100%")];
}
