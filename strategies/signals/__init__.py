"""Entry signals: one vectorised function each, see docs/signals.md for the interface."""
