"""Backtrader's side of the bridge: what of it is relied on, and its data feeds as candles."""
