"""C21: base candles walked by finer ones, on tables written by hand.

The base candles are quarter hours, their pieces five minutes. Nothing costs anything; both
sides are run, through the plain loop and Backtrader.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from stoptrail.rules.detail import Detail
from stoptrail.rules.paths import CANDLE, TICKS
from stoptrail.rules.types import CYCLE_EXIT
from tests.contract.engines import DETAILED
from tests.contract.seen import see
from tests.contract.tables import Table, mirrored, plan, table

FIVE = 300_000
SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   range 4: the stop is 8 away, at 92
"""
WIDE = SIGNAL + ".  100 106  95 104  10   entry at 100\n.  104 105 103 104  10"

Pieces = dict[int, list[tuple[float, float, float, float]]]
"""By row: the prices of its pieces, five minutes each from the candle's open on; those of SILENT
are not there."""
SILENT = (0.0, 0.0, 0.0, 0.0)


def detail_of(one: Table, rows: Pieces, sign: int) -> Detail:
    """The pieces as engines take them; those of a mirrored market upside down."""
    times, prices, first, last = [], [], [], []
    for i, opens in enumerate(one.candles.time.tolist()):
        first.append(len(times))
        for k, (open_, high, low, close) in enumerate(rows.get(one.row_of(i), [])):
            if not open_:
                continue
            times.append(opens + k * FIVE)
            turned = (200 - open_, 200 - low, 200 - high, 200 - close)
            prices.append((open_, high, low, close) if sign > 0 else turned)
        last.append(len(times))
    columns = np.array(prices, np.float64).reshape(-1, 4).T
    return Detail(_ints(times), *map(np.ascontiguousarray, columns), _ints(first), _ints(last))


