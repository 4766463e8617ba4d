"""Candles: files, download, cache, synthetic market, and the Backtrader feed over them."""
