"""Genuine Backtrader plots of trades and runs, in a window or as files."""

from stoptrail.reports.plots.overview import plot_overview
from stoptrail.reports.plots.trade import ChartMarket, plot_trade

__all__ = ["ChartMarket", "plot_overview", "plot_trade"]
