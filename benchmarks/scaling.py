"""How the pre-screen grows with combinations and with candles, as curves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.market import SPOT, Span, last_years
from benchmarks.sections import Section, require, table
from stoptrail.backtest.inputs import Inputs
from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.costs import DAY
from stoptrail.sweep.kernel.results import Results
from stoptrail.sweep.screen import BLOCKS, screen_all, shared
from stoptrail.sweep.space import Space

YEARS = (0.5, 1, 2, 5, 10, 20)
SIZES = (100, 1_000, 10_000, 100_000)
MOST = 1_000_000
"""Combinations that are screened in a process of their own, to see the memory they take."""
ON_CANDLES = 1_000
"""Combinations of the curve over candles."""
LONGEST = 20
END = 1_767_225_600_000
"""2026-01-01, up to which the synthetic market of the second curve goes."""
TRIGGERS = 10
_ROUNDS = 3
_REPEATED_BELOW = 5.0
"""Seconds above which one measurement is enough."""


_ROOT = Path(__file__).parent.parent
_LARGEST = """
import sys
from pathlib import Path
from benchmarks.market import SPOT, load
from benchmarks.scaling import MOST, SIZES, point, screened
inputs = load(Path(sys.argv[1]) if len(sys.argv) > 1 else None).inputs(SPOT)
screened(inputs, SIZES[0])  # compile
seconds = point(MOST, inputs, MOST).seconds
# Not getrusage: its maximum starts with that of the process that started this one.
status = Path("/proc/self/status").read_text()
print(seconds, int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


class Point(NamedTuple):
    """One measurement."""

    at: float
    seconds: float
    """Of the processor, summed over all cores."""


def scaling(span: Span, folder: Path | None, file: Path | None) -> Section:
    """The section, with two pictures that are written into `folder`, where one is given.
    `file`: where `span` is from."""
    screened(span.inputs(SPOT), SIZES[0])  # compile
    by_size = [point(size, span.inputs(SPOT), size) for size in SIZES]
    largest, memory = _largest(file)
    by_size.append(largest)
    longest = synthetic_candles(start=END - (LONGEST + 1) * 366 * DAY, end=END)
    by_years = []
    for years in YEARS:
        part = last_years(longest, years, "")
        by_years.append(point(years, part.inputs(SPOT), ON_CANDLES))
    pictures = []
    if folder is not None:
        pictures = [folder / "combinations.png", folder / "candles.png"]
        _draw(pictures[0], by_size, "combinations", f"{span.length:,} candles")
        _draw(pictures[1], by_years, "years of 15m candles", f"{ON_CANDLES:,} combinations")
    growth = by_size[-1].seconds / by_size[1].seconds
    many = round(by_size[-1].at / by_size[1].at)
    rows = [
        (f"{int(p.at):,} combinations", f"{p.seconds:.2f}", f"{p.seconds / p.at * 1e3:.3f}")
        for p in by_size
    ]
    rows += [
        (f"{p.at:g} years", f"{p.seconds:.2f}", f"{p.seconds / ON_CANDLES * 1e3:.3f}")
        for p in by_years
    ]
    return Section(
        "How the pre-screen grows",
        (
            "The grid varies multiplier and breakeven trigger over two cycle periods and two ATR "
            "timeframes; threads on all cores, signals and results included; processor time "
            "summed over cores.",
            "",
            *table(("", "seconds", "ms for one combination"), rows),
            f"From {SIZES[1]:,} to {MOST:,} combinations, {many:,} times as many, the time grows "
            f"{growth:.0f} times. The process that screened {MOST:,} took {memory:,.0f} MB, "
            "candles and compiler included.",
            "",
            "Checked: the first combinations have the same figures and trades in a small grid.",
            "",
            *(f"![{picture.stem}]({picture.name})" for picture in pictures),
            "",
        ),
    )


def _largest(file: Path | None) -> tuple[Point, float]:
    """The most combinations, and the megabytes that the process took for all it did."""
    given = [str(file.resolve())] if file else []
    command = [sys.executable, "-c", _LARGEST, *given]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    seconds, memory = map(float, run.stdout.split())
    return Point(MOST, seconds), memory


def point(at: float, inputs: Inputs, size: int) -> Point:
    """Screen a grid of `size` combinations, several times where that is quick."""
    spent = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        found = screened(inputs, size)
        spent.append(time.process_time() - begin)
        if spent[-1] > _REPEATED_BELOW:
            break
    require(len(found.trades) == size, "every combination ran")
    require(int(found.trades.sum()) > 0, "combinations trade")
    _same_start(inputs, found)
    return Point(at, float(np.median(spent)))


def _same_start(inputs: Inputs, found: Results) -> None:
    """A combination's figures do not depend on the grid around it."""
    small = screened(inputs, len(found.trades), only=4)
    for mine, alone in zip(found, small, strict=True):
        require(mine[:4].tobytes() == alone.tobytes(), "the same combination, other figures")


def screened(inputs: Inputs, size: int, only: int | None = None) -> Results:
    """The results of the grid of `size` combinations; with `only`, its first few."""
    axes = _axes(size)
    if only is not None:
        axes = {key: values[:1] for key, values in axes.items()}
        axes["stop.breakeven_atr_trigger"] = _axes(size)["stop.breakeven_atr_trigger"][:only]
    settings = load_settings(None, ("strategy.trend=roc", "strategy.structure=none"))
    section = settings.sweep.model_copy(update={"grid": axes, "max_combinations": 10**7})
    settings = settings.model_copy(update={"sweep": section})
    space = Space(settings, build_grid(settings), inputs)
    return screen_all(shared(space, inputs, BLOCKS), 0)


def _axes(size: int) -> dict[str, list[float] | list[str]]:
    multipliers = np.linspace(2.0, 8.0, size // (4 * TRIGGERS) or 1).tolist()
    triggers = np.linspace(0.0, 3.0, TRIGGERS if size >= 4 * TRIGGERS else 1).tolist()
    if size % (4 * TRIGGERS):
        multipliers, triggers = np.linspace(2.0, 8.0, size // 20).tolist(), triggers[:5]
    return {
        "strategy.cycle_period": [12.0, 24.0],
        "stop.atr_timeframe": ["4h", "12h"],
        "stop.trailing_atr_multiplier": multipliers,
        "stop.breakeven_atr_trigger": triggers,
    }


def _draw(file: Path, points: Sequence[Point], label: str, title: str) -> None:
    """Time over the quantity, beside growth in proportion."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    at, seconds = zip(*points, strict=True)
    axes.loglog(at, seconds, "o-", label="measured")
    # Straight through the last point: what is fixed weighs least there.
    ideal = [seconds[-1] * x / at[-1] for x in at]
    axes.loglog(at, ideal, ":", color="grey", label="in proportion")
    axes.set_xlabel(label)
    axes.set_ylabel("processor seconds")
    axes.set_title(f"Pre-screen, {title}")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend()
    figure.savefig(file, dpi=120)
