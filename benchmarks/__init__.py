"""Benchmarks: each runs both sides on the same candles and checks that they agree."""
