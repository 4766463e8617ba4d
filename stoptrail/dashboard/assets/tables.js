// Tables of values; numbers stand on the right. A cell is a value, or [value, class].
import { h } from "./dom.js";

export function table(nothing, heads, rows) {
  if (!rows.length) return h("p", { class: "empty" }, nothing);
  const cell = (value, k) => {
    const [text, tone] = Array.isArray(value) ? value : [value, ""];
    return h("td", { class: `${heads[k][1] ?? ""} ${tone}` }, text);
  };
  return h("div", { class: "scroll", tabindex: "0" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map(([name, kind]) => h("th", { scope: "col", class: kind ?? "" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell))))));
}
