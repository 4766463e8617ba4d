"""Swing trading with asymmetric exits for Backtrader: backtest, sweep and paper trading."""
