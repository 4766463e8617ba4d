"""Candles from exchanges and archives, and where they are kept."""
