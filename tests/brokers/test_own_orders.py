"""A user's own orders: filled by the contract, or refused in words; none waits for ever."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import backtrader as bt
import numpy as np
import pytest

from stoptrail.backtest.journal import RecordingJournal
from stoptrail.brokers.candle import CandleBroker
from stoptrail.config.settings import Settings
from stoptrail.core.errors import UsageError
from stoptrail.rules.candles import Candles, Signals, rows_of
from stoptrail.strategies.mtf_strategy import MtfStrategy
from tests.backtrader_runs import CANDLES, cerebro_of, hourly, pandas_feed

FEE, SLIPPAGE = 0.001, 0.0002
SOME = rows_of(CANDLES, slice(0, 300))


def silent(candles: Candles) -> Signals:
    """No signal at all: every order is the user's own."""
    none = np.zeros(len(candles.time), np.int8)
    return Signals(none, none, 0)


class Noting:
    """Does what `plan` says at candles by their number, and notes what orders become."""

    plan: dict[int, Callable[[Any], Any]]

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, int, str, Any]] = []
        self.sent: list[Any] = []

    def next(self) -> None:
        super().next()  # type: ignore[misc]
        act = self.plan.get(len(self))  # type: ignore[arg-type]
        if act is not None:
            self.sent.append(act(self))

    def notify_order(self, order: Any) -> None:
        words = order.info.get("refused", "")
        self.told.append((len(self), order.ref, order.getstatusname(), words))  # type: ignore[arg-type]


def plain(plan: dict[int, Callable[[Any], Any]]) -> Any:
    """A strategy that knows nothing of the project."""
    return type("Plain", (Noting, bt.Strategy), {"plan": plan})


def managed(plan: dict[int, Callable[[Any], Any]]) -> Any:
    """A subclass of MtfStrategy."""
    return type("Managed", (Noting, MtfStrategy), {"plan": plan})


def run(strategy: Any, candles: Candles = SOME, **options: Any) -> Any:
    journal = RecordingJournal()
    broker = CandleBroker(journal=journal, settings=options.pop("settings", None))
    if issubclass(strategy, MtfStrategy):
        options = {"signal": silent, **options}
    (found,) = cerebro_of(pandas_feed(candles), strategy, broker=broker, **options).run()
    found.seen = journal
    return found


def bought(price: float) -> float:
    """A fill at an open: worsened, on the tick."""
    return float(np.ceil(price * (1.0 + SLIPPAGE) * 100.0 - 1e-9) / 100.0)


def sold(price: float) -> float:
    return float(np.floor(price * (1.0 - SLIPPAGE) * 100.0 + 1e-9) / 100.0)


def states(found: Any, order: Any) -> list[str]:
    return [state for _, ref, state, _ in found.told if ref == order.ref]


def test_a_plain_strategy_enters_and_leaves_at_the_next_opens() -> None:
    plan = {10: lambda s: s.buy(size=2.0), 20: lambda s: s.close()}
    found = run(plain(plan))
    entry, leaving = found.sent
    assert (
        states(found, entry) == states(found, leaving) == ["Submitted", "Accepted", "Completed"][1:]
    )
    assert entry.executed.price == bought(SOME.open[10])
    assert leaving.executed.price == sold(SOME.open[20])
    fees = 2.0 * FEE * (entry.executed.price + leaving.executed.price)
    gain = 2.0 * (leaving.executed.price - entry.executed.price)
    assert found.broker.getvalue() == pytest.approx(100_000.0 + gain - fees, abs=1e-9)
    assert not found.position


def test_a_stop_order_protects_a_plain_position_until_it_is_left() -> None:
    plan = {
        10: lambda s: s.sell(size=2.0),
        12: lambda s: s.buy(size=2.0, exectype=bt.Order.Stop, price=SOME.close[11] * 2.0),
        20: lambda s: s.close(),
    }
    found = run(plain(plan))
    _, stop, _ = found.sent
    assert states(found, stop) == ["Accepted", "Canceled"]
    assert found.broker.get_orders_open() == []


