// Orders to a session: nothing is sent before a person has said yes to what it does.
import { find, h } from "./dom.js";
import * as f from "./format.js";
import { order } from "./net.js";

const WORDS = {
  pause: (card) => ["Pause entries", `${card.symbol} makes no new entries until it is resumed. Its stop goes on working.`],
  resume: (card) => ["Resume entries", `${card.symbol} makes entries again.`],
  close: (card) => ["Close position", card.sleeves.some((sleeve) => sleeve.trade)
    ? `Every position of ${card.symbol} is left at market, each of its sleeves for itself. The open result is ${f.result(card.unrealised)} ${card.quote}.`
    : card.trade
    ? `${card.symbol}: ${f.sideName(card.trade.side)} ${f.units(card.trade.held)} ${card.base} is left at market, or at a price that you name. The open result is ${f.result(card.unrealised)} ${card.quote} at ${f.price(card.price)}.`
    : `${card.symbol} has no position now.`],
};

export function askFor(verb, card, done) {
  const dialog = find("dialog");
  const [title, text] = WORDS[verb](card);
  const said = h("p", { class: "hint", role: "status" });
  const price = verb === "close" && card.trade ? h("input", { type: "text", inputmode: "decimal", id: "order-price", autocomplete: "off", placeholder: "at market" }) : null;
  const named = price && h("p", { class: "named" }, h("label", { for: "order-price" }, "At a price of your own"), price,
    h("small", {}, "For a market that is halted or gone: booked at once, marked as named by hand."));
  const yes = h("button", { type: "button", class: verb === "close" ? "danger primary" : "primary", "data-yes": true }, title);
  const no = h("button", { type: "button" }, "Cancel");
  const down = card.state !== "running" ? h("p", { class: "warn" }, "No process runs this session now: it is written down and holds from its next start.") : null;
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", async () => {
    yes.disabled = true;
    said.className = "hint";
    said.textContent = "Waiting for the session's answer…";
    try {
      const at = price?.value.replaceAll(",", "").trim();
      const { answer } = await order(`/api/session/${card.key}/order/${verb}${at ? `?price=${encodeURIComponent(at)}` : ""}`);
      said.textContent = answer;
      yes.remove();
      no.textContent = "Done";
      done();
    } catch (error) {
      said.className = "down";
      said.textContent = error.message;
      yes.disabled = false;
    }
  });
  dialog.replaceChildren(h("h1", { id: "dialog-title" }, `${title}?`), h("p", {}, text), down ?? "", named ?? "", said, h("div", { class: "buttons" }, no, yes));
  dialog.showModal();
  no.focus();
}
