"""C20 and C19 by mark prices: they say when a position is liquidated, the market's own candle at
what price.

As in test_liquidation.py: 1,125 units bought at 100 on row 2 with all of 10,000 at stake, so that
the account is gone at 100 - 10,000 / 1,125 = 91.11, below the stop at 92; once a row of 1.2 % is
paid at 00:45 it is gone at 92.311, before the stop.
"""

import numpy as np
import pytest

from stoptrail.backtest.plan import Record
from stoptrail.rules.funding import FundingRows, funding_of, funding_rows, marks_of
from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST, TICKS
from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.types import CYCLE_EXIT
from tests.contract.engines import DETAILED, LOOPS
from tests.contract.seen import Engine, Seen, Trade, see
from tests.contract.tables import MIDNIGHT, Table, mirrored, plan, table
from tests.contract.test_detail import Pieces, detail_of
from tests.contract.test_liquidation import (
    CASH,
    FREE,
    LEVERED,
    PAID,
    QUIET,
    SIGNAL,
    UNITS,
    at,
    expect,
)

STILL = ".  100 100 100 100  0\n" * 3
"""Mark prices up to the entry, without volume as no mark has any."""


def marked(*rows: str) -> Table:
    """Mark candles from row 3 on: open, high, low, close; or `-` for one that is missing."""
    lines = ["- \n" if row == "-" else f". {row} 0\n" for row in rows]
    return table(STILL + "".join(lines))


def paying(either: Engine, market: str, marks: Table, **numbers: object) -> Seen:
    """A run whose position is gone at 92.311 from row 3 on."""
    rows, given = at(3.0, 0.012 * either.sign), {**PAID, **numbers}
    return either.run(table(SIGNAL + QUIET + market), rows=rows, marks=marks, **given)


BEFORE = "100 100 99 100"


def test_a_wick_that_the_mark_does_not_follow_liquidates_nothing(either: Engine) -> None:
    """The market falls to 92.2, below 92.311 and above the stop; its mark to 93."""
    wick = QUIET + ".  100 100 92.2 100  10\n"
    seen = paying(either, wick, marked(BEFORE, "100 100 93 100"))
    assert seen.one.exit is None
    expect(paying(either, wick, None).one, 4, 92.31, "liquidated")  # type: ignore[arg-type]


def test_the_stop_fills_where_the_mark_does_not_reach(either: Engine) -> None:
    """Beyond the price of the liquidation as it is, at its own level."""
    fall = QUIET + ".  100 100 91 100  10\n"
    expect(paying(either, fall, marked(BEFORE, "100 100 93 100")).one, 4, 92.0, "initial")


def test_the_mark_reaches_and_the_market_trades_at_that_price(either: Engine) -> None:
    fall = QUIET + ".  100 100 92.1 100  10\n"
    expect(paying(either, fall, marked(BEFORE, "99 99 92.3 95")).one, 4, 92.31, "liquidated")


def test_the_mark_reaches_and_the_market_fills_at_its_lowest(either: Engine) -> None:
    """It never trades at 92.311: what it came nearest to is what there is."""
    seen = paying(either, QUIET + ".  100 100 96.5 100  10\n", marked(BEFORE, "99 99 92 95"))
    expect(seen.one, 4, 96.5, "liquidated")
    assert seen.one.pnl == pytest.approx(UNITS * (96.5 - 100.0 - 1.2))


def test_the_mark_reaches_while_the_market_has_opened_beyond(either: Engine) -> None:
    """Opened at 92.2, below 92.311: at that open, as after any gap."""
    seen = paying(either, QUIET + ".  92.2 95 92.1 95  10\n", marked(BEFORE, "93 96 92 95"))
    expect(seen.one, 4, 92.2, "liquidated")


def test_a_mark_that_opens_beyond_fills_at_the_markets_open(either: Engine) -> None:
    seen = paying(either, QUIET + ".  97 98 96 97  10\n", marked(BEFORE, "92 96 91 95"))
    expect(seen.one, 4, 97.0, "liquidated")


