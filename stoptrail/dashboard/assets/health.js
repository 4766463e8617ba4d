// How a session is, in a word and a colour, and what a person should know of it.
import { h } from "./dom.js";
import * as f from "./format.js";

const TONES = { well: "good", gone: "bad", database: "bad", stale: "caution", "not warm": "caution" };

export function pills(card) {
  const found = [];
  if (card.paused) found.push(h("span", { class: "pill caution" }, "paused"));
  if (card.state === "stopped") found.push(h("span", { class: "pill" }, "stopped"));
  else if (card.state === "failed") found.push(h("span", { class: "pill bad" }, "failed"));
  else found.push(h("span", { class: `pill ${TONES[card.health] ?? ""}` }, card.health));
  return found;
}

// That its process is there all the same, as where its ledger's disk is full.
function hanging(card) {
  const [, said] = card.connection.split("; ");
  return said ? ` But ${said}.` : "";
}

// What it ended by, as it said itself.
const why = (card) => (card.connection.startsWith("closed: ") ? `: ${card.connection.slice(8).replace(/\.$/, "")}` : "");

// Lines of what is not as it should be, the gravest first: [tone, text].
export function warnings(card) {
  const found = [];
  if (card.state === "gone") found.push(["bad", `The session was last heard of ${f.ago(card.beat)}. While it is down its stop does not work.${hanging(card)}`]);
  if (card.state === "failed") found.push(["bad", `The session failed ${f.ago(card.beat)}${why(card)}. While it is down its stop does not work.`]);
  if (card.state === "stopped" && (card.trade || card.sleeves.some((sleeve) => sleeve.trade))) found.push(["bad", "The session is stopped with an open position: its stop does not work until it starts again."]);
  if (card.health === "stale") found.push(["caution", `The market data cannot be relied on now (${card.connection}): no entries are made.`]);
  if (card.cold) found.push(["caution", `Not warm yet: signals can come from ${f.day(card.reading.warm_from)}.`]);
  const down = ["gone", "failed", "stopped"].includes(card.state);
  if (card.paused) found.push(["caution", down ? "Paused: no new entries either once it runs again." : "Paused: no new entries. Stops go on working."]);
  if (card.waiting) found.push(["caution", "Changed settings wait until the position has ended."]);
  return found;
}

// The gravest of them, or why it does not run, in a line for its card: [tone, text]; null where all is well.
export function gravest(card) {
  const [first] = warnings(card);
  if (first) return first;
  return card.state === "stopped" ? ["soft", `Stopped ${f.ago(card.beat)}${why(card)}.`] : null;
}
