// What the page asks of its own origin; nothing else is ever asked.
import { setClock } from "./format.js";

let orderToken = "";

export class TokenNeeded extends Error {}

async function answered(response) {
  if (response.status === 401) throw new TokenNeeded();
  const found = await response.json();
  if (!response.ok) throw new Error(found.error ?? `the dashboard answered ${response.status}`);
  return found;
}

export const get = async (path) => answered(await fetch(path, { headers: { accept: "application/json" } }));

export async function hello() {
  const found = await get("/api/hello");
  orderToken = found.order_token;
  setClock(found.now);
}

// An order: it needs the token that only a page of this origin can read.
export async function order(path, body = {}) {
  const headers = { "content-type": "application/json", "x-stoptrail-order": orderToken };
  return answered(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

export async function logIn(token) {
  const response = await fetch("/api/login", { method: "POST", headers: { authorization: `Bearer ${token}` } });
  if (!response.ok) throw new TokenNeeded();
}

// Looks as they come; `told(state)` hears "live", "connecting" or "lost". A page that nobody sees
// does not listen.
export function listen(heard, told) {
  let source = null;
  const open = () => {
    if (source) return;
    source = new EventSource("/api/stream");
    source.addEventListener("look", (event) => { told("live"); heard(JSON.parse(event.data)); });
    source.addEventListener("error", () => {
      const ended = source.readyState === EventSource.CLOSED;
      told(ended ? "lost" : "connecting");
      if (ended) { close(); setTimeout(() => { if (!document.hidden) open(); }, 5000); }
    });
  };
  const close = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
}
