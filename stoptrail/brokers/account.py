"""The account of the contract's broker: its terms, cash and position, and what can be set.

`setcash` and `setcommission` set what the contract knows; everything else that Backtrader's own
broker takes would change how the contract fills, and is refused with the setting to use.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from pydantic import ValidationError

from stoptrail.adapter.backtrader import bt
from stoptrail.adapter.feed_candles import interval_of, is_daily, known_candles, open_time
from stoptrail.adapter.internals import require
from stoptrail.brokers.refusals import REFUSED, refuse, require_neutral, require_parameters
from stoptrail.brokers.schedule import Schedule
from stoptrail.brokers.terms import fee_info, fitted_market, shipped_settings, unfitted_rules
from stoptrail.config.own_code import own_size_of
from stoptrail.config.run_rules import tiers_of
from stoptrail.config.section import explain
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError, UsageError
from stoptrail.core.time import date_number
from stoptrail.rules.detail import NO_DETAIL, Detail
from stoptrail.rules.funding import NO_FUNDING, net_price, paid_since
from stoptrail.rules.journal import Journal, Unheard
from stoptrail.rules.margin import NO_DANGER, Danger
from stoptrail.rules.paths import danger_of
from stoptrail.rules.sizing import NO_CLOSED_TRADES
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import Position, cash_beside, marked
from stoptrail.rules.types import RunRules


class Account(bt.BrokerBase):  # type: ignore[misc]
    """Terms, cash and position of a broker; its parameters are described there."""

    p: Any
    running = False  # Cerebro is under way
    hears_of_funding = False  # payments come to it while it runs

    params: ClassVar[Any] = (
        ("run_rules", None),
        ("settings", None),
        ("journal", None),
        ("detail", None),
        ("own_size", None),
        ("funding", NO_FUNDING),
    )

    def __init__(self, **unknown: Any) -> None:
        require()
        if unknown or not self.p.isdefault("commission"):
            name = next(iter(unknown), "commission")
            raise UsageError(
                f"CandleBroker takes settings, run_rules, journal and detail, not {name}: "
                "see setcash, setcommission and docs/library.md"
            )
        require_parameters(self.p)
        super().__init__()  # Backtrader has put the parameters into self.p
        self._settings = self.p.settings or shipped_settings()
        self.run_rules: RunRules = self.p.run_rules or unfitted_rules(self._settings)
        self.journal: Journal = self.p.journal or Unheard()
        self.detail: Detail = self.p.detail or NO_DETAIL
        self.own_size: Any = self.p.own_size or self._own_size()
        """The user's sizing function as rules.sizing calls it, or None."""
        self.tiers = self.p.funding.tiers if self.p.run_rules else tiers_of(self._settings)
        self.reset()

    def reset(self) -> None:
        """Stand where a run begins: the cash, no position, no order."""
        self.balance: float = self.run_rules.cash
        """Cash as it was before the open position, quote currency."""
        self.startingcash = self.run_rules.cash  # Backtrader's writers read it
        self.history = NO_CLOSED_TRADES
        """Closed trades, as far as a size depends on them."""
        self.open: Position | None = None
        """The open trade."""
        self.schedule = Schedule(self.p.funding)
        """Payments of funding that are known."""
        self.funding_before = 0.0
        """Their running sum at the entry of the open trade."""
        self.opening: Stop | None = None
        """The stop with which the candle under way began, where a tick has moved it; on
        closed candles alone none does."""
        self.past = 0
        """Candles before the feed's first."""
        self.interval = 0
        """Length of a candle, ms."""
        self._data: Any = None
        self._daily = False
        self._last_close = (0.0, 0)
        """The last close that marked the account, and its time."""
        self._position = bt.Position()

    def _own_size(self) -> Any:
        own = own_size_of(self._settings.risk.sizing)
        return own.call if own else None

    def start(self) -> None:
        """Called by Cerebro before every run."""
        super().start()
        self.reset()
        self.running = True

    def stop(self) -> None:
        """Called by Cerebro after every run."""
        self.running = False

    def attach(self, data: Any, past: int) -> None:
        """Trade `data`, before whose first candle `past` others are known.

        Raises UsageError for a second feed, DataError for one that cannot be traded.
        """
        if self._data is not None and data is not self._data:
            raise UsageError(
                "an order on another feed than the one that is traded: the first of MtfStrategy, "
                "or that of the first order"
            )
        self.past = past
        if self._data is not None:
            return
        self._data, self.interval, self._daily = data, interval_of(data), is_daily(data)
        candles = known_candles(data)
        if self.p.run_rules is None:
            told = self.hears_of_funding or self.p.funding is not NO_FUNDING
            market = fitted_market(self._settings, candles, told_of_funding=told)
            rules = self.run_rules.trade_rules._replace(market=market)
            self.run_rules = self.run_rules._replace(trade_rules=rules)

    def getcash(self) -> float:
        """Cash in the quote currency; a short's proceeds are in it."""
        if self.open is None:
            return self.balance
        return cash_beside(self.balance, self.open, self.paid_by(self._last_moment()[1]))

    def getvalue(self, datas: Any = None) -> float:
        """Equity at the close of the current candle; of `datas`, what their position adds to
        the cash: negative for a short, whose proceeds are cash and whose borrow is owed."""
        if datas is not None:
            held = self.open is not None and any(data is self._data for data in datas)
            return self.getvalue() - self.getcash() if held else 0.0
        return self.balance if self.open is None else self.equity(*self._last_moment())

    get_cash, get_value = getcash, getvalue

    @property
    def stake(self) -> float:
        """What a trade is sized by (C4): the equity."""
        return self.getvalue()

    def equity(self, price: float, time: int) -> float:
        """Equity with the position marked at `price` at `time` in milliseconds."""
        return max(0.0, self.marked_on(self.balance, price, time))  # see rules.measure.worth

    def marked_on(self, value: float, price: float, time: int) -> float:
        """`value` and what the position adds to it, at `price` at `time` (ms)."""
        if self.open is None:
            return value
        rules, total = self.run_rules.trade_rules, self.schedule.by(time)
        net = net_price(price, total, self.funding_before, rules.costs.funding)
        return marked(value, self.open, net, time, rules)

    def _last_moment(self) -> tuple[float, int]:
        """The last close that there is, and its time."""
        with suppress(IndexError):  # after the end of a feed that keeps no candle (exactbars)
            self._last_close = self._data.close[0], self.opened_at() + self.interval
        return self._last_close

    def paid_by(self, time: int) -> float:
        """What one unit held long since the entry of the open trade has paid in funding by
        `time` (ms), a payment at that moment included; 0 without a trade."""
        return self._paid(self.schedule.by(time))

    def paid_before(self, time: int) -> float:
        """The same just before `time`."""
        return self._paid(self.schedule.before(time))

    def danger(self, time: int, paid: float) -> Danger:
        """Where the open trade is liquidated at `time` (ms), one unit held long having `paid`."""
        rules = self.run_rules.trade_rules
        if self.open is None or not rules.margin.liquidates:
            return NO_DANGER
        return danger_of(self.open, self.backing, time, rules, paid, self.tiers)

    @property
    def backing(self) -> float:
        """What the open trade may lose: all the cash that there was before its entry."""
        return self.balance

    def _paid(self, total: float) -> float:
        scale = 0.0 if self.open is None else self.run_rules.trade_rules.costs.funding
        return paid_since(total, self.funding_before, scale)

    def getposition(self, data: Any, clone: bool = True) -> Any:
        """Backtrader's view of the open trade."""
        if data is not self._data:
            return bt.Position()
        return self._position.clone() if clone else self._position

    def _execute(
        self, order: Any, size: float, price: float, fee: float, gross: float, time: int
    ) -> None:
        """Book a whole fill in Backtrader's terms; `gross` is the profit before fees."""
        order.size = size
        order.executed.remsize = size
        dt = date_number(time)
        held, entry = self._position.size, self._position.price
        psize, pprice, opened, closed = self._position.update(size, price, dt)
        closing, opening = bool(held), not held
        order.execute(
            dt,
            size,
            price,
            closed,
            abs(closed) * entry,
            fee if closing else 0.0,
            opened,
            abs(opened) * price,
            fee if opening else 0.0,
            0.0,
            gross,
            psize,
            pprice,
        )
        order.completed()
        self.notify(order)

    def notify(self, order: Any) -> None:
        """Queue the order's state for the strategy."""

    def opened_at(self) -> int:
        """Open time of the candle under way, ms."""
        return open_time(self._data.lines.datetime[0], self._daily)

    def setcash(self, cash: float) -> None:
        """Start the runs to come with `cash`, quote currency, as account.cash does.

        Raises ConfigError where that is no positive number.
        """
        self._require_idle("setcash", "account.cash")
        value = _checked("account", "cash", cash, "setcash")
        self.run_rules = self.run_rules._replace(cash=value)
        self.reset()

    set_cash = setcash

    def setcommission(
        self,
        commission: float = 0.0,
        margin: float | None = None,
        mult: float = 1.0,
        commtype: int | None = None,
        percabs: bool = True,
        stocklike: bool = False,
        interest: float = 0.0,
        interest_long: bool = False,
        leverage: float = 1.0,
        automargin: bool = False,
        name: str | None = None,
    ) -> None:
        """Charge `commission` on the notional of every fill, as costs.taker_fee does: a
        fraction, or with percabs=False a percentage.

        Raises ConfigError where it is out of range, UsageError for any other term.
        """
        del stocklike  # says how margin works, of which there is none
        self._require_idle("setcommission", "costs.taker_fee")
        require_neutral(locals())
        fraction = commission if percabs else commission / 100.0
        fee = _checked("costs", "taker_fee", fraction, "setcommission")
        rules = self.run_rules.trade_rules
        rules = rules._replace(costs=rules.costs._replace(taker_fee=fee))
        self.run_rules = self.run_rules._replace(trade_rules=rules)

    def _require_idle(self, method: str, key: str) -> None:
        if self.running:
            raise UsageError(f"{method} during a run is not possible: set {key} before it")

    def getcommissioninfo(self, data: Any) -> Any:
        """The fee of a market or stop order, and sizes in fractions of a unit."""
        del data  # one market is traded
        return fee_info(self.run_rules.trade_rules.costs.taker_fee)

    def set_fundmode(self, fundmode: bool, *fundstartval: float) -> None:
        """Refused unless it is switched off."""
        refuse("set_fundmode", fundmode, *fundstartval)

    def add_order_history(self, orders: Any, notify: bool = False) -> None:
        """Refused."""
        refuse("add_order_history")

    def set_fund_history(self, fund: Any) -> None:
        """Refused."""
        refuse("set_fund_history")

    def addcommissioninfo(self, comminfo: Any, name: str | None = None) -> None:
        """Refused."""
        refuse("addcommissioninfo")

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name in REFUSED:
            return partial(refuse, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


def _checked(section: str, name: str, value: Any, method: str) -> float:
    """`value` as the setting takes it."""
    try:
        settings = Settings.model_validate({section: {name: value}})
    except ValidationError as error:
        raise ConfigError(explain(error, lambda _key: method)) from None
    return float(getattr(getattr(settings, section), name))
