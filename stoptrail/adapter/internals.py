"""Every private of Backtrader that the package relies on, by module.

Backtrader promises few of its extension points; the feed, the broker and the quick path of a
backtest replace some of them. These names were read in one version, so that one is required:
`require` fails loudly where another is installed.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from stoptrail.core.errors import RunError

VERSION = "1.9.78.123"

PRIVATES: dict[str, tuple[str, ...]] = {
    # Where a line stands.
    "linebuffer": ("_idx",),
    # How a candle is loaded, what that costs beside it, and a feed's resolved timeframe.
    "feed": (
        "_compression",
        "_filters",
        "_load",
        "_qcheck",
        "_tick_fill",
        "_tick_nullify",
        "_timeframe",
    ),
    # One candle of a vectorised run, and who hears of it.
    "strategy": (
        "_addnotification",
        "_getminperstatus",
        "_minperiods",
        "_minperstatus",
        "_next",
        "_notify",
        "_oldsync",
        "_oncepost",
        "_orders",
        "_orderspending",
        "_slave_analyzers",
        "_start",
        "_trades",
        "_tradespending",
    ),
    # The loop over candles.
    "cerebro": (
        "_broker",
        "_brokernotify",
        "_event_stop",
        "_runonce",
        "_timers",
        "_timerscheat",
    ),
    "sizer": ("_getsizing",),
    # All values of a run; where a plot draws its levels, and shades between lines.
    "lineiterator": ("_once",),
    "plot.scheme": ("_fill_gt",),
}
"""Module of Backtrader to the names in it."""


@cache
def require() -> None:
    """Raise RunError where another version of Backtrader than VERSION is installed."""
    try:
        found = version("backtrader")
    except PackageNotFoundError:
        found = "an unknown version"
    if found != VERSION:
        raise RunError(
            f"backtrader {found} is installed, but StopTrail relies on internals of {VERSION} "
            f"alone: pip install backtrader=={VERSION}"
        )
