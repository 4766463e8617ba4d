// Finished runs, and two of them beside each other.
import { curveChart, legend } from "./chart.js";
import { h, show } from "./dom.js";
import { get } from "./net.js";
import { table } from "./tables.js";
import * as f from "./format.js";

const SHOWN = [["Return", "net_return"], ["Sharpe", "sharpe"], ["Profit factor", "profit_factor"], ["Max drawdown", "max_drawdown"], ["Trades", "trades"], ["Sharpe out of sample", "out_of_sample_sharpe"]];
const failed = (place) => (error) => show(place, h("p", { class: "banner bad" }, error.message));

function rowOf(run, chosen, choose) {
  const mark = h("input", { type: "checkbox", "aria-label": `Compare ${run.run}`, onchange: (event) => choose(run.run, event.target) });
  mark.checked = chosen.includes(run.run);
  const market = [run.symbol, run.timeframe].filter(Boolean).join(" ");
  return [mark, run.run, [market + (run.synthetic ? " synthetic" : ""), "any"], `${(run.start ?? "").slice(0, 10)} to ${(run.end ?? "").slice(0, 10)}`,
    ...SHOWN.map(([, name]) => [run.shown[name] ?? f.NONE, name === "net_return" ? f.tone(run[name] * 100) : ""]), run.verdict ?? f.NONE];
}

export function runsPage(place) {
  const chosen = [];
  let gone = false;
  const go = h("a", { class: "button primary", hidden: true }, "Compare");
  const choose = (name, mark) => {
    if (!mark.checked) chosen.splice(chosen.indexOf(name), 1);
    else chosen.push(name);
    if (chosen.length > 2) { chosen.shift(); for (const box of place.querySelectorAll("input[type=checkbox]")) box.checked = chosen.some((one) => box.getAttribute("aria-label") === `Compare ${one}`); }
    go.hidden = chosen.length !== 2;
    go.href = `#/compare/${chosen.map(encodeURIComponent).join("/")}`;
  };
  get("/api/runs").then((found) => {
    if (gone) return;
    const heads = [["", ""], ["Run"], ["Market"], ["Span"], ...SHOWN.map(([name]) => [name, "n"]), ["Verdict"]];
    place.replaceChildren(h("div", { class: "title" }, h("div", {}, h("h1", {}, "Runs"), h("p", { class: "hint" }, found.runs.length ? "Choose two to compare them." : found.folders.join(", "))), go),
      ...found.left_out.map((text) => h("p", { class: "banner" }, `Left out: ${text}`)),
      h("section", { class: "card whole" }, found.runs.length ? table("", heads, found.runs.map((run) => rowOf(run, chosen, choose)))
        : h("p", { class: "empty" }, h("strong", {}, "No finished run yet"), "Make one: ", h("code", {}, `${document.documentElement.dataset.program} backtest`))));
  }).catch(failed(place));
  return { title: "Runs", page: "runs", leave() { gone = true; } };
}

export function comparePage(place, first, second) {
  const names = [first, second].map(decodeURIComponent);
  let [chart, gone] = [null, false];
  get(`/api/runs/compare?a=${encodeURIComponent(names[0])}&b=${encodeURIComponent(names[1])}`).then((found) => {
    if (gone) return;
    const plot = h("div", { class: "part-curve" });
    const heads = (name) => [[name], ["A", "n"], ["B", "n"]];
    place.replaceChildren(h("a", { class: "back", href: "#/runs" }, "← All runs"),
      h("h1", {}, "Two runs compared"), h("p", { class: "hint" }, `A  ${names[0]}`), h("p", { class: "hint" }, `B  ${names[1]}`),
      found.same_candles === false ? h("p", { class: "banner" }, "The candles of the two are not the same: their figures say little together.") : "",
      h("section", { class: "card" }, h("header", {}, h("h2", {}, "Equity as a multiple of the start"), legend(["━", "A", "ac"], ["━", "B", "st"])), plot),
      h("div", { class: "two" }, found.figures.map((one) => h("section", { class: "card" }, h("header", {}, h("h2", {}, one.sample)), table("", heads("Figure"), one.rows))),
        h("section", { class: "card" }, h("header", {}, h("h2", {}, "Parameters that differ")), table("No parameter differs.", [["Parameter"], ["A", "n any"], ["B", "n any"]], found.parameters)),
        h("section", { class: "card" }, h("header", {}, h("h2", {}, "Verdicts")), table("", [["Run"], ["Verdict"]], found.verdicts.map((text, k) => ["AB"[k], text ?? f.NONE])))));
    const curves = found.curves.map((curve, k) => ({ time: curve.time, values: curve.equity, name: ["accent", "stop"][k], write: (value) => `×${value.toFixed(3)}` })).filter((curve) => curve.time.length);
    if (curves.length) chart = curveChart(plot, curves);
    else show(plot, h("p", { class: "empty" }, "Neither run has an equity curve."));
  }).catch(failed(place));
  return { title: "Compare", page: "runs", recolour: () => chart?.recolour(), leave() { gone = true; chart?.leave(); } };
}
