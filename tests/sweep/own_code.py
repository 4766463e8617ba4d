"""Sizes and objectives as a user writes them."""

import numpy as np


def tenth(decision):
    """A tenth of the equity."""
    return 0.1 * decision.equity / decision.price


def hundredth(decision):
    """A hundredth of a unit, whatever the account holds."""
    return 0.01 if decision.equity > 0.0 else 0.0


def less(decision):
    """Less after losses and in a market that swings."""
    if not decision.volatility > 0.0:
        return 0.0
    lost = decision.history.losses / (1 + decision.history.wins)
    return decision.equity / decision.price / (1.0 + lost) * min(1.0, 0.1 / decision.volatility)


def growth_over_fees(figures):
    """More growth for the fees, where there were some."""
    paid = np.where(figures["fees_paid"] > 0.0, figures["fees_paid"], np.nan)
    return figures["net_return"] / paid
