// Stop paths on a chart of candles, for the report and the dashboard.

// The place of the last of ascending `times` up to `time`; -1 before the first.
function lastUpTo(times, time) {
  let [first, last] = [-1, times.length - 1];
  while (first < last) {
    const middle = Math.ceil((first + last) / 2);
    if (times[middle] <= time) first = middle; else last = middle - 1;
  }
  return first;
}

// A primitive that draws each of `paths()` ({ places, levels, end }) as steps on the scales of
// the candles, in the colour that `ink()` says: levels[k] holds from the candle at places[k].
function stopSteps(chart, candles, paths, ink) {
  const scale = chart.timeScale();
  const seen = (from, to) => paths().filter((path) => path.end >= from && path.places[0] <= to);
  const paint = (context) => {
    const range = scale.getVisibleLogicalRange();
    if (!range) return;
    context.strokeStyle = ink();
    context.lineWidth = 1.7;
    context.beginPath();
    for (const { places, levels, end } of seen(range.from, range.to)) {
      context.moveTo(scale.logicalToCoordinate(places[0]), candles.priceToCoordinate(levels[0]));
      places.forEach((_, k) => {
        const y = candles.priceToCoordinate(levels[k]);
        context.lineTo(scale.logicalToCoordinate(places[k]), y);
        context.lineTo(scale.logicalToCoordinate(places[k + 1] ?? end), y);
      });
    }
    context.stroke();
  };
  const renderer = { draw: (target) => target.useMediaCoordinateSpace(({ context }) => paint(context)) };
  const views = [{ renderer: () => renderer }];
  const bounds = (from, to) => {
    const levels = seen(from, to).flatMap(({ places, levels: all, end }) =>
      Array.from(all).filter((_, k) => places[k] <= to && (places[k + 1] ?? end) >= from));
    return levels.length ? { priceRange: levels.reduce(({ minValue, maxValue }, level) =>
      ({ minValue: Math.min(minValue, level), maxValue: Math.max(maxValue, level) }), { minValue: Infinity, maxValue: -Infinity }) } : null;
  };
  return { paneViews: () => views, autoscaleInfo: bounds };
}
