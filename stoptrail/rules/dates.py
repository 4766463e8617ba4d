"""Milliseconds and Backtrader's date numbers (days since 0001-01-01, UTC)."""

from __future__ import annotations

from stoptrail.rules.costs import DAY

EPOCH_DAY = 719163.0
"""The date number of 1970-01-01, its proleptic ordinal."""


def date_number(time: int) -> float:
    """`time` in milliseconds as Backtrader keeps it."""
    return EPOCH_DAY + time / DAY


def milliseconds(number: float) -> int:
    """The milliseconds that a date number stands for.

    A double near 740,000 days resolves 10 microseconds, so rounding restores them.
    """
    return round((number - EPOCH_DAY) * DAY)