def test_a_stop_order_fills_at_its_level_worsened() -> None:
    level = float(np.round(SOME.low[30:60].min(), 2))
    plan = {
        10: lambda s: s.buy(size=2.0),
        12: lambda s: s.sell(size=2.0, exectype=bt.Order.Stop, price=level),
    }
    found = run(plain(plan))
    hit = next(i for i in range(12, 300) if SOME.low[i] <= level)
    stop = found.sent[1]
    assert stop.executed.price == sold(min(SOME.open[hit], level))
    assert found.told[-1][0] == hit + 1


def test_an_order_against_one_position_at_a_time_is_rejected_with_its_reason() -> None:
    plan = {
        10: lambda s: [s.buy(size=1.0), s.sell(size=1.0)],
        12: lambda s: s.buy(size=1.0),
        14: lambda s: [s.close(), s.close()],
    }
    found = run(plain(plan))
    first, second = found.sent[0]
    assert (states(found, first)[-1], states(found, second)) == ("Completed", ["Rejected"])
    assert "waits for its open" in second.info.refused
    assert "no adding and no reversing" in found.sent[1].info.refused
    assert [states(found, order)[-1] for order in found.sent[2]] == ["Completed", "Rejected"]


def test_an_order_over_a_gap_or_without_money_is_told_why() -> None:
    gap = rows_of(SOME, np.r_[0:50, 60:300])
    late = run(plain({50: lambda s: s.buy(size=1.0)}), gap)
    assert late.told[-1][2:] == ("Canceled", "the next open came too late (C2)")
    small = run(plain({50: lambda s: s.buy(size=1e-9)}))
    assert small.told[-1][2] == "Margin"
    assert "no units can be traded" in small.told[-1][3]


def test_an_order_is_cut_to_what_the_equity_affords() -> None:
    found = run(plain({50: lambda s: s.buy(size=1e9)}))
    price = found.sent[0].executed.price
    units = found.sent[0].executed.size
    assert units * price * (1.0 + FEE) <= 100_000.0 < (units + 1e-5) * price * (1.0 + FEE)


def test_an_order_waits_for_a_candle_with_volume_and_no_longer_than_that() -> None:
    quiet = SOME._replace(volume=np.where(np.arange(300) == 51, 0.0, SOME.volume))
    found = run(plain({40: lambda s: s.buy(size=1.0), 51: lambda s: s.close()}), quiet)
    assert found.sent[1].executed.price == sold(SOME.open[52])


def test_a_cancelled_order_is_told_and_gone_also_by_its_copy() -> None:
    def cancelled(strategy: Any) -> Any:
        order = strategy.buy(size=1.0)
        strategy.cancel(order.clone())
        strategy.cancel(order)
        return order

    found = run(plain({10: cancelled}))
    assert states(found, found.sent[0]) == ["Accepted", "Canceled"]
    assert found.broker.get_orders_open() == []


REFUSALS = [
    ({"exectype": bt.Order.Limit, "price": 1.0}, "not Limit orders"),
    ({"exectype": bt.Order.StopTrail, "trailamount": 1.0}, "not StopTrail orders"),
    ({"exectype": bt.Order.StopLimit, "price": 1.0, "plimit": 1.0}, "not StopLimit orders"),
    ({"exectype": bt.Order.Close}, "not Close orders"),
    ({"exectype": 99}, "not 99 orders"),
    ({"exectype": "Limit"}, "not 'Limit' orders"),
    ({"transmit": False}, "no order with transmit: .* once notify_order says"),
    ({"valid": 0}, "no order with valid: .* cancel it"),
    ({"tradeid": 1}, "no order with tradeid: one position"),
    ({"exectype": bt.Order.Stop, "price": 1.0}, "there is none"),
    ({"exectype": bt.Order.Stop, "price": float("nan")}, "a price above 0"),
]


@pytest.mark.parametrize("kind", [plain, managed])
@pytest.mark.parametrize(("options", "message"), REFUSALS)
def test_what_the_contract_does_not_know_is_refused_in_words(
    kind: Any, options: dict[str, Any], message: str
) -> None:
    strategy = kind({280: lambda s: s.buy(size=1.0, **options)})
    with pytest.raises(UsageError, match=message):
        run(strategy, atr_period=3) if kind is managed else run(strategy)


@pytest.mark.parametrize("kind", [plain, managed])
@pytest.mark.parametrize("term", ["oco", "parent"])
def test_an_order_bound_to_another_is_refused_in_words(kind: Any, term: str) -> None:
    strategy = kind({280: lambda s: s.sell(size=1.0, **{term: s.buy(size=1.0)})})
    with pytest.raises(UsageError, match=f"no order with {term}: .*once notify_order"):
        run(strategy, atr_period=3) if kind is managed else run(strategy)


