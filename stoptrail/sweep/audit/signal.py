"""What a signal itself is asked: does it look ahead, is it warm when it says so, and does its
own step say the same?

For many candles t the signal is worked out over the same past with other futures. The
zones up to t must be equal. Only a window before t is given, which costs little and
loses nothing: any past will do, as long as it is the same.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import atr_of, signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.core.errors import ConfigError
from stoptrail.core.program import Progress
from stoptrail.core.text import number_of
from stoptrail.core.time import DAY_MS, iso
from stoptrail.rules.candles import Candles, Signals, rows_of
from stoptrail.sweep.audit.futures import disturbed, futures, moments
from stoptrail.sweep.audit.moved import are_many, higher, later


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
PASTS = 12
"""Places at which the whole past is worked out too, without what follows."""
FAILURES = "works on other candles"
"""Name of the check that a signal answers at all, whatever stretch of candles it is given."""
_SHOWN = 5
_MARGIN = 200
_AHEAD_DAYS = 2


def look_ahead(
    plan: Plan, candles: Candles, signals: Signals, on_progress: Progress, seed: int
) -> list[Check]:
    """One check for each kind of moment, on the candles and on disturbed ones."""
    random = np.random.default_rng(seed)
    found: dict[str, tuple[int, list[str]]] = {}
    work, failures = _work(plan, candles, signals, random)
    calls = 0
    begun = time.monotonic()
    for number, (kind, market, t) in enumerate(work):
        tried, lines = found.setdefault(kind, (0, []))
        if time.monotonic() - begun <= SECONDS:
            seen = differences(plan, market, t, signals.warm, random)
            failures += seen.failures
            calls += 1
            found[kind] = (tried + (seen.compared > 0), [*lines, *seen.lines])
        on_progress(number + 1, len(work))
    note = "" if time.monotonic() - begun <= SECONDS else "the signal is slow: not all were tried"
    checks = [
        Check(f"later candles, at {kind}", tried, tuple(lines[:_SHOWN]), note)
        for kind, (tried, lines) in found.items()
    ]
    events = random.permutation(moments(candles, signals, EACH, random)["events"])[:PASTS]
    pasts = [past_alone(plan, candles, signals, int(t)) for t in events]
    lines = [line for one in pasts for line in one.lines]
    checks.append(Check("later candles, all cut off", len(pasts), tuple(lines[:_SHOWN])))
    failures += [line for one in pasts for line in one.failures]
    note = f"it fails on {len(failures):,} of them" if failures else ""
    return [*checks, Check(FAILURES, calls + len(pasts), tuple(failures[:_SHOWN]), note)]


def glance(plan: Plan, candles: Candles) -> dict[str, Any]:
    """Whether a signal looks ahead, asked at a few of its events: how many were `tried`, and what
    was `found` first, None where nothing was. An event around which it fails is passed."""
    random = np.random.default_rng(0)
    signals = signals_of(plan, candles)
    places = moments(candles, signals, GLANCES, random)["events"]
    begun, tried, found = time.monotonic(), 0, None
    for number, t in enumerate(random.permutation(places)):
        if time.monotonic() - begun > GLANCE_SECONDS or found:
            break
        seen = [differences(plan, candles, int(t), signals.warm, random)]
        seen += [past_alone(plan, candles, signals, int(t))] if number < PASTS else []
        tried += any(one.compared for one in seen)
        found = next((line for one in seen for line in one.lines), None)
    known = {
        "by_dates": goes_by_dates(plan, candles, signals),
        "by_prices": goes_by_prices(plan, candles, signals),
    }
    return {"tried": tried, "found": found, **known}


def past_alone(plan: Plan, candles: Candles, signals: Signals, t: int) -> Differences:
    """The signal over the candles up to t and no more, against the `signals` over all: what is
    taken from far ahead, or from all candles, shows nowhere else."""
    try:
        seen = signals_of(plan, rows_of(candles, slice(0, t + 1)))
    except ConfigError as error:
        return Differences(0, [], [f"up to {iso(candles.time[t])}: {error}"])
    place = _first_difference(signals, seen, t)
    if place is None:
        return Differences(1, [], [])
    return Differences(1, [_told(candles, t, "cut off", place, seen, signals)], [])


def goes_by_dates(plan: Plan, candles: Candles, signals: Signals) -> bool:
    """Whether the same candles 28 years later make other zones. Weekdays, months and leap years
    are the same then, so only what was written down for dates, or read from a file, is not."""
    try:
        return not np.array_equal(signals.zone, signals_of(plan, later(candles)).zone)
    except ConfigError:
        return True


def goes_by_prices(plan: Plan, candles: Candles, signals: Signals) -> bool:
    """Whether the same candles at prices a ten-thousandth higher begin many other zones: it finds
    prices that were written down, or read from a file, no more."""
    try:
        seen = signals_of(plan, higher(candles))
    except ConfigError:
        return True
    one, other = _beginnings(signals), _beginnings(seen)
    return are_many(int((one != other).sum()), int(((one != 0) | (other != 0)).sum()))


def _beginnings(signals: Signals) -> NDArray[np.int8]:
    """The side of each zone at its first candle, 0 elsewhere."""
    zone = signals.zone
    return np.where(zone != np.append(np.int8(0), zone[:-1]), zone, np.int8(0))


def _work(
    plan: Plan, candles: Candles, signals: Signals, random: np.random.Generator
) -> tuple[list[tuple[str, Candles, int]], list[str]]:
    """(kind, market, candle) in random order, so that what is cut short is a fair draw; and a line
    for each market on which the signal fails."""
    work, failures = [], []
    for kind, places in moments(candles, signals, 3 * EACH, random).items():
        most = 3 * EACH if kind == "events" else EACH
        work += [(kind, candles, int(t)) for t in random.permutation(places)[:most]]
    for _ in range(DISTURBED):
        other = disturbed(candles, random)
        try:
            seen = signals_of(plan, other)
        except ConfigError as error:
            failures.append(f"on the same candles in another order: {error}")
            continue
        for places in moments(other, seen, EACH // 5, random).values():
            work += [("candles of disturbed markets", other, int(t)) for t in places]
    return [work[k] for k in random.permutation(len(work))], failures


class Differences(NamedTuple):
    """What other futures after one candle change."""

    compared: int
    """Futures with which the signal could be worked out."""
    lines: list[str]
    """What the first of them changes up to the candle; empty where none does."""
    failures: list[str]
    """What the signal said where it failed."""


def differences(
    plan: Plan, candles: Candles, t: int, warm: int, random: np.random.Generator
) -> Differences:
    """The signal over the candles around t, and over the same with other futures. Where it fails
    on so few, it is given all that is before t."""
    window, at = window_around(candles, t, warm)
    failures = []
    try:
        expected = signals_of(plan, window)
    except ConfigError:
        window, at = rows_of(candles, slice(0, t + len(window.time) - at)), t
        try:
            expected = signals_of(plan, window)
        except ConfigError as error:
            return Differences(0, [], [f"up to {iso(window.time[-1])}: {error}"])
    atr = atr_of(plan, window)
    lines, compared = [], 0
    for name, other in futures(window, at, random).items():
        try:
            seen = signals_of(plan, other)
        except ConfigError as error:
            failures.append(f"with the candles after {iso(window.time[at])} {name}: {error}")
            continue
        compared += 1
        place = _first_difference(expected, seen, at)
        if place is not None:
            lines.append(_told(window, at, name, place, seen, expected))
        elif not np.array_equal(atr[: at + 1], atr_of(plan, other)[: at + 1], equal_nan=True):
            lines.append(f"with the candles after {iso(window.time[at])} {name}, the ATR differs")
    return Differences(compared, lines[:1], failures)


def _told(candles: Candles, t: int, name: str, place: int, seen: Signals, expected: Signals) -> str:
    later = t - place + 1
    return (
        f"with the candles after {iso(candles.time[t])} {name}, the zone at "
        f"{iso(candles.time[place])} is {_at(seen, place)} instead of {_at(expected, place)}: "
        f"it knows something {number_of(later, 'candle')} later or more"
    )


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


STEPS = "candle by candle, as a live session"
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
        try:
            late = signals_of(plan, rows_of(candles, slice(start, None)))
        except ConfigError as error:
            lines.append(f"data from {iso(candles.time[start])}: {error}")
            continue
        claimed = max(claimed, late.warm)
        bad = (late.zone != signals.zone[start:]) | (late.exit_zone != signals.exit_zone[start:])
        bad[: late.warm] = False
        if not bad.any():
            continue
        places = np.flatnonzero(bad)
        settled = int(places[-1]) + 1
        longest = max(longest, settled)
        lines.append(
            f"data from {iso(candles.time[start])}: warm after {number_of(late.warm, 'candle')}, "
            f"it says, yet {number_of(len(places), 'zone differs', 'zones differ')}, the last "
            f"{number_of(settled, 'candle')} after the beginning"
        )
    note = f"warm after {number_of(claimed, 'candle')}" if claimed else ""
    if longest:
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
    said: list[Any] = []
    columns = (column.tolist() for column in candles[:6])
    try:
        stepper = factory(candles.interval, **plan.parameters)
        said.extend(stepper.step(*candle) for candle in zip(*columns, strict=True))
        found = np.array(said, np.int8).reshape(len(candles.time), 2)
    except Exception as error:  # a user's step may raise anything
        place = iso(candles.time[min(len(said), len(candles.time) - 1)])
        line = f"at {place} the step fails: {type(error).__name__}: {error}".splitlines()[0]
        return Check(STEPS, len(said), (line,))
    bad = (found[:, 0] != signals.zone) | (found[:, 1] != signals.exit_zone)
    lines = tuple(
        f"at {iso(candles.time[t])} the step says {tuple(found[t].tolist())}, the vector "
        f"{(int(signals.zone[t]), int(signals.exit_zone[t]))}"
        for t in np.flatnonzero(bad)[:_SHOWN]
    )
    return Check(STEPS, len(found), lines)
