"""What the user asked of `backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stoptrail.config.settings import Settings


class BacktestOptions(NamedTuple):
    """The options of `stoptrail backtest` that do not change settings by themselves."""

    config: Path | None
    overrides: tuple[str, ...]
    walk_forward: bool | None
    """None: as the settings say."""
    plot: bool
    files: tuple[Path, ...]
    symbols: tuple[str, ...]
    out: Path | None
    force: bool
    """Whether a run that is in `out` may be replaced."""
    resume: Path | None
    as_json: bool
    settings: Settings | None = None
    """Checked settings, in place of `config` and `overrides`."""
