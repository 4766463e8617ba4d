// Figures are drawn when they come near the screen, and again when the theme changes.
const figures = {}; // name -> () => ({ traces, layout, note }), or null while there is nothing to draw

// Nothing on this page may send the run anywhere: Plotly's cloud button is off by name and by address.
const settings = { responsive: true, displaylogo: false, displayModeBar: "hover", showSendToCloud: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"] };

// Falls below the highest point so far: those at candle closes where the run wrote them.
function falls(stored, equity) {
  if (stored.falls) return Array.from(unpack(stored.falls));
  let top = -Infinity;
  return equity.map((value) => {
    top = Math.max(top, value);
    return 1 - value / top;
  });
}

const isNarrow = (node) => node.clientWidth < 560;

function axis(more = {}) {
  const colours = theme();
  const title = more.title && { standoff: 10, ...more.title }; // without it the name may lie on the numbers
  return { gridcolor: colours.line, linecolor: colours.line, zerolinecolor: colours.soft, zerolinewidth: 1,
    automargin: true, ...more, title };
}

function baseLayout(node) {
  const colours = theme();
  return {
    font: { color: colours.ink, size: isNarrow(node) ? 11 : 12, family: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif" },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: isNarrow(node) ? 44 : 58, r: 14, t: 12, b: 40 },
    hoverlabel: { bgcolor: colours.card, bordercolor: colours.line, font: { color: colours.ink } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: colours.ink } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.soft, activecolor: colours.ink },
    xaxis: axis(), yaxis: axis(), dragmode: isNarrow(node) ? false : "zoom",
  };
}

// Room for the buttons above a colour bar.
function belowButtons(node) {
  const { margin } = baseLayout(node);
  return { ...margin, t: isNarrow(node) ? margin.t : 34 };
}

// Marks a figure made from candles that nobody ever traded.
function markSynthetic(layout, node) {
  if (!run.synthetic) return;
  const mark = { text: "SYNTHETIC DATA", xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false,
    textangle: -14, opacity: 0.28, font: { size: isNarrow(node) ? 24 : 38, color: theme().bad, weight: 700 } };
  layout.annotations = [...(layout.annotations || []), mark];
}

function draw(name) {
  const node = element(name);
  const made = figures[name] && figures[name](node);
  if (!made) return;
  if (made.drawn) { // a chart of another kind, which has drawn itself
    node.dataset.wanted = node.dataset.drawn = "true";
    return;
  }
  const layout = { ...baseLayout(node), ...made.layout };
  markSynthetic(layout, node);
  if (made.note !== undefined) element(`note-${name}`).textContent = made.note;
  node.dataset.wanted = "true";
  const shown = isNarrow(node) ? { ...settings, displayModeBar: false } : settings;
  Plotly.react(node, made.traces, layout, shown).then(() => {
    node.dataset.drawn = "true";
    if (!node.dataset.bound && made.bind) made.bind(node);
    node.dataset.bound = "true";
  });
}

const redraw = () => Object.keys(figures).forEach((name) => {
  if (element(name)?.dataset.wanted) draw(name);
});

function drawWhenSeen() {
  const watcher = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      watcher.unobserve(entry.target);
      draw(entry.target.id);
    });
  }, { rootMargin: "250px 0px" });
  document.querySelectorAll("[data-figure]").forEach((node) => watcher.observe(node));
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, String(value) === String(chosen))));
}
