"""What may be set on the contract's broker, and the words for what Backtrader's own takes besides.

Everything here would change how the contract fills: it is refused with what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.config.settings import Settings
from stoptrail.core.errors import UsageError
from stoptrail.rules.detail import Detail
from stoptrail.rules.funding import Funding
from stoptrail.rules.types import RunRules

_LEVERAGE = "set risk.max_leverage"
_NEXT_OPEN = "orders fill at the next open (C2)"
REFUSED = {
    **dict.fromkeys(("add_cash", "set_fund_history"), "set account.cash before the run"),
    "add_order_history": "orders are decided while the candles pass",
    "addcommissioninfo": "use setcommission, or set costs.taker_fee and costs.borrow_daily",
    "set_checksubmit": "orders are cut to what the equity affords (C4)",
    **dict.fromkeys(("set_coc", "set_eosbar"), _NEXT_OPEN),
    "set_coo": f"{_NEXT_OPEN}: leave cheat_on_open of Cerebro as it is",
    "set_filler": "orders fill whole",
    **dict.fromkeys(("set_fundmode", "set_fundstartval"), "the account has no shares"),
    "set_int2pnl": "set costs.borrow_daily: shorts pay it at the exit (C12)",
    "set_shortcash": 'set strategy.sides = "long" for an account that cannot short',
    "set_slippage_fixed": "set costs.slippage",
    "set_slippage_perc": "set costs.slippage",
}
"""Methods of Backtrader's broker that change how it fills, and what to do instead."""

NEUTRAL: dict[str, Any] = {
    **dict.fromkeys(("set_coc", "set_coo", "set_eosbar", "set_fundmode"), False),
    **dict.fromkeys(("set_checksubmit", "set_int2pnl", "set_shortcash"), True),
    "set_filler": None,
}
"""With this argument they ask for what holds anyway."""

_TERMS: dict[str, tuple[Any, str]] = {
    "margin": (None, _LEVERAGE),
    "mult": (1.0, "units are units of the base currency"),
    "interest": (0.0, "set costs.borrow_daily"),
    "interest_long": (False, "set costs.borrow_daily: shorts alone pay it (C12)"),
    "leverage": (1.0, _LEVERAGE),
    "automargin": (False, _LEVERAGE),
    "name": (None, "one market is traded"),
}
"""Arguments of `setcommission` that are refused unless they have this value."""

_KINDS: dict[str, tuple[type, str]] = {
    "settings": (Settings, "stoptrail.Settings, as stoptrail.load_settings() reads them of a file"),
    "run_rules": (RunRules, "RunRules; stoptrail.Settings are settings="),
    "detail": (Detail, "Detail (stoptrail/rules/detail.py)"),
    "funding": (Funding, "what funding_of() of stoptrail.rules.funding makes of payments"),
}
"""Parameters of the broker, what each has to be, and the words for it."""


def refuse(method: str, *values: Any, **options: Any) -> None:
    """Raise UsageError, unless a method of REFUSED is asked for what holds anyway."""
    given = [*values, *options.values()]
    if method not in NEUTRAL or len(given) != 1 or given[0] is not NEUTRAL[method]:
        raise UsageError(f"{method} would leave the contract of docs/fills.md: {REFUSED[method]}")


def require_neutral(given: Mapping[str, Any]) -> None:
    """Raise UsageError where `setcommission` is given more than a fraction of the notional."""
    for term, (neutral, instead) in _TERMS.items():
        if given[term] != neutral:
            raise UsageError(f"setcommission({term}={given[term]!r}) is not possible: {instead}")
    if given["commtype"] not in (None, bt.CommInfoBase.COMM_PERC):
        raise UsageError(
            "setcommission(commtype=COMM_FIXED) is not possible: fees are a fraction of the "
            "notional, costs.taker_fee (C12)"
        )


def require_parameters(given: Any) -> None:
    """Raise UsageError where a parameter of the broker is something else; None is as good as
    nothing, but for funding, which has a default of its own."""
    for name, (kind, words) in _KINDS.items():
        value = getattr(given, name)
        if not (isinstance(value, kind) or (value is None and name != "funding")):
            raise UsageError(f"CandleBroker: {name} must be {words}, not {value!r:.60}")
    if given.journal is not None and not callable(getattr(given.journal, "entered", None)):
        raise UsageError(
            f"CandleBroker: journal must have the methods of stoptrail/rules/journal.py, which "
            f"{given.journal!r:.60} has not"
        )
