"""The figures of a run, from daily equity marks and closed trades: one formula for all.

Every engine adds up the same running sums in the same order, so equal runs give equal
bits. Day sums start at zero and a day without a position adds exact zeros: a loop may
skip such days if it still counts them. A figure that is 0/0 or has no bound is NaN.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.costs import DAY
from stoptrail.rules.jit import rule
from stoptrail.rules.tally import TradeTally, ratio, trade_figures

DAYS_A_YEAR = 365.0
"""Crypto markets never close: daily figures are annualised by sqrt(365)."""
ANNUAL_ROOT = math.sqrt(DAYS_A_YEAR)
_ROUNDING = 1e-12
"""Share of the sum of squares below which a spread is nothing but rounding."""
_STILL = 1e-24
"""Variance of daily returns below which nothing varies but for rounding."""
_LARGEST_EXPONENT = 700.0
"""exp() of more than about 709 has no float64."""


class ReturnSums(NamedTuple):
    """Running sums of daily returns r: all that Sharpe and Sortino need."""

    days: int
    total: float
    """Sum of r."""
    squares: float
    """Sum of r * r."""
    downside: float
    """Sum of min(r, 0) squared."""


class Drawdown(NamedTuple):
    """Deepest fall below an earlier peak so far."""

    peak: float
    worst: float
    """As a share of the peak: 0.25 is a fall by a quarter."""


class Metrics(NamedTuple):
    """What a run is judged by; the fields are named as in summary.json."""

    net_return: float
    cagr: float
    sharpe: float
    sortino: float
    profit_factor: float
    max_drawdown: float
    trades: int
    win_rate: float
    payoff_ratio: float
    fees_paid: float
    avg_hours: float
    exposure: float
    avg_r: float
    scratches: int
    """Closed trades with |R multiple| < SCRATCH_R, which are among `trades`."""
    win_rate_without_scratches: float
    funding_paid: float
    """Negative: received."""


NO_RETURNS = ReturnSums(0, 0.0, 0.0, 0.0)


@rule
def daily_return(previous: float, equity: float) -> float:
    """equity / previous - 1; 0 once the account is empty, which cannot lose more."""
    return equity / previous - 1.0 if previous > 0.0 else 0.0


@rule
def add_return(sums: ReturnSums, r: float) -> ReturnSums:
    """One more day."""
    down = min(r, 0.0)
    return ReturnSums(
        sums.days + 1, sums.total + r, sums.squares + r * r, sums.downside + down * down
    )


def daily_returns(equity: Floats) -> Floats:
    """`daily_return` of marks of shape (..., days + 1), the first one the starting cash;
    shape (..., days)."""
    before, after = equity[..., :-1], equity[..., 1:]
    return np.divide(after, before, out=np.ones_like(after), where=before > 0.0) - 1.0


def compounded(returns: Floats) -> Floats:
    """An account of 1 that earns daily `returns`, shape (..., days); shape (..., days + 1)."""
    begun = np.ones((*returns.shape[:-1], 1))
    return np.concatenate((begun, np.cumprod(1.0 + returns, axis=-1)), axis=-1)


@rule
def return_sums(equity: Floats) -> ReturnSums:
    """Sums over marks of shape (days + 1,), the first one the starting cash."""
    sums = NO_RETURNS
    for i in range(1, len(equity)):
        sums = add_return(sums, daily_return(equity[i - 1], equity[i]))
    return sums


@rule
def daily_sharpe(days: int, total: float, squares: float) -> float:
    """Mean over standard deviation (ddof 1) of daily returns, not annualised.

    NaN below two days or where the returns do not differ.
    """
    if days < 2:
        return np.nan
    mean = total / days
    spread = squares - total * mean
    if not spread > squares * _ROUNDING:
        return np.nan
    return mean / math.sqrt(spread / (days - 1))


@rule
def sharpe(sums: ReturnSums) -> float:
    """Annualised Sharpe ratio, risk-free rate 0."""
    return daily_sharpe(sums.days, sums.total, sums.squares) * ANNUAL_ROOT


def sharpes(returns: Floats) -> Floats:
    """`sharpe` of each row of daily returns, shape (rows, days); shape (rows,). 0 where nothing
    varies."""
    variance = returns.var(axis=1, ddof=1)
    root = np.sqrt(np.where(variance > _STILL, variance, np.inf))
    return np.asarray(returns.mean(axis=1) / root * ANNUAL_ROOT, np.float64)


@rule
def sortino(sums: ReturnSums) -> float:
    """Annualised mean over the root mean square of min(r, 0) of all days.

    NaN without a losing day.
    """
    if not sums.downside > 0.0:
        return np.nan
    return sums.total / sums.days / math.sqrt(sums.downside / sums.days) * ANNUAL_ROOT


@rule
def net_return(first: float, last: float) -> float:
    """Last equity over starting cash, less 1."""
    return last / first - 1.0 if first > 0.0 else np.nan


@rule
def cagr(first: float, last: float, span_ms: float) -> float:
    """Compound growth a year of 365 days over a span in ms; -1 for an empty account, NaN
    beyond float64."""
    if not (first > 0.0 and span_ms > 0.0):
        return np.nan
    if last <= 0.0:
        return -1.0
    rate = math.log(last / first) * (DAYS_A_YEAR / (span_ms / DAY))
    return math.expm1(rate) if rate < _LARGEST_EXPONENT else np.nan


@rule
def fall(peak: float, equity: float) -> float:
    """How far `equity` lies below an earlier `peak`, as a share of it."""
    return 1.0 - equity / peak


@rule
def drawdown_start(cash: float) -> Drawdown:
    """Before the first candle: the peak is the starting cash."""
    return Drawdown(cash, 0.0)


@rule
def drawdown_step(state: Drawdown, equity: float) -> Drawdown:
    """Equity at one more candle close.

    Between two peaks only the lowest equity matters: 1 - equity / peak never falls as
    equity falls, in float64 as on paper.
    """
    if equity >= state.peak:
        return Drawdown(equity, state.worst)
    return Drawdown(state.peak, max(state.worst, fall(state.peak, equity)))


def drawdowns(equity: Floats) -> Floats:
    """How far each mark lies below the highest so far (0 or more); shape (..., n)."""
    return fall(np.maximum.accumulate(equity, axis=-1), equity)  # type: ignore[arg-type, return-value]


@rule
def summarise(
    first: float,
    last: float,
    sums: ReturnSums,
    worst_drawdown: float,
    tally: TradeTally,
    held_ms: float,
    span_ms: float,
) -> Metrics:
    """All figures of one run.

    first, last: starting cash and last equity mark; held_ms: time in a position, the
    open one included, out of span_ms.
    """
    closed = trade_figures(tally)
    return Metrics(
        net_return=net_return(first, last),
        cagr=cagr(first, last, span_ms),
        sharpe=sharpe(sums),
        sortino=sortino(sums),
        profit_factor=closed.profit_factor,
        max_drawdown=worst_drawdown,
        trades=closed.trades,
        win_rate=closed.win_rate,
        payoff_ratio=closed.payoff_ratio,
        fees_paid=closed.fees_paid,
        avg_hours=closed.avg_hours,
        exposure=ratio(held_ms, span_ms),
        avg_r=closed.avg_r,
        scratches=closed.scratches,
        win_rate_without_scratches=closed.win_rate_without_scratches,
        funding_paid=closed.funding_paid,
    )


@rule
def block_of(day: int, days: int, blocks: int) -> int:
    """The block that day number `day` of `days` falls in: `blocks` runs of days, equal
    in length up to one day."""
    return day * blocks // days


@rule
def add_to_block(block_sums: Floats, block: int, r: float) -> None:
    """Add one day's return to `block_sums`, shape (blocks, 2): sum of r, sum of r * r."""
    block_sums[block, 0] += r
    block_sums[block, 1] += r * r