def test_a_touch_of_the_mark_is_enough(either: Engine) -> None:
    """A payment of 9,000 leaves 1,000 of 10,000: gone at 99.111; a multiple of a half is 99.5."""
    rows = at(3.0, 0.084444444 * either.sign)
    gone = 100.0 - (CASH - 0.084444444 * UNITS * 100.0) / UNITS
    market = table(SIGNAL + QUIET.replace("99", "99.9") * 3)
    for low, reason in ((gone, "liquidated"), (gone + 0.01, "open")):
        marks = marked("100 100 100 100", f"100 100 {low:.12f} 100", "100 100 100 100")
        seen = either.run(market, rows=rows, marks=marks, **PAID).one
        assert (seen.reason if seen.exit else "open") == reason


def test_the_stop_comes_first_where_it_lies_before_and_both_are_met(either: Engine) -> None:
    """Nothing was paid: the account is gone at 91.11, the stop is at 92."""
    fall = table(SIGNAL + QUIET + ".  100 100 91.5 95  10\n")
    seen = either.run(fall, marks=marked("100 100 90 95"), **LEVERED)
    expect(seen.one, 3, 92.0, "initial")


def test_the_mark_alone_liquidates_before_a_stop_that_lies_before(either: Engine) -> None:
    """The market stays above the stop at 92; its mark goes to 91."""
    fall = table(SIGNAL + QUIET + ".  100 100 93 95  10\n")
    expect(either.run(fall, marks=marked("100 100 91 95"), **LEVERED).one, 3, 93.0, "liquidated")


def test_what_the_open_passes_comes_before_what_the_candle_reaches(either: Engine) -> None:
    """The mark opens beyond 91.11, the market reaches its stop later; and the other way round."""
    later = table(SIGNAL + QUIET + ".   95  96  91  95  10\n")
    expect(either.run(later, marks=marked("91 96 90 95"), **LEVERED).one, 3, 95.0, "liquidated")
    opened = table(SIGNAL + QUIET + ".  91.5  96  91  95  10\n")
    expect(either.run(opened, marks=marked("95 96 90 95"), **LEVERED).one, 3, 91.5, "initial")
    both = table(SIGNAL + QUIET + ".  91.5  96  91  95  10\n")
    expect(either.run(both, marks=marked("90 96 90 95"), **LEVERED).one, 3, 91.5, "initial")


def test_an_open_beyond_the_stop_is_the_stops_though_the_liquidation_lies_before_it(
    either: Engine,
) -> None:
    """The account is gone at 92.311; the market opens at 91.9, its mark at 93 and falls later."""
    seen = paying(either, QUIET + ".  91.9 95 91.8 95  10\n", marked(BEFORE, "93 96 92 95"))
    expect(seen.one, 4, 91.9, "initial")
    both = paying(either, QUIET + ".  91.9 95 91.8 95  10\n", marked(BEFORE, "92 96 92 95"))
    expect(both.one, 4, 91.9, "liquidated")


def test_a_liquidation_comes_before_a_target(either: Engine) -> None:
    wide = QUIET + ".  100 109 96 100  10\n"
    seen = paying(either, wide, marked(BEFORE, "100 105 92 100"), target=1.0)
    expect(seen.one, 4, 96.0, "liquidated")
    won = paying(either, wide, marked(BEFORE, "100 105 93 100"), target=1.0)
    expect(won.one, 4, 108.0, "target")


def test_an_order_to_leave_fills_before_what_the_candle_reaches(either: Engine) -> None:
    """It waits for the open of row 4, at which the market has passed the liquidation at 92.311 and
    the mark has not."""
    numbers = {"time_hours": 0.25}
    late = ".  92.2 95 92.1 95  10\n"
    seen = paying(either, QUIET + late, marked(BEFORE, "93 96 92 95"), **numbers)
    assert seen.one.reason == "time"


def test_without_volume_no_mark_liquidates(either: Engine) -> None:
    silent = QUIET + ".  100 100 99 100  0\n.  100 100 99 100  10\n"
    seen = paying(either, silent, marked(BEFORE, "92 92 91 92", BEFORE))
    assert seen.one.exit is None


