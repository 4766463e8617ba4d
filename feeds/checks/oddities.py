"""What is odd about candles that can be used all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.text import number_of
from stoptrail.core.time import DAY_MS, iso, timeframe_name
from stoptrail.feeds.checks.doubles import ZONES_MS, of_that_clock
from stoptrail.feeds.checks.neighbours import among_neighbours, goes_on, written_again
from stoptrail.feeds.checks.outliers import outliers
from stoptrail.feeds.checks.sampled import of_other_times
from stoptrail.feeds.checks.scales import scales
from stoptrail.feeds.checks.seams import skipped_hours
from stoptrail.feeds.checks.volumes import other_volumes
from stoptrail.feeds.layouts.orders import swapped
from stoptrail.feeds.tables.columns import Columns
from stoptrail.rules.candles import Floats, Times

FEW = 3
"""Candles without volume whose price moved that do not make volume unknown."""
_SHARE = 0.001
_ENOUGH = 2000
"""Candles that tell whether opens follow closes."""
_AROUND = 5
"""Candles on either side that say what is usual."""


class Oddity(NamedTuple):
    """One oddity."""

    kind: str
    """gap, zero volume, future, outlier, summer time, ..., or a fault: unreadable, order,
    duplicate, timeframe, impossible."""
    candles: int
    """How many candles it concerns."""
    text: str
    """Where and what, in one line."""
    fault: bool
    """Whether the file cannot be used because of it."""
    said: bool = False
    """Whether a run says it too."""


Place = Callable[[int], str]


def oddities(
    columns: Columns,
    step: int,
    place: Place,
    now: int,
    *,
    naive: bool,
    known: bool,
    symbol: str,
    written: int,
) -> Iterator[Oddity]:
    """Everything odd about candles, oldest first, of `step` milliseconds.

    `now` is the clock in milliseconds, `written` when their file was, 0 for unknown. `naive`
    times had no zone; `known` is whether the file has volumes; `symbol` is the market that is
    meant, if any.
    """
    for told in scales(columns, step, symbol):
        where = f"{place(told.row)}, {iso(int(columns.time[told.row]))}: " if told.row else ""
        yield Oddity(told.kind, told.candles, where + told.text, False, True)
    yield from _ahead(columns.time, place, now, naive=naive)
    if len(columns.time) and step and columns.time[-1] <= now:
        yield from _behind(columns.time, step, place, written, naive=naive)
    yield from _levels(columns, step, place)
    yield from _stretches(columns, step, place)
    others = (outliers(columns), among_neighbours(columns, step), of_other_times(columns, step))
    for told in chain(*others, other_volumes(columns)):
        text = f"{place(told.row)}, {iso(int(columns.time[told.row]))}: {told.text}"
        yield Oddity(told.kind, told.candles, text, False, True)
    if swapped(columns.open[:_ENOUGH], columns.close[:_ENOUGH]):
        text = (
            "candles open where the one after closed: open and close may be in each other's "
            "column, or the times run backwards (data.columns)"
        )
        yield Oddity("open and close", len(columns.time), text, False, True)
    if known:
        yield from _moved(columns, place)
    if step:
        yield from _summer(columns, step, place, naive=naive)


def unfinished(time: Times, step: int, now: int) -> bool:
    """Whether the last candle is under way by the clock."""
    return bool(len(time) and step and time[-1] <= now < time[-1] + step)


def _ahead(time: Times, place: Place, now: int, *, naive: bool) -> Iterator[Oddity]:
    future = np.flatnonzero(time > now)
    if len(future):
        first = int(future[0])
        why = f"the times are of another zone ({_ZONE[naive]})"
        if np.max(time) - now > ZONES_MS:
            why = "no zone is so far ahead: the years may be those of another calendar"
        text = (
            f"{number_of(len(future), 'candle')} in the future, the first at {place(first)}, "
            f"{iso(int(time[first]))}: {why}, or the clock of this machine ({iso(now)}) is wrong"
        )
        yield Oddity("future", len(future), text, False, True)


def _behind(time: Times, step: int, place: Place, written: int, *, naive: bool) -> Iterator[Oddity]:
    """Candles that were not over, or not begun, when their file was written."""
    last, place_of = int(time[-1]), f"{place(len(time) - 1)}, {iso(int(time[-1]))}"
    if last <= written < last + step:
        text = (
            f"the last candle ({place_of}) was not over when the file was written, at "
            f"{iso(written)}: it may be unfinished; remove the row if it is"
        )
        yield Oddity("unfinished", 1, text, False, True)
    elif 0 < last - written < ZONES_MS:
        count = int(np.sum(time > written))
        text = (
            f"{number_of(count, 'candle')}, the last {place_of}, "
            f"{'opens' if count == 1 else 'open'} after the file was written, at "
            f"{iso(written)}: the times are of another zone ({_ZONE[naive]}), or closes "
            "(data.stamp)"
        )
        yield Oddity("future", count, text, False, True)


_ZONE = {True: "data.zone", False: 'data.zone, with data.epochs = "local"'}
"""What mends times without a zone, and epochs, which are else taken as they stand."""


def _levels(columns: Columns, step: int, place: Place) -> Iterator[Oddity]:
    """Prices that are elsewhere from one candle to the next, as where two markets were joined, or
    one candle is of another."""
    if len(columns.time) < 2:
        return
    close, gap = columns.close, _since_traded(columns)
    with np.errstate(all="ignore"):
        jump = np.abs(np.log(columns.open[1:] / close[:-1]))
    near = gap == step
    known = jump[near & np.isfinite(jump)]
    usual = float(np.quantile(known, _RARE)) if len(known) > _ENOUGH_GAPS else _NEAR_JUMP
    limit = max(min(_LEAST_JUMP, _EVEN_BEYOND * usual), _FAR_BEYOND * usual)
    limit = min(_NEAR_JUMP, max(_CLEAR_JUMP, limit))
    over = _MOVES * _usual_move(columns, near) * np.sqrt(gap / max(step, 1))
    limits = np.where(gap <= 2 * step, _NEAR_JUMP, _FAR_JUMP)
    limits = np.where(near, limit, np.maximum(limits, over))
    traded = (
        near & np.isfinite(jump) & (columns.volume[1:] > 0) & (columns.volume[:-1] > 0)
    )  # silent ones are outages
    found: list[tuple[int, bool]] = []
    done = -1
    wide = np.flatnonzero((jump > limits) & (gap < _LONG_MS))
    for i in np.union1d(wide, _beside(columns, jump, traded)).tolist():
        before, after = close[max(0, i - _AROUND) : i + 1], close[i + 1 :][:_AROUND]
        apart = abs(np.log(np.nanmedian(after) / np.nanmedian(before)))
        stays = bool(apart > min(jump[i], _NEAR_JUMP) / 2)
        if i > done and (stays or near[i]):
            found.append((i, stays))
            done = -1 if stays else i + _AROUND  # the way back is no news
    for i, stays in found[:1]:
        still = _standing_still(columns, i)
        what = (
            f"after {still} candles that all stand still there: prices no longer updated, perhaps"
            if still >= _STILL
            else "between two candles, as nowhere else: rows of another market or exchange, perhaps"
            if jump[i] < _CLEAR_JUMP
            else "and stays there: two markets in one file, perhaps, or prices in another unit"
            if stays
            else "and comes back: a wrong price, perhaps"
        )
        text = (
            f"{place(i + 1)}, {iso(int(columns.time[i + 1]))}: the price goes from "
            f"{close[i]:.10g} to {columns.open[i + 1]:.10g} {what}"
            + (f" (and {number_of(len(found) - 1, 'more such place')})" if len(found) > 1 else "")
        )
        yield Oddity("level", len(columns.time) - i - 1 if stays else 1, text, False, True)


def _standing_still(columns: Columns, last: int) -> int:
    """How many candles up to `last` have its close as their only price."""
    price, still = columns.close[last], np.ones(last + 1, np.bool_)
    for values in (columns.open, columns.high, columns.low, columns.close):
        still &= values[: last + 1] == price
    return int(np.argmin(np.append(still[::-1], False)))


def _since_traded(columns: Columns) -> Times:
    """Milliseconds from the last candle that stands for trades to each but the first: those in
    which nothing was, and those that repeat another, are no other than missing ones."""
    idle = written_again(columns)
    if np.any(columns.volume > 0):
        idle |= ~(columns.volume > 0) & (columns.high == columns.low)
    last = np.maximum.accumulate(np.where(idle, 0, np.arange(len(idle))))
    return columns.time[1:] - columns.time[last[:-1]]


def _usual_move(columns: Columns, near: NDArray[np.bool_]) -> float:
    """The logarithm of the change from one close to the next that three in four stay below."""
    with np.errstate(all="ignore"):
        moves = np.abs(np.diff(np.log(columns.close)))[near]
    moves = moves[np.isfinite(moves)]
    return float(np.quantile(moves, _USUAL)) if len(moves) else 0.0


def _beside(columns: Columns, jump: Floats, traded: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where a candle does not go on from the one before, as a market's do: it opens farther from
    that one's close than half of what both are high, and than is usual. Of a long series the
    beginning says what is usual."""
    known = jump[:_MANY][traded[:_MANY]]
    with np.errstate(all="ignore"):
        high = np.nan_to_num(np.log(columns.high[:_MANY] / columns.low[:_MANY]))
    if len(known) < _FEW_JUMPS:
        return np.empty(0, np.intp)
    usual = float(np.quantile(known, _USUAL))
    limit = max(_LEAST_BESIDE, _FAR_BEYOND * usual, float(np.median(high)))
    at = np.flatnonzero(traded & (jump > limit))
    with np.errstate(all="ignore"):
        both = np.log(
            columns.high[at] / columns.low[at] * columns.high[at + 1] / columns.low[at + 1]
        )
    return at[jump[at] > _AS_HIGH * both]


