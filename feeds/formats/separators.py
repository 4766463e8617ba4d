"""What stands between the cells of a text."""

from __future__ import annotations

from collections.abc import Sequence

from stoptrail.core.errors import DataError
from stoptrail.feeds.formats.drawn import BLANKS
from stoptrail.feeds.layouts.strangers import what_else
from stoptrail.feeds.tables.convert import one_line

FEWEST = 4  # separators in a line of five columns
_USUAL = ";\t|,"
_SELDOM = "^~\x01\x1f"
"""Of database exports, the last two are those of Hive and of ASCII; none stands in a number, a time
or the name of a market."""


def separator_of(lines: Sequence[str]) -> str:
    """What stands between the cells of most lines; "" for blanks. DataError where nothing does
    often enough."""
    full = [line for line in lines if line.strip()][-100:]
    for separator in _USUAL + _SELDOM:
        counts = sorted(line.count(separator) for line in full)
        if counts and counts[len(counts) // 2] >= FEWEST:
            return separator
    counts = sorted(len(BLANKS.findall(line.strip())) for line in full)
    if not counts or counts[len(counts) // 2] < FEWEST or "{" in full[0]:
        first = next((line for line in lines if line.strip()), "")
        found = one_line(first.strip(), 60)
        raise DataError(f"{_too_narrow(full, first)} (begins with {found!r})")
    return ""


def _too_narrow(lines: Sequence[str], first: str) -> str:
    """What lines are that have no cells enough for candles; `first` is that of the file."""
    for separator in _USUAL:
        if other := what_else(first.split(separator)):
            return other
        widths = {line.count(separator) for line in lines}
        if len(lines) > 1 and len(widths) == 1 and widths != {0}:
            return (
                f"not a candle file: its rows have {1 + widths.pop()} columns, and open time, "
                "open, high, low, close are needed"
            )
    told = "not a candle file: no table in it of cells between commas, semicolons, tabs or bars"
    between = _between(lines)
    return f"{told}; they seem to stand between {between!r}: write commas" if between else told


def _between(lines: Sequence[str]) -> str:
    """A sign that stands in every line as often, as between cells; "" where none does."""
    if len(lines) < 2:
        return ""
    signs = {sign for sign in lines[0] if not sign.isalnum() and sign not in _WITHIN}
    often = [
        sign
        for sign in sorted(signs)
        if lines[0].count(sign) >= FEWEST and len({line.count(sign) for line in lines}) == 1
    ]
    return often[0] if often else ""


_WITHIN = " .:-'\""
"""What stands within cells."""