def test_where_a_mark_is_missing_the_markets_own_prices_count(either: Engine) -> None:
    wick = QUIET + ".  100 100 92.2 100  10\n"
    seen = paying(either, wick, marked(BEFORE, "-", BEFORE))
    expect(seen.one, 4, 92.31, "liquidated")


def test_on_the_entry_candle_the_mark_counts_too(either: Engine) -> None:
    market = table(SIGNAL + QUIET * 2)
    inside = table(STILL[: len(STILL) * 2 // 3] + ".  100 100 91 95 0\n")
    expect(either.run(market, marks=inside, **LEVERED).one, 2, 99.0, "liquidated")
    opened = table(STILL[: len(STILL) * 2 // 3] + ".  91 100 91 95 0\n")
    expect(either.run(market, marks=opened, **LEVERED).one, 2, 100.0, "liquidated")


def test_marks_that_are_the_markets_own_change_nothing(either: Engine) -> None:
    fall = SIGNAL + QUIET * 2 + ".  100 100  91 100  10\n"
    rows = at(3.0, 0.012 * either.sign)
    one, other = (
        either.run(table(fall), rows=rows, marks=marks, **PAID) for marks in (None, table(fall))
    )
    assert one.trades == other.trades
    assert one.one.reason == "liquidated"


def test_the_baseline_is_liquidated_by_the_mark(either: Engine) -> None:
    legacy = {"exits": CYCLE_EXIT, "kind": ALL_IN, "max_leverage": 20.0, "margin": FREE}
    legacy["margin"] = FREE._replace(checked=False)
    market = table(SIGNAL + QUIET + ".  100 101  94 100  10\n" + QUIET)
    kept = either.run(market, marks=marked("100 100 96 100", BEFORE), **legacy)
    assert kept.one.exit is None
    gone = either.run(market, marks=marked("100 100 94 100", BEFORE), **legacy)
    expect(gone.one, 3, 95.0, "liquidated")


def test_a_part_that_left_at_its_target_moves_the_price(either: Engine) -> None:
    """A half leaves at 108 and wins 4,500: 562.5 units have 14,500 behind them, gone at 74.22."""
    wins = ".  100 109 100 100  10\n"
    market = table(SIGNAL + wins + QUIET * 2)
    numbers = {**LEVERED, "scale_out": [(1.0, 0.5)]}
    kept = either.run(market, marks=marked("100 100 75 100", BEFORE), **numbers)
    assert kept.one.exit is None
    gone = either.run(market, marks=marked("100 100 74 100", BEFORE), **numbers)
    assert (gone.one.exit, gone.one.reason) == (3, "liquidated")


# Funding (C19)


def test_a_row_without_a_price_takes_the_open_of_the_mark_candle(either: Engine) -> None:
    """Row 3 opens with the mark at 99.5; the close before it was 100."""
    market, rows = table(SIGNAL + QUIET * 3), at(3.0, 0.01 * either.sign)
    marks = marked("99.5 100 99 100", BEFORE, BEFORE)
    price = 99.5 if either.sign > 0 else 100.5
    seen = either.run(market, rows=rows, marks=marks, **PAID).one
    assert seen.funding == pytest.approx(-0.01 * either.sign * UNITS * price * either.sign)
    own = rows._replace(price=np.array([98.0]))
    seen = either.run(market, rows=own, marks=marks, **PAID).one
    assert seen.funding == pytest.approx(-0.01 * UNITS * 98.0)


def test_a_row_at_a_missing_mark_candle_takes_the_last_close(engine: Engine) -> None:
    market, rows = table(SIGNAL + QUIET * 3), at(4.0, 0.01)
    seen = engine.run(market, rows=rows, marks=marked(BEFORE, "-", BEFORE), **PAID).one
    assert seen.funding == pytest.approx(-0.01 * UNITS * 100.0)


def test_a_row_within_a_base_candle_takes_the_open_of_the_finer_mark() -> None:
    """Base candles of 15 minutes, marks of 5: the row at 00:50 has one that opens then."""
    market = table(SIGNAL + QUIET * 3)
    finer = table(".  100 100 100 100 0\n" * 10 + ".  99 99 97 98 0\n" * 8, interval=300_000)
    rows = funding_rows([MIDNIGHT + 10 * 300_000], [0.01])
    sums = funding_of(rows, market.candles, marks=finer.candles)
    assert sums.total[-1] == pytest.approx(0.01 * 99.0)


# Shorter mark candles


def test_shorter_marks_are_put_together_where_all_of_them_are_there() -> None:
    market = table(SIGNAL + QUIET * 2)
    finer = table(
        """
        .  100 101 100 100 0
        .  100 100  97  98 0
        .   98  99  98  99 0
        -
        .  100 100 100 100 0
        .  100 100 100 100 0
        .   99  99  99  99 0
        .   99  99  99  99 0
        .   99 102  99 101 0
        """,
        interval=300_000,
    )
    found = marks_of(market.candles, finer.candles)
    assert found[0].tolist() == [100.0, 101.0, 97.0, 99.0]
    assert np.isnan(found[1]).all()
    assert found[2].tolist() == [99.0, 102.0, 99.0, 101.0]
    assert np.isnan(found[3]).all()


# Within a candle


def loop(name: str, market: Table, marks: Table, rows: FundingRows, sign: int, **numbers: object):  # type: ignore[no-untyped-def]
    """The only trade of a loop, of a long's table or of its mirror image."""
    one, by = (market, marks) if sign > 0 else (mirrored(market), mirrored(marks))
    funding = funding_of(rows, one.candles, marks=by.candles)
    record: Record = LOOPS[name](one.candles, 0, plan(one, **numbers), funding=funding)  # type: ignore[arg-type]
    trade: Trade = see(record, one, paths=False).one
    return trade if sign > 0 else trade._replace(price=200.0 - trade.price)


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("sign", [1, -1])
def test_along_a_path_the_mark_moves_in_the_order_of_the_candle(name: str, sign: int) -> None:
    """A target at 108; the mark's low comes before it or after it, and the market is at 96 then."""
    market = table(SIGNAL + QUIET * 2 + ".  100 109  96 100  10")
    marks, rows = marked(BEFORE, "100 108 92 100"), at(3.0, 0.012 * sign)
    for path in (HIGH_FIRST, LOW_FIRST):
        own = path if sign > 0 else HIGH_FIRST + LOW_FIRST - path
        trade = loop(name, market, marks, rows, sign, **{**PAID, "target": 1.0, "path": own})
        reason, price = ("target", 108.0) if path == HIGH_FIRST else ("liquidated", 96.0)
        expect(trade, 4, price, reason)


@pytest.mark.parametrize("name", DETAILED)
@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_the_mark_is_furthest_out_in_the_piece_where_the_market_is(name: str, path: int) -> None:
    """The market falls to 95 in one piece, its mark in the candle to 92; the target is in the
    other."""
    market, marks = (
        table(SIGNAL + QUIET * 2 + ".  100 109  95 100  10"),
        marked(BEFORE, "100 105 92 100"),
    )
    up, down = (100.0, 109.0, 100.0, 100.0), (100.0, 100.0, 95.0, 100.0)
    for order, reason, price in (([up, down], "target", 108.0), ([down, up], "liquidated", 95.0)):
        pieces: Pieces = {4: order}  # type: ignore[dict-item]
        numbers = {**PAID, "target": 1.0, "path": path}
        funding = funding_of(at(3.0, 0.012), market.candles, marks=marks.candles)
        record = DETAILED[name](
            market.candles, 0, plan(market, **numbers), detail_of(market, pieces, 1), funding
        )
        expect(see(record, market).one, 4, price, reason)


@pytest.mark.parametrize("name", DETAILED)
def test_the_mark_opens_with_the_first_piece(name: str) -> None:
    market, marks = table(SIGNAL + QUIET * 2 + ".  97 99  95 98  10"), marked(BEFORE, "92 99 92 98")
    pieces: Pieces = {4: [(97.0, 99.0, 97.0, 99.0), (99.0, 99.0, 95.0, 98.0)]}
    funding = funding_of(at(3.0, 0.012), market.candles, marks=marks.candles)
    record = DETAILED[name](
        market.candles, 0, plan(market, **PAID), detail_of(market, pieces, 1), funding
    )
    expect(see(record, market).one, 4, 97.0, "liquidated")