@rule
def block_sums(equity: Floats, blocks: int) -> Floats:
    """Sums of r and r * r of each block of days, shape (blocks, 2), from equity marks of
    shape (days + 1,)."""
    out = np.zeros((blocks, 2))
    days = len(equity) - 1
    for day in range(days):
        add_to_block(out, block_of(day, days, blocks), daily_return(equity[day], equity[day + 1]))
    return out


def share_of_cash(hold: Floats, like: Floats) -> float:
    """The share of the account to keep in the market, set anew each day, so that the daily
    returns of `hold` deviate (ddof 1) as much as those of `like`.

    Both are equity marks, shape (days + 1,). 0 where either stands still; above 1 is
    borrowed money, which costs nothing here.
    """
    if len(hold) < 3 or not hold.min() > 0.0 or not like.min() > 0.0:
        return 0.0
    own, wanted = (float(np.std(daily_returns(marks), ddof=1)) for marks in (hold, like))
    return wanted / own if own > 0.0 else 0.0


def scaled(hold: Floats, share: float) -> Floats:
    """Equity marks of an account that has `share` of itself in `hold` at each mark, the rest
    in cash; shape of `hold`. An account that is empty stays so."""
    growth = np.maximum(1.0 + share * daily_returns(hold), 0.0)
    return np.concatenate((hold[:1], hold[:1] * np.cumprod(growth)))


def scaled_between(hold: Floats, share: float, values: Floats, mark: Times) -> Floats:
    """The account of `scaled` between its marks, where `hold` is at `values`, shape (n,); mark:
    the first mark at or after each, not the first of all, shape (n,)."""
    begun, out = scaled(hold, share), np.empty_like(values)
    for first in range(0, len(values), _AT_ONCE):  # a column of a long market is large
        part = slice(first, first + _AT_ONCE)
        last = mark[part] - 1
        before = hold[last]
        grown = np.divide(values[part], before, out=np.ones_like(before), where=before > 0.0)
        out[part] = np.maximum(1.0 + share * (grown - 1.0), 0.0) * begun[last]
    return out


_AT_ONCE = 1 << 16
