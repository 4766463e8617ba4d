"""Finer candles of a market, and what they are worth."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from stoptrail.core.time import timeframe_name

if TYPE_CHECKING:
    from stoptrail.rules.detail import Detail


@dataclass(frozen=True, eq=False)
class Finer:
    """Finer candles inside the base candles of a span."""

    detail: Detail
    interval: int
    """Length of one in milliseconds."""
    source: str
    """Origin and detail, as `MarketData.source`."""
    start: int
    """Index of the first base candle of the span."""
    missing: int
    """Base candles of the span without any of them."""
    contradicting: int
    """Base candles of the span that theirs do not make up."""

    @property
    def timeframe(self) -> str:
        """Name of their length, such as 1m."""
        return timeframe_name(self.interval)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over the columns used: times, open, high, low and close, little-endian."""
        digest = hashlib.sha256()
        for column in self.detail[:5]:
            digest.update(column.data)  # no copy: five years are a hundred megabytes
        return digest.hexdigest()

    def summary(self) -> dict[str, str | int]:
        """`data.detail` of summary.json."""
        return {
            "timeframe": self.timeframe,
            "source": self.source,
            "candles": len(self.detail.time),
            "walked": int(np.sum(self.detail.last > self.detail.first)),
            "missing": self.missing,
            "contradicting": self.contradicting,
            "sha256": self.sha256,
        }