def test_what_a_bracket_does_is_done_by_two_orders_that_leave() -> None:
    """As the refusal of brackets says: what fills first withdraws the other."""
    plan = {
        10: lambda s: s.buy(size=2.0),
        12: lambda s: [
            s.sell(size=2.0, exectype=bt.Order.Stop, price=SOME.close[11] * 0.5),
            s.sell(size=2.0, exectype=bt.Order.Limit, price=SOME.high[12:60].max() - 0.01),
        ],
    }
    found = run(plain(plan))
    stop, target = found.sent[1]
    assert (states(found, stop)[-1], states(found, target)[-1]) == ("Canceled", "Completed")
    assert not found.position
    with pytest.raises(UsageError, match="no order with transmit: orders stand alone"):
        run(plain({10: lambda s: s.buy_bracket(price=1.0, stopprice=0.5, limitprice=2.0)}))


def test_targets_of_value_are_held_in_fractions_of_a_unit() -> None:
    plan = {
        50: lambda s: s.order_target_percent(target=0.3),
        60: lambda s: s.order_target_value(target=0.0),
    }
    found = run(plain(plan))
    units = found.sent[0].executed.size
    assert units == pytest.approx(0.3 * 100_000.0 / SOME.close[49], abs=1e-5)
    assert units != round(units)
    assert not found.position


@pytest.mark.parametrize("kind", [bt.Strategy, MtfStrategy])
@pytest.mark.parametrize("cheat", [True, False])
def test_a_timer_sends_no_order_that_fills_at_an_open_it_has_seen(kind: Any, cheat: bool) -> None:
    class Timed(kind):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.sent: list[Any] = []
            self.add_timer(when=datetime.time(12, 0), cheat=cheat)

        def notify_timer(self, timer: Any, when: Any, *args: Any, **kwargs: Any) -> None:
            if not self.sent and len(self) > 100:
                self.sent.append((self.buy(size=1.0), self.data.datetime.datetime(0)))

    if cheat:
        with pytest.raises(UsageError, match="timer with cheat=True"):
            run(Timed)
        return
    order, noon = run(Timed).sent[0]
    assert bt.num2date(order.executed.dt) == noon + datetime.timedelta(minutes=15)


@pytest.mark.parametrize("kind", [plain, managed])
def test_a_position_is_left_whole(kind: Any) -> None:
    strategy = kind({280: lambda s: s.buy(size=2.0), 285: lambda s: s.sell(size=0.5)})
    with pytest.raises(UsageError, match=r"left whole: 0\.5 of 2 units"):
        run(strategy, atr_period=3) if kind is managed else run(strategy)


@pytest.mark.parametrize("kind", [plain, managed])
@pytest.mark.parametrize("way", [{}, {"size": 1.0}])
def test_a_second_feed_is_refused(kind: Any, way: dict[str, float]) -> None:
    """While MtfStrategy's own orders find no size yet, too."""
    strategy = kind({10: lambda s: s.buy(size=1.0), 12: lambda s: s.buy(s.data1, **way)})
    given = {"signal": silent} if kind is managed else {}
    cerebro = cerebro_of(pandas_feed(SOME), strategy, **given)
    cerebro.adddata(pandas_feed(SOME))
    with pytest.raises(UsageError, match="an order on another feed than the one that is traded"):
        cerebro.run()


@pytest.mark.parametrize("kind", [bt.Strategy, MtfStrategy])
def test_no_order_fills_at_an_open_that_next_open_has_seen(kind: Any) -> None:
    class Early(kind):  # type: ignore[misc]
        def next_open(self) -> None:
            if len(self) == 200:
                self.buy(size=1.0)

    with pytest.raises(UsageError, match=r"cheat_on_open of Cerebro .* leave it as it is"):
        run(Early, cerebro={"cheat_on_open": True, "broker_coo": False})