_MANY = 1 << 16
_USUAL, _FEW_JUMPS, _LEAST_BESIDE, _AS_HIGH = 0.75, 50, 0.0015, 0.5
"""Of five years of BTC/USDT, 15m, no change is a quarter as wide as its two candles are high."""


def _stretches(columns: Columns, step: int, place: Place) -> Iterator[Oddity]:
    """Runs of candles that are farther apart, all by the same, and of candles that are equal."""
    apart = np.diff(columns.time)
    longer = (apart[1:] == apart[:-1]) & (apart[1:] > step)
    equal = written_again(columns)[1:]
    far = longer & (apart[1:] >= _FAR_APART * step)  # a day's candles among those of minutes
    for odd, least, said in (
        (far, _FAR_RUN, "candles come every {length} from there: longer ones, perhaps"),
        (longer & ~far, _LONG_RUN, "candles come every {length} from there: longer ones, perhaps"),
        (
            equal,
            1,
            "candles have the prices of the one before: written again without data",
        ),
    ):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], odd, [False]]).astype(np.int8)))
        for i, k in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if step and k - i >= least:
                length = timeframe_name(int(apart[i]))
                text = (
                    f"{place(i)}, {iso(int(columns.time[i]))}: {k - i} {said.format(length=length)}"
                )
                yield Oddity("stretch", k - i, text, False, True)


