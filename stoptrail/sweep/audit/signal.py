"""What a signal itself is asked: does it look ahead, is it warm when it says so, and does its
own step say the same?

For many candles t the signal is worked out over the same past with other futures. The
zones up to t must be equal. Only a window before t is given, which costs little and
loses nothing: any past will do, as long as it is the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.inputs import atr_of, signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.core.errors import ConfigError
from stoptrail.core.program import Progress
from stoptrail.core.time import DAY_MS, iso
from stoptrail.rules.candles import Candles, Signals, rows_of
from stoptrail.sweep.audit.futures import disturbed, futures, moments


class Check(NamedTuple):
    """One check of a signal."""

    name: str
    tried: int
    """How often; 0 where there was nothing to try."""
    findings: tuple[str, ...]
    """One line for each fault found, not all of them; empty where there is none."""
    note: str = ""
    """What else a person should know."""

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


EACH = 300
"""Candles of each kind that are tried, at most; three times as many at the events."""
DISTURBED = 3
"""Markets of another course on which the same is tried."""
SECONDS = 90.0
"""After this long no more candles are tried; the check says how many were."""
GLANCES, GLANCE_SECONDS = 60, 30.0
"""Events at which a sweep asks the same of its best set, and after how long it stops asking."""
_SHOWN = 5
_MARGIN = 200
_AHEAD_DAYS = 2


def look_ahead(
    plan: Plan, candles: Candles, signals: Signals, on_progress: Progress, seed: int
) -> list[Check]:
    """One check for each kind of moment, on the candles and on disturbed ones."""
    random = np.random.default_rng(seed)
    found: dict[str, tuple[int, list[str]]] = {}
    work = list(_work(plan, candles, signals, random))
    begun = time.monotonic()
    for number, (kind, market, t) in enumerate(work):
        tried, lines = found.setdefault(kind, (0, []))
        if time.monotonic() - begun <= SECONDS:
            lines += differences(plan, market, t, signals.warm, random)
            found[kind] = (tried + 1, lines)
        on_progress(number + 1, len(work))
    note = "" if time.monotonic() - begun <= SECONDS else "the signal is slow: not all were tried"
    return [
        Check(f"later candles, at {kind}", tried, tuple(lines[:_SHOWN]), note)
        for kind, (tried, lines) in found.items()
    ]


def glance(plan: Plan, candles: Candles) -> dict[str, Any]:
    """Whether a signal looks ahead, asked at a few of its events: how many were `tried`, and what
    was `found` first, None where nothing was. An event whose window it cannot be worked out over
    is passed."""
    random = np.random.default_rng(0)
    signals = signals_of(plan, candles)
    places = moments(candles, signals, GLANCES, random)["events"]
    begun, tried = time.monotonic(), 0
    for t in random.permutation(places):
        if time.monotonic() - begun > GLANCE_SECONDS:
            break
        with suppress(ConfigError):
            lines = differences(plan, candles, int(t), signals.warm, random)
            tried += 1
            if lines:
                return {"tried": tried, "found": lines[0]}
    return {"tried": tried, "found": None}


def _work(
    plan: Plan, candles: Candles, signals: Signals, random: np.random.Generator
) -> Iterator[tuple[str, Candles, int]]:
    """(kind, market, candle) in random order, so that what is cut short is a fair draw."""
    work = []
    for kind, places in moments(candles, signals, 3 * EACH, random).items():
        most = 3 * EACH if kind == "events" else EACH
        work += [(kind, candles, int(t)) for t in random.permutation(places)[:most]]
    for _ in range(DISTURBED):
        other = disturbed(candles, random)
        seen = signals_of(plan, other)
        for places in moments(other, seen, EACH // 5, random).values():
            work += [("candles of disturbed markets", other, int(t)) for t in places]
    yield from (work[k] for k in random.permutation(len(work)))


def differences(
    plan: Plan, candles: Candles, t: int, warm: int, random: np.random.Generator
) -> list[str]:
    """A line for each future that changes what is said of candles up to t."""
    window, at = window_around(candles, t, warm)
    expected = signals_of(plan, window)
    atr = atr_of(plan, window)
    lines = []
    for name, other in futures(window, at, random).items():
        seen = signals_of(plan, other)
        place = _first_difference(expected, seen, at)
        if place is not None:
            when = iso(window.time[place])
            ahead = at - place + 1
            lines.append(
                f"with the candles after {iso(window.time[at])} {name}, the zone at {when} is "
                f"{_at(seen, place)} instead of {_at(expected, place)}: "
                f"it knows something {ahead} candle{'s' if ahead > 1 else ''} later or more"
            )
        elif not np.array_equal(atr[: at + 1], atr_of(plan, other)[: at + 1], equal_nan=True):
            lines.append(f"with the candles after {iso(window.time[at])} {name}, the ATR differs")
    return lines[:1]


def window_around(candles: Candles, t: int, warm: int) -> tuple[Candles, int]:
    """Enough candles before t to be warm, from a midnight on, and two days after it;
    with the place of t in them."""
    per_day = max(1, DAY_MS // candles.interval)
    first = max(0, t - warm - _MARGIN - per_day)
    midnight = candles.time[first] // DAY_MS * DAY_MS
    first = int(np.searchsorted(candles.time, midnight))
    end = t + 1 + _AHEAD_DAYS * per_day
    return rows_of(candles, slice(first, end)), t - first


def _first_difference(one: Signals, other: Signals, t: int) -> int | None:
    end = t + 1
    bad = (one.zone[:end] != other.zone[:end]) | (one.exit_zone[:end] != other.exit_zone[:end])
    if min(one.warm, end) != min(other.warm, end):
        bad[min(one.warm, other.warm)] = True
    return int(np.flatnonzero(bad)[0]) if bad.any() else None


def _at(signals: Signals, place: int) -> Any:
    return f"{int(signals.zone[place])} (exit {int(signals.exit_zone[place])})"


STARTS = 24
"""Later beginnings of the data that are tried."""


def warm_up(plan: Plan, candles: Candles, signals: Signals, seed: int) -> Check:
    """The signal over data that begins later, against the signal over all of it.

    From `warm` on every zone must be equal. Where it is not, the check says how many
    candles from the beginning it takes until the zones agree for good.
    """
    starts = _starts(candles, signals, seed)
    lines: list[str] = []
    longest = claimed = 0
    for start in starts:
        late = signals_of(plan, rows_of(candles, slice(start, None)))
        claimed = max(claimed, late.warm)
        bad = (late.zone != signals.zone[start:]) | (late.exit_zone != signals.exit_zone[start:])
        bad[: late.warm] = False
        if not bad.any():
            continue
        places = np.flatnonzero(bad)
        settled = int(places[-1]) + 1
        longest = max(longest, settled)
        lines.append(
            f"data from {iso(candles.time[start])}: warm after {late.warm:,} candles, it says, yet "
            f"{len(places):,} zones differ, the last {settled:,} candles after the beginning"
        )
    note = f"warm after {claimed:,} candles"
    if lines:
        note += f"; it takes {longest:,} until the zones agree"
    return Check("warm-up: data that begins later", len(starts), tuple(lines[:_SHOWN]), note)


def early_zones(signals: Signals) -> Check:
    """No zone before the signal is warm."""
    places = np.flatnonzero(signals.zone[: signals.warm])
    lines = (f"zone {signals.zone[places[0]]} at candle {places[0]:,}",) if len(places) else ()
    return Check("no zone before the warm-up ends", 1, lines)


def _starts(candles: Candles, signals: Signals, seed: int) -> list[int]:
    """Beginnings after which the data is still long enough to be warm, some at midnight."""
    last = len(candles.time) - 2 * signals.warm
    if last <= 1:
        return []
    random = np.random.default_rng(seed)
    drawn = random.integers(1, last, STARTS)
    midnights = candles.time[drawn[::2]] // DAY_MS * DAY_MS
    drawn[::2] = np.maximum(1, np.searchsorted(candles.time, midnights))
    return sorted({int(start) for start in drawn})


def step_check(plan: Plan, candles: Candles, signals: Signals) -> Check | None:
    """The signal's stepper over all candles; None where it has none.

    A stepper is given one candle at a time and so cannot look ahead: where the vector
    equals it, nor does the vector, at any candle.
    """
    factory: Any = getattr(plan.signal, "stepper", None)
    if factory is None:
        return None
    stepper = factory(candles.interval, **plan.parameters)
    columns = (column.tolist() for column in candles[:6])
    said = [stepper.step(*candle) for candle in zip(*columns, strict=True)]
    found = np.array(said, np.int8).reshape(-1, 2)
    bad = (found[:, 0] != signals.zone) | (found[:, 1] != signals.exit_zone)
    lines = tuple(
        f"at {iso(candles.time[t])} the step says {tuple(found[t].tolist())}, the vector "
        f"{(int(signals.zone[t]), int(signals.exit_zone[t]))}"
        for t in np.flatnonzero(bad)[:_SHOWN]
    )
    return Check("candle by candle, as a live session", len(found), lines)