def _ints(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


class Walked(NamedTuple):
    """What became of the only trade, as the long that the table describes."""

    exit: int | None
    """Row of the exit."""
    minute: int | None
    """Minutes from the open of that row."""
    price: float
    reason: str
    levels: list[tuple[int, float, str]]


class Walker(NamedTuple):
    """An engine on one side of the market."""

    name: str
    sign: int

    def run(self, text: str, rows: Pieces, **numbers: float) -> Walked:
        """The only trade of the table whose rows have these pieces."""
        market = table(text) if self.sign > 0 else mirrored(table(text))
        detail = detail_of(market, rows, self.sign)
        record = DETAILED[self.name](market.candles, 0, plan(market, **numbers), detail)
        one = see(record, market).one
        minute = None
        if one.exit is not None:
            opened = int(market.candles.time[record.trades.exit[0]])
            minute = (int(record.trades.exit_time[0]) - opened) // 60_000
        rows_there = len(market.candles.time)
        levels = [(int(r), self._own(x), why) for r, x, why in one.levels if r < rows_there]
        return Walked(one.exit, minute, self._own(one.price), one.reason, levels)

    def _own(self, price: float) -> float:
        return round(price if self.sign > 0 else 200.0 - price, 9)


@pytest.fixture(params=[(name, sign) for name in DETAILED for sign in (1, -1)], ids=str)
def walker(request: pytest.FixtureRequest) -> Walker:
    return Walker(*request.param)


UP_FIRST: Pieces = {2: [(100, 106, 99, 105), (105, 105, 95, 104)]}
DOWN_FIRST: Pieces = {2: [(100, 101, 95, 96), (96, 106, 96, 104)]}


def test_by_ticks_a_rise_first_moves_the_stop_that_the_fall_then_hits(walker: Walker) -> None:
    """At 106 the stop follows to 98; the next piece opens above it and falls to 95, a tick."""
    seen = walker.run(WIDE, UP_FIRST, path=TICKS)
    assert (seen.exit, seen.minute, seen.price, seen.reason) == (2, 5, 95.0, "trail")
    assert seen.levels == [(2, 92.0, "initial"), (2, 98.0, "trail")]


def test_by_ticks_a_level_tells_the_price_that_set_it(walker: Walker) -> None:
    """106 sets 98; a close sets none of the others."""
    market = table(WIDE) if walker.sign > 0 else mirrored(table(WIDE))
    detail = detail_of(market, UP_FIRST, walker.sign)
    stops = DETAILED[walker.name](market.candles, 0, plan(market, path=TICKS), detail).stops
    assert [walker._own(price) for price in stops.price[stops.tick > 0]] == [106.0]
    assert not stops.price[stops.tick == 0].any()


def test_by_ticks_a_fall_first_meets_the_earlier_level(walker: Walker) -> None:
    seen = walker.run(WIDE, DOWN_FIRST, path=TICKS)
    assert seen.exit is None
    assert (2, 98.0, "trail") in seen.levels


@pytest.mark.parametrize("rows", [UP_FIRST, DOWN_FIRST])
def test_at_closes_the_order_of_pieces_does_not_move_the_stop(walker: Walker, rows: Pieces) -> None:
    """Range 11: the candidate 106 - 22 stays behind 92."""
    assert walker.run(WIDE, rows, path=CANDLE).levels == [(2, 92.0, "initial")]


STOPPED = SIGNAL + ".  100 103  90 99  10   entry at 100, stop 92"


def test_the_stop_of_the_entry_candle_is_hit_in_its_piece(walker: Walker) -> None:
    rows: Pieces = {2: [(100, 103, 100, 101), (101, 101, 93, 94), (94, 99, 90, 99)]}
    at_closes = walker.run(STOPPED, rows, path=CANDLE)
    assert (at_closes.exit, at_closes.minute, at_closes.price) == (2, 10, 92.0)


def test_a_gap_between_pieces_fills_at_the_open_of_the_piece(walker: Walker) -> None:
    rows: Pieces = {2: [(100, 103, 99, 101), (91, 99, 90, 99)]}
    assert walker.run(STOPPED, rows, path=CANDLE).price == 91.0
    assert walker.run(STOPPED, rows, path=TICKS).price == 91.0


def test_by_ticks_a_crossing_fills_at_its_own_price(walker: Walker) -> None:
    """The tick at 90 is the first below 92; without ticks the level is what was crossed."""
    rows: Pieces = {2: [(100, 101, 99, 99), (99, 103, 90, 99)]}
    assert walker.run(STOPPED, rows, path=TICKS).price == 90.0
    assert walker.run(STOPPED, rows, path=CANDLE).price == 92.0


def test_missing_pieces_are_pieces_without_trades(walker: Walker) -> None:
    """The middle five minutes had no trade: what is there still makes up the candle."""
    rows: Pieces = {2: [(100, 106, 99, 105)], 3: [(104, 105, 103, 104)]}
    text = SIGNAL + ".  100 106  99 105  10\n.  104 105 103 104  10"
    assert walker.run(text, rows, path=TICKS).levels[-1] == (2, 98.0, "trail")


def test_a_candle_without_pieces_is_walked_whole(walker: Walker) -> None:
    """No tick of row 2 is known: its stop is tested on the candle and moves at its close."""
    for path in (CANDLE, TICKS):
        seen = walker.run(STOPPED, {}, path=path)
        assert (seen.exit, seen.minute, seen.price) == (2, 0, 92.0)
    assert walker.run(WIDE, {}, path=TICKS).levels[0] == (2, 92.0, "initial")


def test_breakeven_is_placed_at_the_first_tick_beyond_it(walker: Walker) -> None:
    text = SIGNAL + ".  100 104  97 103  10   armed at 104, then back through 100"
    numbers = {"multiplier": 4.0, "breakeven_trigger": 1.0}
    up: Pieces = {2: [(100, 104, 100, 104), (104, 104, 97, 103)]}
    seen = walker.run(text, up, path=TICKS, **numbers)
    assert (seen.exit, seen.minute, seen.price, seen.reason) == (2, 5, 97.0, "breakeven")
    down: Pieces = {2: [(100, 101, 97, 98), (98, 104, 98, 103)]}
    assert walker.run(text, down, path=TICKS, **numbers).exit is None


def test_a_silent_candle_fills_nothing_whatever_its_pieces_say(walker: Walker) -> None:
    text = SIGNAL + ".  100 101 97 100  10\n.  100 140 60 100   0"
    rows: Pieces = {3: [(100, 140, 60, 100)]}
    for path in (CANDLE, TICKS):
        assert walker.run(text, rows, path=path).exit is None


@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_a_baseline_leaves_in_the_first_piece(walker: Walker, path: int) -> None:
    """Nothing was traded in the first five minutes of the candle that it leaves in."""
    rows: Pieces = {3: [SILENT, (103, 104, 102, 102), (102, 103, 102, 103)]}
    text = SIGNAL + "D  100 101  99 100  10\n.  103 104 102 103  10"
    seen = walker.run(text, rows, path=path, exits=CYCLE_EXIT)
    assert (seen.exit, seen.minute, seen.price, seen.reason) == (3, 5, 103.0, "cycle")


def test_a_short_pays_borrow_until_the_piece_of_its_exit() -> None:
    """100 minutes of a day at 24 % a day: five minutes into the second candle held."""
    market = mirrored(table(SIGNAL + ".  100 101 99 100  10\n.  100 103  90 99  10"))
    rows: Pieces = {3: [(100, 103, 99, 100), (100, 100, 90, 99)]}
    detail = detail_of(market, rows, -1)
    for name, engine in DETAILED.items():
        record = engine(market.candles, 0, plan(market, path=CANDLE, borrow_daily=0.0024), detail)
        minutes = (int(record.trades.exit_time[0]) - int(record.trades.entry_time[0])) / 60_000
        notional = record.trades.units[0] * record.trades.fill[0]
        assert minutes == 20, name
        expected = notional * 0.0024 * minutes / 1440
        assert record.trades.borrow[0] == pytest.approx(expected, rel=1e-12), name
