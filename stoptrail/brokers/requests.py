"""What an order may ask of the broker, and the words for what it may not."""

from __future__ import annotations

import math
from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.core.errors import UsageError
from stoptrail.rules.book import CAP
from stoptrail.rules.trade import COOLDOWN, GAP, PENDING, POSITION, PROTECTION, SIZE

Patterns = dict[tuple[Any, Any], dict[str, Any]]
"""Orders as they were made, by class and kind of execution."""

OrderData: Any = bt.order.OrderData

_ALONE = (
    "orders stand alone; send the stop order, and the limit order that takes the profit, once "
    "notify_order says that the entry is Completed: what fills first withdraws the other"
)
_TRAILS = "MtfStrategy moves its stop; of your own, cancel the stop order and send another"
_TERMS: dict[str, tuple[Any, str]] = {
    "plimit": (None, "there are no stop-limit orders"),
    "valid": (None, "an order works until it fills: cancel it when its time is over"),
    "tradeid": (0, "one position at a time is one trade"),
    "oco": (None, _ALONE),
    "trailamount": (None, _TRAILS),
    "trailpercent": (None, _TRAILS),
    "parent": (None, _ALONE),
    "transmit": (True, _ALONE),
}
"""Arguments of Backtrader's buy and sell that have to stay as they are by default, and why."""

WORDS = {
    POSITION: "a position is open: one at a time, no adding and no reversing (C3)",
    PENDING: "an entry order waits for its open already (C3)",
    COOLDOWN: "the cool-down after the last exit is not over (C10)",
    SIZE: "no units can be traded: ATR, equity, or a minimum of the market (C4)",
    GAP: "the next open came too late (C2)",
    PROTECTION: "a protection stops entries (C16)",
    CAP: "nothing is left of the book's risk, notional or cash (C22)",
}
"""Why an order led to no trade, by code of rules.trade.IGNORED."""

EXIT_WAITS = "an order to leave waits for its open already"
TARGET_WORKS = "a limit order takes a profit already: cancel it first"
STOP_WORKS = "a stop order protects the position already: move it, or cancel it first"


def new_order(
    kind: Any,
    owner: Any,
    data: Any,
    size: float,
    price: float | None,
    exectype: Any,
    patterns: Patterns | None = None,
    **options: Any,
) -> Any:
    """A market, stop or limit order of Backtrader's with what it carries in `info`. patterns:
    what orders of the same owner are made after, None for an order that somebody looks at.

    Raises UsageError for another kind of order, or one that is bound to others or to a time.
    """
    if exectype not in (None, bt.Order.Market, bt.Order.Stop, bt.Order.Limit):
        raise _refused(exectype)
    for term, (neutral, instead) in _TERMS.items():
        given = options.pop(term, neutral)
        # An order of Backtrader's cannot be compared with None.
        if given is not neutral and (neutral is None or given != neutral):
            raise UsageError(f"CandleBroker takes no order with {term}: {instead}")
    if exectype in (bt.Order.Stop, bt.Order.Limit) and not (
        price is not None and 0.0 < price < math.inf
    ):
        raise UsageError(f"a {_name(exectype)} needs a price above 0, not {price!r}")
    given = owner, data, size, price, exectype
    if patterns is None:
        _require_no_cheating(owner.cerebro)
    order = _made(kind, *given) if patterns is None else _like(patterns, kind, *given)
    order.info.update(options)
    return order


def _made(kind: Any, owner: Any, data: Any, size: float, price: float | None, exectype: Any) -> Any:
    return kind(
        owner=owner,
        data=data,
        size=size,
        price=price,
        pricelimit=None,
        exectype=exectype,
        valid=None,
        tradeid=0,
        oco=None,
        trailamount=None,
        trailpercent=None,
        parent=None,
        transmit=True,
    )


