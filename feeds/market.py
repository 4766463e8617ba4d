"""A market's candles with what is known about them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from stoptrail.config.market import Filters, Maintenance, lately
from stoptrail.core.time import iso, timeframe_name
from stoptrail.rules.candles import UNKNOWN_VOLUME, Candles
from stoptrail.rules.costs import DAY
from stoptrail.rules.funding import NO_ROWS, FundingRows

if TYPE_CHECKING:
    from stoptrail.rules.detail import Detail

Origin = Literal["exchange", "file", "synthetic"]

Unit = Literal["base", "quote", "contracts", "unknown"]


class MarketFunding(NamedTuple):
    """The funding of a market over its candles."""

    rows: FundingRows = NO_ROWS
    source: str = ""
    """Where it comes from; "" where nothing is known."""
    holes: int = 0
    """Stretches without a row that were taken as a rate of zero."""
    hours: float = 0.0
    """Their length in all."""

    def summary(self) -> dict[str, str | int | float]:
        """The object `data.funding` of summary.json."""
        return {
            "source": self.source,
            "rows": len(self.rows.time),
            "zero_stretches": self.holes,
            "zero_hours": self.hours,
        }


NO_MARKET_FUNDING = MarketFunding()


def without_funding(symbol: str) -> str:
    """What is said of a swap that pays nothing, as it is loaded and among a run's warnings."""
    return (
        f"{symbol} is a swap and its funding is not known: positions pay none here; give "
        "data.funding, run `data download --funding`, or set costs.funding_rate"
    )


class MarketMarks(NamedTuple):
    """Mark prices of a swap over the span of its candles."""

    candles: Candles | None = None
    """As long as the market's, or shorter; None where none are known."""
    source: str = ""
    missing: int = 0
    """Candles of the span without, which their own prices stand for."""
    sha256: str = ""
    """See `candles_digest`."""

    def summary(self) -> dict[str, str | int]:
        """The object `data.mark` of summary.json."""
        if self.candles is None:
            return {}
        return {
            "source": self.source,
            "timeframe": timeframe_name(self.candles.interval),
            "candles": len(self.candles.time),
            "missing": self.missing,
            "sha256": self.sha256,
        }


NO_MARKET_MARKS = MarketMarks()


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


@dataclass(frozen=True, eq=False)
class MarketData:
    """Candles of one market: warm-up first, then the span [start, end) that is traded."""

    candles: Candles
    symbol: str
    """As the exchange writes it, such as BTC/USDT."""
    origin: Origin
    detail: str
    """Where exactly: a file name, an exchange, or the seed."""
    start: int
    """Index of the first candle of the span; what lies before is warm-up."""
    start_time: int
    """First moment of the span, in milliseconds."""
    end_time: int
    """First moment after the span, in milliseconds."""
    unit: Unit = "base"
    """What the volumes count; only those of the base currency tell a lot."""
    filters: Filters | None = None
    """The exchange's own, as they were kept beside its candles; None where unknown."""
    maintenance: Maintenance | None = None
    """Tiers of a swap's maintenance margin, as they were kept there; None where unknown."""
    funding: MarketFunding = NO_MARKET_FUNDING
    """Rates of a swap; without a source where none are known."""
    notes: tuple[str, ...] = ()
    """What was said about these candles: left out, late, of another kind than asked for."""
    finer: Finer | None = None
    """Finer candles inside those of the span (C21)."""
    marks: MarketMarks = NO_MARKET_MARKS
    """What a swap is liquidated by (C20); without candles where no mark prices are known."""

    @property
    def timeframe(self) -> str:
        """Name of the candles' length, such as 15m."""
        return timeframe_name(self.candles.interval)

    @property
    def source(self) -> str:
        """Origin and detail in one string, such as "file: BTCUSDT_15m.parquet"."""
        return f"{self.origin}: {self.detail}"

    @property
    def synthetic(self) -> bool:
        """Whether the candles are invented."""
        return self.origin == "synthetic"

    @property
    def count(self) -> int:
        """Candles in the span, warm-up not counted."""
        return len(self.candles.time) - self.start

    @property
    def missing(self) -> int:
        """Candles that the span should hold and does not."""
        interval = self.candles.interval
        expected = -(-self.end_time // interval) - -(-self.start_time // interval)
        return expected - self.count

    @cached_property
    def price_digits(self) -> int:
        """Decimals of the prices of the last INFERRED_DAYS."""
        from stoptrail.rules.market import decimals  # with Numba, which takes a second

        c, late = self.candles, lately(self.candles.time)
        return decimals(np.concatenate([c.open[late], c.high[late], c.low[late], c.close[late]]))

    @cached_property
    def volume_digits(self) -> int:
        """Decimals of the volumes of the last INFERRED_DAYS; where they are not of the base
        currency, those of the finest lot."""
        from stoptrail.rules.market import FINEST_LOT_DIGITS, decimals

        if self.unit != "base":
            return FINEST_LOT_DIGITS
        return decimals(self.candles.volume[lately(self.candles.time)])

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of every candle given, warm-up included; see `candles_digest`."""
        return candles_digest(self.candles)

    def summary(self) -> dict[str, Any]:
        """The `data` object of summary.json."""
        finer = {"detail": self.finer.summary()} if self.finer else {}
        funding = {"funding": self.funding.summary()} if self.funding.source else {}
        marks = {"mark": self.marks.summary()} if self.marks.source else {}
        return {
            **funding,
            **marks,
            "source": self.source,
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "start": iso(self.start_time),
            "end": iso(self.end_time),
            "candles": self.count,
            "missing": self.missing,
            "synthetic": self.synthetic,
            "volume": self.unit,
            "notes": list(self.notes),
            **finer,
        }


def with_unknown_volume(candles: Candles) -> Candles:
    """Candles of unknown volume as every engine is to see them (C2): none is silent."""
    volume = candles.volume
    return candles._replace(volume=np.where(volume > 0, volume, UNKNOWN_VOLUME))


def candles_digest(candles: Candles) -> str:
    """SHA-256 over the columns in the order of `Candles`, as little-endian bytes:
    time as int64, then open, high, low, close and volume as float64."""
    digest = hashlib.sha256(np.ascontiguousarray(candles.time, "<i8").data)
    for column in candles[1:6]:
        digest.update(np.ascontiguousarray(column, "<f8").data)
    return digest.hexdigest()


def same_candles(markets: Mapping[str, Candles]) -> list[str]:
    """Two names of one market, a line for each pair: where both have a candle, all prices are
    equal. Such markets spread nothing, and what is counted over markets counts them twice."""
    lines = []
    for one, other in combinations(markets, 2):
        ours, theirs = markets[one], markets[other]
        _, mine, yours = np.intersect1d(
            ours.time, theirs.time, assume_unique=True, return_indices=True
        )
        pairs = zip(ours[1:5], theirs[1:5], strict=True)
        if len(mine) > 1 and all(np.array_equal(a[mine], b[yours]) for a, b in pairs):
            lines.append(
                f"{one} and {other} have the same candles: they count as two markets and are "
                "one; give each market its own file"
            )
    return lines


def at_midnight(candles: Candles) -> Candles:
    """Those that open at 00:00 UTC: enough to know a market by."""
    first = candles.time % DAY == 0
    return Candles._make([*(column[first] for column in candles[:6]), candles.interval])
