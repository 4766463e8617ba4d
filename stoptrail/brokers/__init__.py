"""Brokers that fill by docs/fills.md."""
