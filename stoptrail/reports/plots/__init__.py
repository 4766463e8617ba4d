"""Genuine Backtrader plots of trades and runs, in a window or as files."""

from stoptrail.reports.plots.overview import plot_overview
from stoptrail.reports.plots.trade import Market, plot_trade

__all__ = ["Market", "plot_overview", "plot_trade"]