def _like(
    patterns: Patterns,
    kind: Any,
    owner: Any,
    data: Any,
    size: float,
    price: float | None,
    exectype: Any,
) -> Any:
    """The order as `_made` makes it, but for `dteos`, in a tenth of the time: Backtrader's
    constructor looks for modules to import and for the end of a session."""
    if (kind, exectype) not in patterns:
        patterns[kind, exectype] = dict(vars(_made(kind, owner, data, size, price, exectype)))
    order = object.__new__(kind)
    state = vars(order)
    state.update(patterns[kind, exectype])
    params = object.__new__(type(state["p"]))
    vars(params).update(vars(state["p"]), size=size, price=price)
    signed, close = side_of(order) * size, data.lines.close[0]
    created = {"pricelimit": None, "trailamount": None, "trailpercent": None}
    at = close if price is None else price
    state.update(
        p=params,
        params=params,
        ref=next(bt.Order.refbasis),
        info=type(order.info)(),
        size=signed,
        created=OrderData(data.lines.datetime[0], signed, at, pclose=close, **created),
        executed=OrderData(remsize=signed),
        dteos=0.0,
    )
    return order


def told_of_the_end(order: Any, entered: Any, stop: Any) -> Any:
    """What to call once `order` has ended the trade that `entered` opened and `stop` protected:
    whoever left, its strategy has to know. None where nobody manages it."""
    kin = (order, "filled"), (entered, "closed_out"), (stop, "filled")
    return next((one.info[name] for one, name in kin if one and name in one.info), None)


def side_of(order: Any) -> int:
    """1 for a buy, -1 for a sell."""
    return 1 if order.isbuy() else -1


def _refused(exectype: Any) -> UsageError:
    known = isinstance(exectype, int) and 0 <= exectype < len(bt.Order.ExecTypes)
    name = bt.Order.ExecTypes[exectype] if known else repr(exectype)
    return UsageError(
        "CandleBroker takes market orders, and stop and limit orders that leave a position, not "
        f"{name} orders: entries fill at the next open (C2)"
    )


def _name(exectype: Any) -> str:
    names = {bt.Order.Stop: "stop order", bt.Order.Limit: "limit order"}
    return names.get(exectype, "order to leave")


def _require_no_cheating(cerebro: Any) -> None:
    """Raise UsageError where something of `cerebro` is called before the candle that it can see has
    filled its orders: one that is sent then would fill at an open that has been."""
    if cerebro.p.cheat_on_open:
        raise UsageError(
            "cheat_on_open of Cerebro shows a candle at whose open orders of next_open would fill, "
            "which leaves the contract (C2): leave it as it is"
        )
    if getattr(cerebro, "_timerscheat", ()):  # made after the strategies have started
        raise UsageError(
            "a timer with cheat=True sees a candle at whose open its orders would fill, which "
            "leaves the contract (C2): add the timer without cheat"
        )


def require_unmanaged(order: Any) -> None:
    """Raise UsageError for an order by which a strategy's manager leaves: without it the position
    would stand bare, or be held for ever."""
    if "managed" in order.info:
        raise UsageError(
            f"the {_name(order.exectype)} that was to be cancelled is MtfStrategy's own, and its "
            "position would be held without it: close() leaves and withdraws the others, and a "
            "manager= of your own moves the stop (next_stop)"
        )


def require_leaving(order: Any, side: int, units: float) -> None:
    """Raise UsageError unless `order` leaves a position of `units` on `side`: whole, but for a
    limit order, which may take a part (C18)."""
    name = _name(order.exectype)
    if units == 0.0 and order.exectype == bt.Order.Limit:
        raise _refused(order.exectype)
    if units == 0.0:
        raise UsageError(f"a {name} protects an open position, and there is none")
    if side_of(order) == side:
        raise UsageError(f"a {name} has to be on the other side of the position that it protects")
    if order.exectype != bt.Order.Limit and not abs(order.size) >= units:
        raise UsageError(
            f"a position is left whole: {abs(order.size):g} of {units:g} units were given"
        )
