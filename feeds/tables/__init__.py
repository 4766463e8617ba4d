"""A table of candles: its columns, and their cells as times and numbers."""