_LONG_RUN = 12
_STILL = 4
"""Candles with one price, the same, and volume; fewer a thin market has too."""
_FAR_APART, _FAR_RUN = 16, 3
"""Steps between candles that no thin market has by chance so often in a row."""


_NEAR_JUMP = 0.4
"""Logarithm of a change from a close to the next open that no market makes between neighbours."""
_FAR_JUMP, _MOVES = 1.4, 6.0
"""The same where candles are missing between the two; and so many times what the market moves."""
_LEAST_JUMP, _CLEAR_JUMP = 0.03, 0.012
_RARE, _FAR_BEYOND, _EVEN_BEYOND, _ENOUGH_GAPS = 0.999, 20.0, 40.0, 500
"""Of a market whose own candles say what is usual: so many times what one gap in a thousand is,
and twice as many below the least jump."""
_LONG_MS = 90 * DAY_MS


def silent_but_moving(columns: Columns) -> NDArray[np.bool_]:
    """Candles without volume in which the price moved: nobody trades nothing."""
    return np.asarray(~(columns.volume > 0) & (columns.high > columns.low), np.bool_)


def volume_unknown(columns: Columns) -> int:
    """How many candles say that volume is unknown, 0 where they are few."""
    count = int(np.sum(silent_but_moving(columns)))
    return count if count > max(FEW, _SHARE * len(columns.time)) else 0


def _moved(columns: Columns, place: Place) -> Iterator[Oddity]:
    moved = silent_but_moving(columns)
    count, n = int(np.sum(moved)), len(moved)
    if not count:
        return
    text = (
        f"{count} of {n} candles have no volume although the price moved, the first at "
        f"{place(int(np.argmax(moved)))}"
    )
    many = bool(volume_unknown(columns))
    if many:
        text += ': the volume is unknown; set data.volume = "unknown", or nothing is filled in them'
    yield Oddity("no volume", count, text, False, many)


def _summer(columns: Columns, step: int, place: Place, *, naive: bool) -> Iterator[Oddity]:
    """An hour that local times leave out; of epochs, only where the price goes on over it."""
    for i, zone in skipped_hours(columns.time, step):
        if naive or goes_on(columns, step, i + 1):
            text = (
                f"{place(i)}: the hour from {iso(int(columns.time[i]) + step)} is missing, which "
                f"summer time skips in {zone}: the times seem to be local; "
                f"{of_that_clock(columns, naive)}"
            )
            yield Oddity("summer time", 1, text, False, True)
