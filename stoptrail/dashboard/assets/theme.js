// Light and dark: the system's choice until the reader makes one.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const KEY = "stoptrail-theme";

function remembered() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

function remember(name) {
  try { localStorage.setItem(KEY, name); } catch { /* without storage it holds for this page */ }
}

const themeName = () => root.dataset.theme ?? (system.matches ? "dark" : "light");

export function followTheme(button, changed) {
  const chosen = remembered();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  button.addEventListener("click", () => {
    root.dataset.theme = themeName() === "dark" ? "light" : "dark";
    remember(root.dataset.theme);
    changed();
  });
  system.addEventListener("change", () => { if (!root.dataset.theme) changed(); });
}

// The colour behind a name of page.css, as charts take it.
export function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export function faded(name, opacity) {
  return colour(name).replace(/^rgb\((.*)\)$/, `rgba($1, ${opacity})`);
}
