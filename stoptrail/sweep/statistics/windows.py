"""Walk-forward windows: train on the past, test on what follows, move on."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.core.errors import ConfigError
from stoptrail.core.time import DAY_MS


class Window(NamedTuple):
    """One step; spans are half-open, in milliseconds UTC."""

    train_start: int
    train_end: int
    test_start: int
    """Equal to train_end: no gap and no overlap."""
    test_end: int
    partial: bool
    """True for a test window that is shorter than the others: the last, where the data ends
    before its time, and the first of a shifted walk over the same days."""


class Phase(NamedTuple):
    """All windows of one walk."""

    shift_days: int
    """Days by which its windows begin later than those of the first phase."""
    windows: tuple[Window, ...]


def phases(first_ms: int, last_ms: int, train_days: int, test_days: int, count: int) -> list[Phase]:
    """`windows` over [first_ms, last_ms), and the same begun later by whole days, up to one
    test window in equal steps.

    A shift that leaves nothing to test on, or that repeats another, is left out; without a
    shift that raises ConfigError, as `windows` does.
    """
    shifts = sorted({k * test_days // count for k in range(count)})
    room = (last_ms - first_ms) / DAY_MS - train_days
    return [
        Phase(shift, tuple(windows(first_ms + shift * DAY_MS, last_ms, train_days, test_days)))
        for shift in shifts
        if shift == 0 or shift < room
    ]


def windows(
    first_ms: int, last_ms: int, train_days: int, test_days: int, shift_days: int = 0
) -> list[Window]:
    """Rolling windows over [first_ms, last_ms), each `test_days` after the one before.

    Test windows follow each other without a gap from first_ms + train_days to last_ms,
    so their results chain; the last may be shorter. With `shift_days`, below `test_days`, the
    first of them is that long instead: the same days, chosen for at other times. Raises
    ConfigError where the data does not reach beyond the first train window or a length is not
    positive.
    """
    if train_days < 1 or test_days < 1:
        raise ConfigError(
            f"walk_forward: train_days {train_days} and test_days {test_days} must be at least 1"
        )
    train, test = train_days * DAY_MS, test_days * DAY_MS
    if last_ms <= first_ms + train:
        have = max(last_ms - first_ms, 0) / DAY_MS
        raise ConfigError(
            f"walk_forward.train_days: {train_days} days to train on leave nothing to test on "
            f"in {have:.1f} days of data; shorten train_days or extend data.start and data.end"
        )
    begin = first_ms + train
    starts = [begin, *range(begin + (shift_days * DAY_MS or test), last_ms, test)]
    return [
        Window(start - train, start, start, end, end - start < test)
        for start, end in zip(starts, [*starts[1:], last_ms], strict=True)
    ]
