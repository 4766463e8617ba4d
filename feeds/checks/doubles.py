"""What candles that come twice in one file say of it: local time, a clock without its hours, two
zones, two markets, or one row too many."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.text import number_of
from stoptrail.core.time import HOUR_MS, MINUTE_MS, iso, timeframe_name
from stoptrail.feeds.checks.neighbours import goes_on
from stoptrail.feeds.checks.seams import doubled_hours, skipped_hours, two_candles
from stoptrail.feeds.checks.shifts import EPOCHS
from stoptrail.feeds.tables.columns import Columns
from stoptrail.feeds.tables.faults import SORT, Fault, cut_clock, usual_step

Place = Callable[[int], str]
Places = NDArray[np.intp]
_MOST = 0.25
"""Share of times that come twice where that is no seam."""
_FEW = 8
ZONES_MS = 15 * HOUR_MS
"""By less zones are apart."""
_QUARTER_MS, _HALF_HOUR_MS = 15 * MINUTE_MS, 30 * MINUTE_MS


def said_of_doubles(columns: Columns, place: Place, *, local: bool) -> str:
    """What to say of times, in the order of the file, of which some come twice with other values;
    "" where none do. `local` times have no zone."""
    times = columns.time
    if told := hour_twice(columns, place, local=local):
        return told
    if told := cut_clock(times):
        return told
    order = np.argsort(times, kind="stable")
    same = np.flatnonzero(np.diff(times[order]) == 0)
    if not (count := len(same)):
        return ""
    if told := _two_zones(columns, place):
        return told
    told = two_candles(columns, int(order[same[0]]), int(order[same[0] + 1]), place)
    more = f" (and {number_of(count - 1, 'more such row')})" if count > 1 else ""
    if count > _MOST * len(times) and count > _FEW and "two markets" not in told:
        head = told.partition(" (open high low")[0]
        if np.mean(_grown(columns, order[same], order[same + 1])) > _MOSTLY:
            return (
                f"{head}{more}: the second has all that the first has, as messages about a candle "
                "under way do; keep the last row of each time"
            )
        return (
            f"{head}{more}: two markets, exchanges or exports in one file, which no column tells "
            "apart; give a file of one"
        )
    return f"{told}{more}"


def _grown(columns: Columns, first: Places, second: Places) -> NDArray[np.bool_]:
    """Which candles hold earlier copies of themselves."""
    return np.asarray(
        (columns.open[first] == columns.open[second])
        & (columns.high[first] <= columns.high[second])
        & (columns.low[first] >= columns.low[second])
        & ~(columns.volume[first] > columns.volume[second]),
        np.bool_,
    )


_MOSTLY = 0.9


def hour_twice(columns: Columns, place: Place, *, local: bool) -> str:
    """What to say of an hour that comes twice, as times without a zone have it (`local`), and
    epochs that were made of such; "" without one."""
    found = doubled_hours(columns.time)
    if found is None or not (local or goes_on(columns, usual_step(columns.time), found[0])):
        return ""
    row, zone = found
    hour = iso(int(min(columns.time[row - 1], columns.time[row])))[:-1]
    return (
        f"{place(row)}: the hour from {hour} comes twice, as it does in local time when "
        f"summer time ends (in {zone} for one); "
        f"{of_that_clock(columns, local)}"
    )


def of_that_clock(columns: Columns, naive: bool) -> str:
    """What to do about a file's local times: those with an offset, and epochs, are else taken as
    they stand; in a part of a file the zone would move what is right."""
    known = "" if naive else ' and data.epochs = "local"'
    told = f"set data.zone to the zone of the file{known}, or give times in UTC"
    begin = _behind_shift(columns)
    if begin is None:
        return told
    return (
        f"{told}; from {iso(begin)} on they may be of another zone than before, "
        "where the price goes on over a gap, as over an outage: then give the rows before and "
        "after as a file each"
    )


def _behind_shift(columns: Columns) -> int | None:
    """Where candles go on behind the first gap of whole half hours, an hour at least, over which
    the price goes on; not of the hours that summer time skips."""
    time, step = columns.time, usual_step(columns.time)
    missing = np.abs(np.diff(time)) - step
    shifts = (missing % _HALF_HOUR_MS == 0) & (missing >= HOUR_MS) & (missing < ZONES_MS)
    oldest = np.unique(time)
    skipped = {int(oldest[i]) for i, _ in skipped_hours(oldest, step)}
    gaps = [i for i in np.flatnonzero(shifts).tolist() if int(min(time[i : i + 2])) not in skipped]
    return next((int(max(time[i : i + 2])) for i in gaps if goes_on(columns, step, i + 1)), None)


def timed_otherwise(columns: Columns, fault: Fault) -> Fault:
    """A fault of the order of rows, whose remedy is not to sort them where the price goes on from
    row to row: then the times are wrong, and sorted each would be that of another candle."""
    step, rows = usual_step(columns.time), fault.rows[:_LOOKED_AT].tolist()
    on = sum(goes_on(columns, step, row) for row in rows if row)
    if fault.remedy != SORT or on <= len(rows) / 2:
        return fault
    remedy = (
        "the price goes on from that row before: the times are wrong there, not the order of rows "
        "(day and month exchanged, as spreadsheets do, or another zone); mend the times"
    )
    return fault._replace(remedy=remedy)


_LOOKED_AT = 20


def _two_zones(columns: Columns, place: Place) -> str:
    """What to say of times, oldest first, that go back by hours while the price goes on; ""
    elsewhere."""
    time, step = columns.time, usual_step(columns.time)
    steps = np.diff(time)
    back = np.flatnonzero(steps < 0)
    if len(back) != 1 or len(time) < _FEW:
        return ""
    i, moved = int(back[0]), int(step - steps[back[0]])
    if moved > ZONES_MS or moved % _QUARTER_MS or not goes_on(columns, step, i + 1):
        return ""
    return (
        f"{place(i + 1)}: the times go back by {timeframe_name(moved)} there, while the price goes "
        "on: they are of two zones; give the rows of each as a file of its own, written anew by "
        f"data convert with its data.zone ({EPOCHS})"
    )
