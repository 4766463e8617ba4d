// Which page is shown, and what all of them share: clock, theme, stream, token.
import { find, h, show } from "./dom.js";
import * as f from "./format.js";
import * as net from "./net.js";
import { overview } from "./overview.js";
import { comparePage, runsPage } from "./runs.js";
import { sessionPage } from "./session.js";
import { followTheme } from "./theme.js";

const place = find("page");
let current = null;
let newest = null;

const ROUTES = [
  [/^#?\/?$/, () => overview(place)],
  [/^#\/session\/(\d+)\/(\d+)$/, (...ids) => sessionPage(place, ...ids)],
  [/^#\/runs$/, () => runsPage(place)],
  [/^#\/compare\/([^/]+)\/([^/]+)$/, (...names) => comparePage(place, ...names)],
];

function go() {
  current?.leave();
  const found = ROUTES.find(([pattern]) => pattern.test(location.hash));
  place.replaceChildren(h("p", { class: "empty" }, "Loading…"));
  current = found ? found[1](...location.hash.match(found[0]).slice(1)) : lost();
  document.title = `${current.title} · StopTrail`;
  for (const link of document.querySelectorAll("[data-page]")) {
    if (link.dataset.page === current.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
  if (newest) current.look?.(newest);
}

function lost() {
  show(place, h("p", { class: "empty" }, h("strong", {}, "There is no such page"), h("a", { href: "#/" }, "To the sessions")));
  return { title: "Not found", page: "", leave() {} };
}

function signIn(refused = false) {
  const field = h("input", { type: "password", id: "token", autocomplete: "current-password", required: true, autofocus: true });
  const form = h("form", { class: "card signin", onsubmit: (event) => { event.preventDefault(); enter(field.value); } },
    h("h1", {}, "Token"), h("p", { class: "hint" }, "This dashboard asks for the token that its start has shown, or that is in the settings."),
    h("label", { for: "token" }, "Token"), field, refused ? h("p", { class: "down" }, "That token is wrong.") : null,
    h("button", { class: "primary" }, "Open the dashboard"));
  place.replaceChildren(form);
  field.focus();
}

async function enter(token) {
  try { await net.logIn(token); } catch { signIn(true); return; }
  begin();
}

// Of looks that came while one was drawn only the newest is.
let waiting = false;
function heard(look) {
  newest = look;
  if (waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    document.documentElement.dataset.ready = "";
    current.look?.(newest);
  });
}

function told(state) {
  find("stream").dataset.state = state;
  find("stream").textContent = state === "lost" ? "no connection" : state;
}

async function begin() {
  try { await net.hello(); } catch (error) {
    if (error instanceof net.TokenNeeded) signIn();
    else { told("lost"); setTimeout(begin, 3000); }
    return;
  }
  go();
  addEventListener("hashchange", go);
  net.listen(heard, told);
}

function tick() {
  find("clock").textContent = `${f.moment(f.now(), true).slice(11)} UTC`;
  current?.tick?.();
}

followTheme(find("theme"), () => current?.recolour?.());
tick();
setInterval(tick, 1000);
const given = location.hash.match(/^#token=(.+)$/);
if (given) {
  history.replaceState(null, "", "/"); // it stays in no history
  enter(decodeURIComponent(given[1]));
} else begin();
