"""`--tearsheet`: the page that quantstats makes of a run's daily returns."""

from __future__ import annotations

import logging
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

from stoptrail.core.atomic import write_whole
from stoptrail.core.errors import ConfigError, DataError
from stoptrail.reports.run_files import RunFiles, read_run

FILE = "tearsheet.html"
DAYS_A_YEAR = 365
_REMOTE_ICON = re.compile(r"<link[^>]*https?://[^>]*>")


def write_tearsheet(folder: Path) -> Path:
    """Write tearsheet.html of the run in `folder`, self-contained; returns the file.

    The figures of the run are those of summary.json; quantstats has its own formulas for
    some. Raises ConfigError where quantstats is not installed, DataError where the run is
    too short, OutputError where the file cannot be written.
    """
    files = read_run(folder)
    if len(files.equity.time) < 3:
        raise DataError(f"{folder}: a tear sheet needs at least two days of equity")
    page = _page(files)
    write_whole(folder / FILE, _REMOTE_ICON.sub("", page).encode())
    return folder / FILE


def _page(files: RunFiles) -> str:
    import pandas as pd

    from stoptrail.reports.plots.backend import settle_backend

    settle_backend(False)
    try:
        import quantstats
    except ImportError:
        raise ConfigError(
            "--tearsheet needs quantstats: install the extra with pip install -e '.[tearsheet]'"
        ) from None
    days = pd.to_datetime(files.equity.time, unit="ms").normalize()
    equity = pd.Series(files.equity.equity, index=days)
    returns = equity[~equity.index.duplicated(keep="last")].pct_change().dropna()
    symbol = str((files.summary.get("data") or {}).get("symbol", ""))
    title = f"SYNTHETIC DATA {symbol}" if files.synthetic else symbol
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantstats' own, about pandas and fonts
        file = Path(place) / FILE
        make: Any = quantstats.reports.html
        make(returns, output=str(file), title=title, periods_per_year=DAYS_A_YEAR)
        return file.read_text()
