"""C20: where an account cannot hold its position any more, the exchange closes it.

N * ATR = 8 at an entry of 100, on row 2. With 90 % at risk of 10,000 the size is 1,125 units,
112,500 of notional, and the account is gone at 100 - 10,000 / 1,125 = 91.11: below the stop at 92
until funding, borrow or a gap brings it nearer.
"""

import numpy as np
import pytest

from stoptrail.backtest.plan import Record
from stoptrail.rules.funding import FundingRows, funding_of, funding_rows
from stoptrail.rules.margin import Margin
from stoptrail.rules.measure import worth
from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST, TICKS
from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.stops import NO_TRAIL, Entry
from stoptrail.rules.trade import Position
from stoptrail.rules.types import CYCLE_EXIT
from tests.contract.engines import DETAILED, LOOPS
from tests.contract.seen import Engine, Trade, see
from tests.contract.tables import MIDNIGHT, QUARTER_HOUR, Table, mirrored, plan, table
from tests.contract.test_detail import Pieces, detail_of

UNITS, CASH = 1125.0, 10_000.0
POSITION = Position(Entry(1, 100.0, 0, 4.0), UNITS, 0.0)
SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   ATR 4
"""
QUIET = ".  100 100  99 100  10\n"
FLAT = ".  100 100 100 100  10\n"
FALL = ".  100 100  91 100  10\n"
FREE = Margin(0.0, True, True, 0.0)
"""Nothing has to stay, and a liquidation is free."""
LEVERED = {"risk_per_trade": 0.9, "frozen": True, "trail": NO_TRAIL, "margin": FREE}
PAID = {**LEVERED, "funding": 1.0}


def at(row: float, rate: float) -> FundingRows:
    """A row so many candles after midnight."""
    return funding_rows([MIDNIGHT + round(row * QUARTER_HOUR)], [rate])


def expect(trade: Trade, row: int, price: float, reason: str) -> None:
    assert (trade.exit, trade.price, trade.reason) == (row, pytest.approx(price), reason)


def test_the_stop_comes_first_where_it_lies_before(either: Engine) -> None:
    expect(either.run(table(SIGNAL + QUIET + FALL), **LEVERED).one, 3, 92.0, "initial")


def test_a_gap_through_both_is_the_stops(either: Engine) -> None:
    gap = either.run(table(SIGNAL + QUIET + ".   80  81  79  80  10"), **LEVERED).one
    expect(gap, 3, 80.0, "initial")
    assert (gap.pnl, gap.shortfall) == (-CASH, pytest.approx(UNITS * 20.0 - CASH))


def test_funding_brings_the_price_before_the_stop(either: Engine) -> None:
    """It pays 1,350, 1.2 a unit: what is left is gone at 92.32 (rounded down for the sale)."""
    rows = at(3.0, 0.012 * either.sign)
    trade = either.run(table(SIGNAL + QUIET * 2 + FALL), rows=rows, **PAID).one
    left = 100.0 - (CASH - 0.012 * UNITS * 100.0) / UNITS
    expect(trade, 4, np.floor(100 * left) / 100, "liquidated")
    assert trade.pnl == -CASH
    assert 0.0 <= trade.shortfall < 0.01 * UNITS


def test_a_touch_is_enough_and_a_tick_above_is_not(either: Engine) -> None:
    rows, before = at(3.0, 0.0125 * either.sign), SIGNAL + QUIET * 2
    # 10,000 - 1,406.25 = 8,593.75 are gone 7.63888 lower: at 92.361.
    low = either.run(table(before + ".  100 100 92.36 100  10"), rows=rows, **PAID).one
    expect(low, 4, 92.36, "liquidated")
    still = either.run(table(before + ".  100 100 92.37 100  10"), rows=rows, **PAID).one
    assert still.exit is None


def test_after_a_gap_it_is_closed_at_the_open(either: Engine) -> None:
    rows = at(3.0, 0.012 * either.sign)
    gap = either.run(table(SIGNAL + QUIET * 2 + ".   90  91  89  90  10"), rows=rows, **PAID).one
    expect(gap, 4, 90.0, "liquidated")
    assert gap.shortfall == pytest.approx(UNITS * (10.0 + 1.2) - CASH)
    assert gap.pnl == -CASH


def test_funding_alone_liquidates_at_the_open_of_its_candle(engine: Engine) -> None:
    """11,250 at 00:45 are more than there is, whatever the price does."""
    trade = engine.run(table(SIGNAL + QUIET * 3), rows=at(3.0, 0.1), **PAID).one
    expect(trade, 3, 100.0, "liquidated")
    assert trade.funding == pytest.approx(-11_250.0)
    assert (trade.pnl, trade.shortfall) == (-CASH, pytest.approx(1250.0))


def test_a_short_is_liquidated_by_a_negative_rate_alone(engine: Engine) -> None:
    short = SIGNAL.replace("    L", "    S") + ".  100 101 100 100  10\n" * 3
    trade = engine.run(table(short), rows=at(3.0, -0.1), **PAID).one
    expect(trade, 3, 100.0, "liquidated")
    assert (trade.pnl, trade.shortfall) == (-CASH, pytest.approx(1250.0))


def test_a_row_within_the_candle_counts_for_all_of_it(engine: Engine) -> None:
    trade = engine.run(table(SIGNAL + QUIET * 3), rows=at(3.4, 0.1), **PAID).one
    expect(trade, 3, 100.0, "liquidated")


def test_the_maintenance_margin_has_to_stay(engine: Engine) -> None:
    """0.5 % of 112,500 at 100: with 9,450 of 10,000 paid less than that is left."""
    numbers = {**PAID, "margin": Margin(0.005, True, True, 0.0)}
    kept = engine.run(table(SIGNAL + FLAT * 3), rows=at(3.0, 0.083), **numbers).one
    assert kept.exit is None
    closed = engine.run(table(SIGNAL + FLAT * 3), rows=at(3.0, 0.084), **numbers).one
    expect(closed, 3, 100.0, "liquidated")
    assert closed.pnl == pytest.approx(-0.084 * UNITS * 100.0)
    assert closed.shortfall == 0.0


@pytest.mark.parametrize("fee", [0.005, 0.002])
def test_slippage_the_takers_fee_and_that_of_the_liquidation_are_paid(
    engine: Engine, fee: float
) -> None:
    """625 units bought at 101; 6,250 are paid; what is left is gone at 95.6."""
    costs = {"taker_fee": 0.001, "slippage": 0.01, "risk_per_trade": 0.5}
    numbers = {**PAID, **costs, "margin": Margin(0.005, True, True, fee)}
    trade = engine.run(table(SIGNAL + QUIET * 2 + FALL), rows=at(3.0, 0.1), **numbers).one
    entry, out = 625.0 * 101.0, 625.0 * trade.price
    gone = (entry + 0.001 * entry + 6250.0 - CASH) / (625.0 * 0.995)
    expect(trade, 4, np.floor(100 * 0.99 * gone) / 100, "liquidated")
    assert trade.fees == pytest.approx(0.001 * entry + (0.001 + fee) * out)


def test_the_fee_is_the_maintenance_rate_by_default(engine: Engine) -> None:
    numbers = {**PAID, "margin": Margin(0.005, True, True)}
    trade = engine.run(table(SIGNAL + FLAT * 3), rows=at(3.0, 0.084), **numbers).one
    assert trade.fees == pytest.approx(0.005 * UNITS * 100.0)


def test_tiers_ask_more_of_a_larger_position(engine: Engine) -> None:
    """0.4 % up to 50,000, 1 % of what is beyond: 825 of 112,500, which is the fee too."""
    numbers = {**PAID, "margin": Margin(0.004, True, True), "tiers": ((0.0, 0.004), (5e4, 0.01))}
    kept = engine.run(table(SIGNAL + FLAT * 3), rows=at(3.0, 0.0815), **numbers).one
    assert kept.exit is None  # 831.25 are left
    closed = engine.run(table(SIGNAL + FLAT * 3), rows=at(3.0, 0.0816), **numbers).one
    expect(closed, 3, 100.0, "liquidated")  # 820
    assert closed.fees == pytest.approx(825.0, rel=1e-3)


def test_an_entry_is_tested_against_the_tiers_too(engine: Engine) -> None:
    numbers = {**LEVERED, "margin": Margin(0.005, True, True)}
    market = table(SIGNAL + QUIET * 2)
    assert len(engine.run(market, **numbers).trades) == 1
    seen = engine.run(market, tiers=((0.0, 0.005), (9e4, 0.2)), **numbers)
    assert seen.ignored == {"size": 1}


def test_borrow_eats_up_the_margin_of_a_short_on_spot(engine: Engine) -> None:
    """10 % a day, of 112,500: 0.1042 a unit and candle. The account is gone at 108.89, two candles
    later at 108.68; from the ninth on that is at 107.95, before the stop at 108."""
    start = SIGNAL.replace("    L", "    S")
    quiet = ".  100 100.5 100 100  10\n"
    numbers = {**LEVERED, "borrow_daily": 0.1}
    for candles, reason in ((2, "initial"), (10, "liquidated")):
        market = table(start + quiet * candles + ".  100 109 100 100  10")
        trade = engine.run(market, **numbers).one
        assert (trade.exit, trade.reason) == (2 + candles, reason)
    gone = 100.0 + CASH / UNITS - 0.1 * 100.0 * 10 / 96
    assert trade.price == pytest.approx(np.ceil(100 * gone) / 100)


def test_a_candle_without_volume_liquidates_nothing(engine: Engine) -> None:
    market = table(SIGNAL + QUIET + ".  100 100  99 100  0\n" + QUIET)
    trade = engine.run(market, rows=at(3.0, 0.1), **PAID).one
    expect(trade, 4, 100.0, "liquidated")


def test_the_baseline_is_liquidated_where_it_has_no_stop(either: Engine) -> None:
    legacy = {"exits": CYCLE_EXIT, "kind": ALL_IN, "max_leverage": 20.0}
    legacy["margin"] = Margin(0.0, False, True, 0.0)
    inside = either.run(table(SIGNAL + QUIET + ".  100 101  94 100  10"), **legacy).one
    expect(inside, 3, 95.0, "liquidated")
    assert (inside.pnl, inside.shortfall) == (pytest.approx(-CASH), pytest.approx(0.0, abs=1e-6))
    gap = either.run(table(SIGNAL + QUIET + ".   40  41  39  40  10"), **legacy).one
    expect(gap, 3, 40.0, "liquidated")
    assert gap.shortfall == pytest.approx(2000.0 * 60.0 - CASH)


def test_at_the_open_the_baseline_is_liquidated_before_it_leaves(either: Engine) -> None:
    legacy = {"exits": CYCLE_EXIT, "kind": ALL_IN, "max_leverage": 20.0}
    legacy["margin"] = Margin(0.0, False, True, 0.0)
    turned = SIGNAL + "D  100 101  99 100  10\n"
    expect(
        either.run(table(turned + ".   94  95  93  94  10"), **legacy).one, 3, 94.0, "liquidated"
    )
    expect(either.run(table(turned + ".   96  97  90  94  10"), **legacy).one, 3, 96.0, "cycle")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", DETAILED)
@pytest.mark.parametrize(
    ("pieces", "prices", "minute"),
    [
        ([(100, 101, 96, 96), (96, 96, 93, 94)], {CANDLE: 95.0, TICKS: 93.0}, 5),
        ([(100, 101, 96, 97), (94, 96, 93, 94)], {CANDLE: 94.0, TICKS: 94.0}, 5),
    ],
)
def test_a_baseline_is_liquidated_within_a_piece(
    name: str,
    sign: int,
    pieces: list[tuple[int, int, int, int]],
    prices: dict[int, float],
    minute: int,
) -> None:
    """At 20 times it is gone at 95: there, or where a piece or a tick lies beyond (C21)."""
    legacy = {"exits": CYCLE_EXIT, "kind": ALL_IN, "max_leverage": 20.0}
    one = table(SIGNAL + QUIET + ".  100 101  93  94  10")
    one = one if sign > 0 else mirrored(one)
    detail = detail_of(one, {3: [*pieces]}, sign)
    for path, price in prices.items():
        given = plan(one, path=path, margin=Margin(0.0, False, True, 0.0), **legacy)
        record = DETAILED[name](one.candles, 0, given, detail)
        seen = see(record, one).one
        assert (seen.exit, seen.reason) == (3, "liquidated")
        assert seen.price == pytest.approx(price if sign > 0 else 200.0 - price)
        opened = one.candles.time[record.trades.exit[0]]
        assert record.trades.exit_time[0] - opened == minute * 60_000


def test_what_a_part_has_won_keeps_the_rest_alive(either: Engine) -> None:
    """A half leaves at 108 and wins 4,500; the rest pays 6,750 and has 7,750 left: 13.8 a unit."""
    wins = ".  100 109 100 100  10\n"
    rows, numbers = at(4.0, 0.12 * either.sign), {**PAID, "scale_out": [(1.0, 0.5)]}
    parted = either.run(table(SIGNAL + wins + QUIET * 2 + FALL), rows=rows, **numbers).one
    expect(parted, 5, 100.0, "initial")
    whole = either.run(table(SIGNAL + wins + QUIET * 2 + FALL), rows=rows, **PAID).one
    expect(whole, 4, 100.0, "liquidated")


def test_an_empty_account_makes_no_more_trades(engine: Engine) -> None:
    again = "L  100 101  99 100  10\n" + QUIET
    seen = engine.run(table(SIGNAL + QUIET * 2 + again), rows=at(3.0, 0.1), **PAID)
    assert [trade.reason for trade in seen.trades] == ["liquidated"]
    assert seen.ignored == {"size": 1}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("path", [HIGH_FIRST, LOW_FIRST])
def test_along_a_path_prices_come_in_their_order(name: str, path: int) -> None:
    """A target at 108 and a liquidation at 92.32 within one candle."""
    market = table(SIGNAL + QUIET * 2 + ".  100 109  92 100  10")
    numbers = {**PAID, "target": 1.0, "path": path}
    seen = run(LOOPS[name], market, at(3.0, 0.012), numbers)
    reason, price = ("target", 108.0) if path == HIGH_FIRST else ("liquidated", 92.31)
    expect(seen, 4, price, reason)


def run(call: object, market: Table, rows: FundingRows, numbers: dict[str, object]) -> Trade:
    """The only trade of an engine."""
    funding = funding_of(rows, market.candles)
    record: Record = call(market.candles, 0, plan(market, **numbers), funding=funding)  # type: ignore[operator]
    return see(record, market, paths=False).one


@pytest.mark.parametrize("name", DETAILED)
@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_finer_candles_say_whether_the_target_came_before(name: str, path: int) -> None:
    market = table(SIGNAL + QUIET * 2 + ".  100 109  92 100  10")
    up, down = (100.0, 109.0, 100.0, 100.0), (100.0, 100.0, 92.0, 100.0)
    for order, reason, price in (([up, down], "target", 108.0), ([down, up], "liquidated", 92.0)):
        pieces: Pieces = {4: order}  # type: ignore[dict-item]
        detail, rows = detail_of(market, pieces, 1), at(3.0, 0.012)
        numbers = {**PAID, "target": 1.0, "path": path}
        chosen, funding = plan(market, **numbers), funding_of(rows, market.candles)
        record = DETAILED[name](market.candles, 0, chosen, detail, funding)
        # By ticks 92 is the price that is met; on pieces the level within is.
        level = 92.31 if reason == "liquidated" and path == CANDLE else price
        expect(see(record, market).one, 4, level, reason)


@pytest.mark.parametrize("name", DETAILED)
def test_borrow_within_a_candle_brings_the_price_into_its_last_piece(name: str) -> None:
    """A short pays 1 a unit in each candle: the account is gone at 107.89 as row 3 opens, and at
    107.22 as its last piece does, which reaches 107.6. The table shows its mirror image."""
    market = mirrored(table(SIGNAL + QUIET + ".  100 100 92.4 100 10\n"))
    calm = (100.0, 100.0, 100.0, 100.0)
    detail = detail_of(market, {3: [calm, calm, (100.0, 100.0, 92.4, 100.0)]}, -1)
    chosen = plan(market, **LEVERED, path=CANDLE, borrow_daily=0.96)
    record = DETAILED[name](market.candles, 0, chosen, detail)
    expect(see(record, market).one, 3, 107.23, "liquidated")  # rounded up


def test_a_trade_that_is_open_as_the_data_ends_has_lost_no_more_than_there_was(
    engine: Engine,
) -> None:
    """In candles without volume nothing closes it."""
    silent = ".   80  80  80  80   0\n"
    end = engine.run(table(SIGNAL + QUIET + silent), **LEVERED).one
    assert end.exit is None
    assert (end.pnl, end.shortfall) == (-CASH, pytest.approx(UNITS * 20.0 - CASH))
    end = engine.run(table(SIGNAL + QUIET + silent.replace("80", "95")), **LEVERED).one
    assert (end.pnl, end.shortfall) == (pytest.approx(UNITS * -5.0), 0.0)


def test_no_account_is_marked_below_zero_while_nothing_can_be_filled(either: Engine) -> None:
    """Marked at 80 it has lost 22,500 of 10,000, in candles without volume over a midnight; at the
    open after them it is closed, and gets what is missing."""
    silent = ".   80  80  80  80   0\n" * 100
    market, numbers = table(SIGNAL + QUIET + silent + ".   85  86  84  85  10\n"), LEVERED
    end = either.run(market, **numbers).one
    assert (end.pnl, end.shortfall) == (-CASH, pytest.approx(UNITS * 15.0 - CASH))
    rules = plan(market, **numbers).run_rules.trade_rules
    assert worth(CASH, POSITION, 80.0, 0, rules) == 0.0
    assert worth(CASH, POSITION, 95.0, 0, rules) == CASH - 5625.0
