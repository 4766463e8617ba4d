"""Funding rates of swaps: from files and from exchanges."""
