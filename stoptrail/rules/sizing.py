"""Units from the risk to the stop (C4)."""

from __future__ import annotations

from typing import Any, NamedTuple

from stoptrail.rules.costs import Costs, fill_price
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.market import Market, units_down
from stoptrail.rules.stops import Entry, StopRules, initial_stop

RISK = 0
ALL_IN = 1
NOTIONAL = 2
VOLATILITY = 3
KELLY = 4
OWN = 5
SIZINGS = ("risk", "all_in", "notional", "volatility", "kelly")
"""Names of the built-in ways to size, by code; OWN is a function of the user's."""


class SizeError(ValueError):
    """A sizing function of the user's own gave no size; arguments: what it said, NaN where it
    raised, the candle's open in ms, and the numbers of the Decision."""


class Sizing(NamedTuple):
    """How much of the equity a trade may risk or use."""

    risk_per_trade: float
    """Fraction of the equity that is lost at the initial stop: exactly, or at most."""
    max_leverage: float
    """Largest notional, with the entry fee, as a multiple of the equity."""
    includes_costs: bool
    """Whether fees and exit slippage count towards the risk."""
    kind: int
    """What the units follow from; every kind but ALL_IN is cut to the risk."""
    notional: float
    """NOTIONAL: worth of a trade at the decision as a multiple of the equity."""
    volatility: float
    """VOLATILITY: target for equity in the market, a year, as a fraction."""
    window: int
    """Candles over which the market's own volatility is measured, 1 or more."""
    kelly_fraction: float
    """KELLY: part of Kelly's fraction that is risked."""
    kelly_trades: int
    """Trades won or lost before Kelly's fraction counts; before them the risk does."""


def by_risk(
    risk_per_trade: float, max_leverage: float, includes_costs: bool, kind: int = RISK
) -> Sizing:
    """A sizing of a kind, RISK or ALL_IN, that needs no numbers of its own."""
    return Sizing(risk_per_trade, max_leverage, includes_costs, kind, 1.0, 1.0, 1, 1.0, 1)


class ClosedTrades(NamedTuple):
    """The closed trades so far, as far as a size depends on them."""

    wins: int
    losses: int
    won: float
    """Sum of the wins' R multiples."""
    lost: float
    """Sum of the losses' R multiples, as a positive number."""


NO_CLOSED_TRADES = ClosedTrades(0, 0, 0.0, 0.0)


class Decision(NamedTuple):
    """What is known at the close at which a trade is sized."""

    side: int
    """1 for a long, -1 for a short."""
    equity: float
    """Quote currency."""
    price: float
    """The close."""
    atr: float
    """In the quote currency, as the stop's."""
    distance: float
    """N * ATR: from the entry to the stop, quote currency per unit."""
    volatility: float
    """Realised, of the market, a year; NaN while its window is not full, and where the sizing
    does not ask for it."""
    history: ClosedTrades


@inner_rule
def extended(history: ClosedTrades, pnl: float, r: float) -> ClosedTrades:
    """`history` after a trade that closed with profit `pnl` after costs, `r` its R multiple;
    one that nets nothing, or that had no stop (r NaN), is neither won nor lost."""
    if pnl > 0.0 and r > 0.0:
        return ClosedTrades(history.wins + 1, history.losses, history.won + r, history.lost)
    if pnl < 0.0 and r < 0.0:
        return ClosedTrades(history.wins, history.losses + 1, history.won, history.lost - r)
    return history


@rule
def kelly(history: ClosedTrades) -> float:
    """Kelly's fraction of the equity to risk (J. L. Kelly, 1956): W - (1 - W) / R, with W the
    share of trades won and R the mean win over the mean loss, both in R multiples.

    W without a loss; 0 without a win.
    """
    if history.wins == 0:
        return 0.0
    share = history.wins / (history.wins + history.losses)
    if history.losses == 0:
        return share
    payoff = (history.won / history.wins) / (history.lost / history.losses)
    return share - (1.0 - share) / payoff


@rule
def wanted_units(decision: Decision, sizing: Sizing, own: Any = None, time: int = 0) -> float:
    """Units at the decision, 0 where there is no trade.

    By the risk: equity * risk_per_trade / distance. All-in: what the price buys. By any other
    kind what it asks for, at most those of the risk. own: the user's function of a Decision's
    numbers, see `config.own_code`, where the kind is OWN; time: open of the candle, ms, for its
    errors.
    """
    if not decision.distance > 0.0 or not decision.equity > 0.0:
        return 0.0
    if sizing.kind == ALL_IN:
        return sizing.max_leverage * decision.equity / decision.price
    most = decision.equity * sizing.risk_per_trade / decision.distance
    if sizing.kind == RISK:
        return most
    units = (
        _own_units(decision, own, time) if sizing.kind == OWN else _asked(decision, sizing, most)
    )
    return min(most, units) if units > 0.0 else 0.0