@pytest.mark.parametrize("way", [{}, {"runonce": False}])
def test_another_feeds_candles_fill_nothing(way: dict[str, Any]) -> None:
    """An hour's order fills at the open of the next hour, though quarters pass in between."""
    hours = hourly(CANDLES)
    plan = {10: lambda s: s.buy(size=1.0), 40: lambda s: s.close()}

    class Plain(bt.Strategy):
        def __init__(self) -> None:
            self.sent: list[Any] = []
            self.acted = 0

        def next(self) -> None:
            if len(self.data) in plan and len(self.data) != self.acted:
                self.acted = len(self.data)
                self.sent.append(plan[len(self.data)](self))

    cerebro = cerebro_of(pandas_feed(hours, compression=60), Plain, cerebro=way)
    cerebro.adddata(pandas_feed(CANDLES))
    (found,) = cerebro.run()
    entered, left = (order.executed.price for order in found.sent)
    assert (entered, left) == (bought(hours.open[10]), sold(hours.open[40]))


# In a subclass of MtfStrategy


def test_an_own_entry_gets_the_stop_and_the_size_of_a_signal() -> None:
    found = run(managed({200: lambda s: s.buy()}), CANDLES)
    (entry, *_), journal = found.seen.entries, found.seen
    atr = entry.entry_order.atr
    fill = bought(CANDLES.open[200])
    assert entry.position.held.fill == fill
    assert entry.initial == pytest.approx(fill - 3.0 * atr, abs=0.0101)
    assert entry.entry_order.units == pytest.approx(1_000.0 / (3.0 * atr))
    assert len(journal.levels) > 1
    assert len(journal.exits) == 1


def test_an_own_exit_leaves_at_the_next_open_and_takes_the_stop_with_it() -> None:
    found = run(managed({200: lambda s: s.buy(size=3.0), 205: lambda s: s.close()}), CANDLES)
    (left,) = found.seen.exits
    assert left.end.price == sold(CANDLES.open[205])
    assert left.time == CANDLES.time[205]
    assert found.manager.position is None
    assert found.broker.get_orders_open() == []
    alive = {ref: state for _, ref, state, _ in found.told}
    assert set(alive.values()) == {"Completed", "Canceled"}


@pytest.mark.parametrize(
    ("which", "options", "name"),
    [
        (bt.Order.Stop, {}, "stop order"),
        (bt.Order.Limit, {"exits": {"target": 50.0}}, "limit order"),
        (bt.Order.Market, {"exits": {"time_hours": 1.0}}, "order to leave"),
    ],
)
def test_an_order_that_manages_a_trade_is_no_users_to_cancel(
    which: int, options: dict[str, Any], name: str
) -> None:
    def cancels(strategy: Any) -> None:
        for order in strategy.broker.get_orders_open():
            if order.exectype == which and order.issell():
                strategy.cancel(order)

    settings = Settings.model_validate({"stop": {"trailing_atr_multiplier": 50.0}, **options})
    plan = {60: lambda s: s.buy(), **dict.fromkeys(range(62, 80), cancels)}
    with pytest.raises(UsageError, match=f"the {name} .* is MtfStrategy's own") as failed:
        run(managed(plan), settings=settings)
    assert "\n" not in str(failed.value)


def test_the_other_side_leaves_without_reversing() -> None:
    found = run(managed({200: lambda s: s.sell(), 205: lambda s: s.buy()}), CANDLES)
    assert len(found.seen.exits) == len(found.seen.entries) == 1
    assert not found.position


def test_an_own_entry_is_held_to_cool_down_and_protections() -> None:
    settings = Settings.model_validate({"stop": {"cooldown_candles": 50}})
    plan = {
        200: lambda s: s.buy(),
        205: lambda s: s.close(),
        210: lambda s: s.buy(),
        5: lambda s: s.buy(),
    }
    found = run(managed(plan), CANDLES, settings=settings)
    warm, _, _, again = found.sent
    assert "no units can be traded: ATR" in warm.info.refused
    assert "cool-down" in again.info.refused
    assert len(found.seen.entries) == 1
    assert found.seen.counts.sum() == 2


def test_a_signal_during_an_own_trade_is_ignored() -> None:
    def rising(candles: Candles) -> Signals:
        zone = np.zeros(len(candles.time), np.int8)
        zone[203:] = 1
        return Signals(zone, zone, 0)

    found = run(managed({200: lambda s: s.buy(size=3.0)}), CANDLES, signal=rising)
    assert len(found.seen.entries) == 1
    assert found.seen.counts.tolist()[0] == 1
