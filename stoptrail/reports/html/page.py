"""The page: template, style, scripts and data put together into one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from stoptrail.core.errors import OutputError
from stoptrail.core.files import write_whole
from stoptrail.reports.html import sections
from stoptrail.reports.html.book import book_data
from stoptrail.reports.html.candles import market_data
from stoptrail.reports.html.curves import curves, monthly_returns
from stoptrail.reports.html.evidence import fee_curve, walk_forward_data
from stoptrail.reports.html.grid import grid_data, read_grid
from stoptrail.reports.html.markup import script_json
from stoptrail.reports.html.trades import fee_data, trade_data
from stoptrail.reports.run_files import RunFiles, read_run, read_trials
from stoptrail.rules.candles import Candles, rows_of

_CHARTS = "market.js"
"""The script that needs lightweight-charts."""
_SCRIPTS = (
    "unpack.js",
    "theme.js",
    "draw.js",
    "curves.js",
    "grid.js",
    "trades.js",
    "trade_chart.js",
    "stop_steps.js",
    "book.js",
    _CHARTS,
    "distributions.js",
    "main.js",
)


def write_report(run_folder: Path, candles: Candles | Mapping[str, Candles]) -> Path:
    """Write report.html into the folder of a finished run and return its path.

    `candles` are those that the run traded on, of a book those of each market by symbol. Parts
    that the run does not have are left out. Raises DataError where the run cannot be read,
    OutputError where the page cannot be written.
    """
    run = read_run(run_folder)
    target = run_folder / "report.html"
    return write_page(target, render(run, page_data(run, candles)))


def page_data(run: RunFiles, candles: Candles | Mapping[str, Candles]) -> dict[str, Any]:
    """Everything that the page's scripts draw, as JSON values."""
    evidence = run.summary.get("evidence") or {}
    book = None if isinstance(candles, Candles) else book_data(run)
    return {
        "synthetic": run.synthetic,
        "symbol": str(run.summary.get("data", {}).get("symbol", "")),
        "curves": curves(run),
        "walk_forward": walk_forward_data(evidence),
        "grid": _grid(run),
        "book": book,
        "market": market_data(candles_of_span(run, candles))
        if isinstance(candles, Candles)
        else None,
        "trades": trade_data(run, candles) if run.trades else None,
        "months": monthly_returns(run.equity),
        "fees": fee_data(run),
        "fee_curve": fee_curve(evidence),
        "bands": run.summary.get("drawdown_bands"),
    }


def _grid(run: RunFiles) -> dict[str, Any] | None:
    trials = read_trials(run.folder)
    return None if trials is None else grid_data(read_grid(trials, run.summary))


def candles_of_span(run: RunFiles, candles: Candles) -> Candles:
    """The candles without the warm-up, as far as the run says where its span begins."""
    if not len(run.equity.time):
        return candles
    first = int(np.searchsorted(candles.time, run.equity.time[0]))
    return rows_of(candles, slice(first, None))


def render(run: RunFiles, data: Mapping[str, Any]) -> str:
    """The whole page as text."""
    return document(
        title=sections.title(run.summary),
        header=sections.header(run.summary),
        synthetic=run.synthetic,
        body=sections.body(run, data),
        data=data,
        scripts=_SCRIPTS,
    )


def document(
    *,
    title: str,
    header: str,
    synthetic: bool,
    body: str,
    data: Mapping[str, Any],
    scripts: Sequence[str],
) -> str:
    """A page with everything in it: `title`, `header` and `body` are HTML, `data` is what
    the named scripts of assets/ find as `run`."""
    return Template(_asset("page.html")).substitute(
        title=title,
        style=_asset("style.css"),
        header=header,
        banner=sections.banner(synthetic),
        body=body,
        data=script_json(data),
        libraries=_libraries(_CHARTS in scripts),
        script=_script("\n".join(_asset(name) for name in scripts)),
    )


def write_page(target: Path, page: str) -> Path:
    """Write `page` whole, making its folder. Raises OutputError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent} cannot be made ({error.strerror})") from None
    write_whole(target, page.encode())
    return target


def _asset(name: str) -> str:
    return (files("stoptrail.reports.html") / "assets" / name).read_text(encoding="utf-8")


def _libraries(charts: bool) -> str:
    """Plotly, and the library of the market's chart where it is wanted, as script elements."""
    from plotly.offline import get_plotlyjs

    sources = [get_plotlyjs(), *([_asset("lightweight-charts.js")] if charts else [])]
    return "".join(f"<script>{_script(source)}</script>" for source in sources)


def _script(code: str) -> str:
    """`code` so that nothing in it ends the script element early."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")