@rule
def _own_units(decision: Decision, own: Any, time: int) -> float:
    if own is None:
        raise TypeError("the terms name a sizing function, and none is given")
    side, equity, price, atr, distance, volatility, history = decision
    wins, losses, won, lost = history
    numbers = side, equity, price, atr, distance, volatility, wins, losses, won, lost
    units = own(*numbers)
    if not units >= 0.0:
        raise SizeError(units, time, numbers)
    return float(units)


@rule
def _asked(decision: Decision, sizing: Sizing, most: float) -> float:
    """What a kind that is neither risk nor all-in asks for; `most`: the units of the risk."""
    equity, price, volatility = decision.equity, decision.price, decision.volatility
    if sizing.kind == NOTIONAL:
        return sizing.notional * equity / price
    if sizing.kind == VOLATILITY:
        if volatility == 0.0:
            return most
        return sizing.volatility * equity / (volatility * price)
    history = decision.history
    if history.wins + history.losses < sizing.kelly_trades:
        return most
    return sizing.kelly_fraction * kelly(history) * equity / decision.distance


@rule
def stop_loss_per_unit(side: int, fill: float, exit_price: float, costs: Costs) -> float:
    """What one unit loses, after both fees, between the fill and `exit_price`."""
    if side > 0:
        return fill * (1.0 + costs.taker_fee) - exit_price * (1.0 - costs.taker_fee)
    return exit_price * (1.0 + costs.taker_fee) - fill * (1.0 - costs.taker_fee)


@rule
def stop_out_loss(side: int, fill: float, level: float, costs: Costs, market: Market) -> float:
    """What one unit loses, after both fees and slippage, where its stop is hit at `level`
    without a gap; below 0 where it wins."""
    exact = level * (1.0 - side * costs.slippage)
    # The exit is rounded to the tick against the trade: it can lose more than `exact`.
    rounded = fill_price(-side, level, costs, market)
    return max(
        stop_loss_per_unit(side, fill, exact, costs),
        stop_loss_per_unit(side, fill, rounded, costs),
    )


@rule
def affordable_units(equity: float, fill: float, max_leverage: float, costs: Costs) -> float:
    """Units at `fill` whose notional with the entry fee is max_leverage * equity."""
    return max_leverage * equity / (fill * (1.0 + costs.taker_fee))


class Terms(NamedTuple):
    """What an entry is filled at, and what it then risks: the same for every size."""

    fill: float
    level: float
    """Of the initial stop."""
    loss: float
    """`stop_out_loss` at that level."""


@rule
def terms_of(
    side: int, fill: float, atr: float, rules: StopRules, costs: Costs, market: Market
) -> Terms:
    """The terms of an entry at exactly `fill`; atr: of the signal candle."""
    level = initial_stop(Entry(side, fill, 0, atr), rules, market).level
    return Terms(fill, level, stop_out_loss(side, fill, level, costs, market))


@inner_rule
def filled_units(
    wanted: float, equity: float, terms: Terms, costs: Costs, sizing: Sizing, market: Market
) -> float:
    """Units at the fill: `wanted` (made at the decision) cut to what the equity affords
    and, with includes_costs, to what a stop-out may lose; floored to the lot.
    0 where that is below the market's minimums, or fill or level are not positive.
    """
    fill, loss = terms.fill, terms.loss
    if not fill > 0.0 or not terms.level > 0.0 or not wanted > 0.0:
        return 0.0
    affordable = affordable_units(equity, fill, sizing.max_leverage, costs)
    if sizing.kind == ALL_IN:
        return tradable(units_down(affordable, market), fill, market)
    units = min(wanted, affordable)
    if sizing.includes_costs and loss > 0.0:
        units = min(units, equity * sizing.risk_per_trade / loss)
    return tradable(units_down(units, market), fill, market)


@rule
def tradable(units: float, fill: float, market: Market) -> float:
    """`units` at `fill`, or 0 where that is below a minimum of the market."""
    if units <= 0.0 or units < market.min_quantity or units * fill < market.min_notional:
        return 0.0
    return units
