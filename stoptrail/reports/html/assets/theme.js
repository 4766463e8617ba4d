// Light and dark: the system's choice until the reader makes one.
const palettes = {
  light: {
    ink: "#1c2733", soft: "#5d6b7a", line: "#e4e9ee", card: "#ffffff", star: "#f7c531",
    strategy: "#1f6fd0", baseline: "#d9702a", hold: "#8a95a1", sample: "#7d4fc9",
    good: "#14875c", bad: "#cc3d4f", caution: "#b7791f",
    map: [[0, "#b2344a"], [0.25, "#eba48c"], [0.5, "#f3f1ea"], [0.75, "#83b9dd"], [1, "#1b5fa8"]],
  },
  dark: {
    ink: "#e4eaf0", soft: "#93a1b0", line: "#2c3641", card: "#1a2129", star: "#ffd75e",
    strategy: "#5aa2f5", baseline: "#f0995c", hold: "#8c99a8", sample: "#b48cf2",
    good: "#3fc28d", bad: "#f0707f", caution: "#e3b04b",
    map: [[0, "#f0707f"], [0.25, "#8a4450"], [0.5, "#28313b"], [0.75, "#2f669e"], [1, "#74b8ff"]],
  },
};

function remembered() {
  try { return localStorage.getItem("stoptrail-theme"); } catch { return null; }
}

function remember(name) {
  try { localStorage.setItem("stoptrail-theme", name); } catch { /* a page from a file may have no storage */ }
}

const system = matchMedia("(prefers-color-scheme: dark)");

const themeName = () => document.documentElement.dataset.theme;
const theme = () => palettes[themeName()];

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  document.documentElement.style.colorScheme = name;
}

function followTheme(redraw) {
  element("theme-switch").addEventListener("click", () => {
    setTheme(themeName() === "dark" ? "light" : "dark");
    remember(themeName());
    redraw();
  });
  system.addEventListener("change", () => {
    if (remembered()) return;
    setTheme(system.matches ? "dark" : "light");
    redraw();
  });
}

setTheme(remembered() || (system.matches ? "dark" : "light"));
