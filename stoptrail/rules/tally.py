"""Sums over closed trades, and the figures that follow from them alone.

Every engine adds up the same sums in the same order, so equal runs give equal bits. A
figure that is 0/0 or has no bound is NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import rule

SCRATCH_R = 0.05
"""A closed trade of less than this R multiple in size decided nothing: a stop at breakeven."""


class TradeTally(NamedTuple):
    """Sums over closed trades, after costs, in quote currency."""

    trades: int
    wins: int
    """Trades with a profit above 0."""
    losses: int
    """Trades with a profit below 0; one that nets 0 is neither."""
    gross_profit: float
    gross_loss: float
    """Sum of the losses, as a positive number."""
    fees: float
    """Fees of all fills, the entry of a still open position included."""
    hours: float
    r_total: float
    """Sum of the R multiples."""
    scratches: int
    """Trades of less than SCRATCH_R in size."""
    scratch_wins: int
    """Of these, the ones with a profit above 0."""
    funding: float
    """Booked as funding, of a still open position too; negative: paid."""


class TradeFigures(NamedTuple):
    """What closed trades are judged by, after costs; fields as in summary.json."""

    trades: int
    win_rate: float
    payoff_ratio: float
    """Mean win over mean loss; NaN without a win or without a loss."""
    profit_factor: float
    """Gross profit over gross loss; NaN without a loss."""
    pnl: float
    fees_paid: float
    """Of a position still open too."""
    avg_hours: float
    avg_r: float
    scratches: int
    """Those with |R multiple| < SCRATCH_R, which are among `trades`."""
    win_rate_without_scratches: float
    funding_paid: float
    """Of a position still open too; negative: received."""


NO_TRADES = TradeTally(0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0.0)


@rule
def r_multiple(pnl: float, units: float, distance: float) -> float:
    """Profit in units of the initial risk, units * distance (fill to initial stop)."""
    risk = units * distance
    return pnl / risk if risk > 0.0 else np.nan


@rule
def tally_trade(
    tally: TradeTally, pnl: float, fees: float, hours: float, r: float, funding: float = 0.0
) -> TradeTally:
    """One more closed trade: profit after costs, its fees, hours held, R multiple and funding.

    Without an R multiple (NaN) it is no scratch.
    """
    scratch = abs(r) < SCRATCH_R
    return TradeTally(
        tally.trades + 1,
        tally.wins + (1 if pnl > 0.0 else 0),
        tally.losses + (1 if pnl < 0.0 else 0),
        tally.gross_profit + max(pnl, 0.0),
        tally.gross_loss + max(-pnl, 0.0),
        tally.fees + fees,
        tally.hours + hours,
        tally.r_total + r,
        tally.scratches + (1 if scratch else 0),
        tally.scratch_wins + (1 if scratch and pnl > 0.0 else 0),
        tally.funding + funding,
    )


@rule
def tally_open(tally: TradeTally, fees: float, funding: float = 0.0) -> TradeTally:
    """Add the entry fee and the funding of a position still open at the end; it is no closed
    trade."""
    return TradeTally(
        tally.trades,
        tally.wins,
        tally.losses,
        tally.gross_profit,
        tally.gross_loss,
        tally.fees + fees,
        tally.hours,
        tally.r_total,
        tally.scratches,
        tally.scratch_wins,
        tally.funding + funding,
    )


@rule
def ratio(part: float, whole: float) -> float:
    """part / whole, NaN where whole is not above 0."""
    return part / whole if whole > 0.0 else np.nan


@rule
def trade_figures(tally: TradeTally) -> TradeFigures:
    """The figures of closed trades; NaN where there is nothing to divide by."""
    trades = float(tally.trades)
    mean_win = ratio(tally.gross_profit, float(tally.wins))
    mean_loss = ratio(tally.gross_loss, float(tally.losses))
    return TradeFigures(
        trades=tally.trades,
        win_rate=ratio(float(tally.wins), trades),
        payoff_ratio=ratio(mean_win, mean_loss),
        profit_factor=ratio(tally.gross_profit, tally.gross_loss),
        pnl=tally.gross_profit - tally.gross_loss,
        fees_paid=tally.fees,
        avg_hours=ratio(tally.hours, trades),
        avg_r=ratio(tally.r_total, trades),
        scratches=tally.scratches,
        win_rate_without_scratches=ratio(
            float(tally.wins - tally.scratch_wins), float(tally.trades - tally.scratches)
        ),
        funding_paid=0.0 - tally.funding,
    )


@rule
def tally_profits(pnl: Floats) -> TradeTally:
    """Sums over closed trades of which only the profits are known, shape (trades,)."""
    tally = NO_TRADES
    for profit in pnl:
        tally = tally_trade(tally, profit, 0.0, 0.0, np.nan)
    return tally
