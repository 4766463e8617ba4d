"""Where and what is traded: candles, costs, account, exchange filters."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from stoptrail.config.section import SettingsSection
from stoptrail.core.text import plain
from stoptrail.core.time import (
    DAY_MS,
    Moment,
    Timeframe,
    time_ms,
    timeframe_ms,
    zone_of,
)
from stoptrail.rules.candles import Times

Fraction = Annotated[float, Field(ge=0, lt=1)]
Step = Annotated[float, Field(ge=1e-12, le=1e12)]
Positive = Annotated[float, Field(gt=0)]
Tiers = tuple[tuple[float, float], ...]
"""Notional, or units, from which on a fraction has to stay in the account, and that fraction; both
ascending."""
MAINTENANCE = 0.005
"""Maintenance margin of a swap of which nothing is known."""


def _maintenance(value: Any) -> float | Tiers | None:
    """A fraction, or tiers, or neither. Raises PydanticCustomError for anything else."""
    if value is None:
        return None
    rows = [[0.0, value]] if isinstance(value, int | float) else value
    try:
        tiers = tuple((float(begin), float(rate)) for begin, rate in rows)
    except (TypeError, ValueError, OverflowError):
        raise _no_margin(
            "must be a fraction or a list of [notional from, fraction]", value
        ) from None
    if not all(0.0 <= begin < math.inf and 0.0 <= rate < 1.0 for begin, rate in tiers):
        raise _no_margin("must have notionals of 0 or more and fractions of 0 to below 1", value)
    if not tiers or tiers[0][0] != 0.0:
        raise _no_margin("must begin with a tier from a notional of 0", value)
    if any(a[0] >= b[0] or a[1] > b[1] for a, b in pairwise(tiers)):
        raise _no_margin("must have notionals and fractions that ascend from tier to tier", value)
    return tiers[0][1] if len(tiers) == 1 else tiers


def _no_margin(rule: str, received: Any) -> PydanticCustomError:
    return PydanticCustomError("margin", "{rule}", {"rule": rule, "received": received})


def _column_names(value: Any) -> Any:
    """Names joined by commas, also where they are given as a list."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = ",".join(value)
    if not isinstance(value, str) or not value:
        return value
    names = [name.strip().lower() for name in value.split(",")]
    for name in ("time", "open", "high", "low", "close"):
        if names.count(name) != 1:
            raise ValueError(
                f"must name the column {name} once, such as 'time,open,high,low,close,volume' "
                "(any other name for a column that is not needed)"
            )
    return ",".join(names)


_LONGEST_SYMBOL = 100


def _market_name(symbol: str) -> str:
    """A symbol as exchanges and files write it: base and quote, neither of them a way to
    somewhere else."""
    parts = symbol.split("/")
    if (
        len(symbol) > _LONGEST_SYMBOL
        or len(parts) > 2
        or not all(part.strip(". ") for part in parts)
        or "\\" in symbol
        or plain(symbol) != symbol
    ):
        raise ValueError("must name a market, such as BTC/USDT or BTC/USDT:USDT")
    return symbol


MarketName = Annotated[str, Field(min_length=1), AfterValidator(_market_name)]


def _known_zone(name: str) -> str:
    if name:
        zone_of(name)
    return name


def _known_timeframe(name: str) -> str:
    if name:
        timeframe_ms(name)
    return name


class Data(SettingsSection):
    """Which candles a run reads."""

    exchange: Annotated[str, Field(pattern=r"^[a-z0-9]+$")] = "binance"
    """ccxt's id of the exchange that candles are downloaded from."""
    symbol: MarketName = "BTC/USDT"
    """Market in ccxt's notation."""
    timeframe: Timeframe = "15m"
    """Length of a base candle."""
    start: Moment = ""
    """First moment of the span; "" = five years before its end."""
    end: Moment = ""
    """The moment after the span; "" = the last midnight that the data has."""
    path: str = ""
    """Candle file, folder, archive or pattern, relative to the working folder; "" = none."""
    columns: Annotated[str, BeforeValidator(_column_names)] = ""
    """Names of a file's columns in their order, with commas; "" = its header's."""
    zone: Annotated[str, AfterValidator(_known_zone)] = ""
    """Zone of a file's times that have no offset; "" = UTC, which is said."""
    epochs: Literal["utc", "local"] = "utc"
    """"local": a file's epochs were made of local time, and `zone` is that of them too."""
    stamp: Literal["auto", "open", "close"] = "auto"
    """Whether a file's times are opens or closes; "auto": as its layout has it, else opens."""
    volume: Literal["known", "unknown"] = "known"
    """"unknown": a candle without volume is not held to be silent (C2)."""
    source: Literal["auto", "exchange", "file", "synthetic"] = "auto"
    cache: Annotated[str, Field(min_length=1)] = "cache"
    """Folder of downloaded candles."""
    archive: Annotated[str, Field(pattern=r"^https?://\S+$")] = "https://data.binance.vision"
    """Host of Binance's public archive, for `data download --archive`."""
    detail: Annotated[str, AfterValidator(_known_timeframe)] = ""
    """Length of finer candles inside the base candles (C21); "" = none, or as `detail_path` has
    them."""
    detail_path: str = ""
    """File of finer candles; "" = where the base candles come from."""
    funding: str = ""
    """File, folder or archive of funding rates; "" = those of `data download --funding`."""
    funding_gaps: Literal["refuse", "zero"] = "refuse"
    """"zero": hours that the rates do not cover pay nothing, and are counted."""
    mark_path: str = ""
    """File, folder or archive of mark candles; "" = those of `data download --mark`."""
    synthetic_seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    """Seed of the built-in synthetic market."""

    @property
    def interval(self) -> int:
        """Length of a base candle in milliseconds."""
        return timeframe_ms(self.timeframe)

    @property
    def has_detail(self) -> bool:
        """Whether base candles are walked by finer ones."""
        return bool(self.detail or self.detail_path)

    @property
    def detail_interval(self) -> int:
        """Length of a finer candle in milliseconds, 0 where the file says it."""
        return timeframe_ms(self.detail) if self.detail else 0

    @property
    def start_ms(self) -> int | None:
        """Start of the span in milliseconds since the epoch, None where it is open."""
        return time_ms(self.start) if self.start else None

    @property
    def end_ms(self) -> int | None:
        """End (exclusive) of the span in milliseconds, None where it is open."""
        return time_ms(self.end) if self.end else None


class CostSettings(SettingsSection):
    """What trading costs (C12)."""

    taker_fee: Annotated[float, Field(ge=0, le=0.1)] = 0.001
    """Fraction of the notional of every fill."""
    slippage: Annotated[float, Field(ge=0, le=0.1)] = 0.0002
    """Fraction by which every market and stop fill is worse than its price."""
    borrow_daily: Annotated[float, Field(ge=0, le=0.1)] = 0.0002
    """Fraction of a short's notional a day, on spot and margin."""
    maker_fee: Annotated[float, Field(ge=-0.01, le=0.1)] | None = None
    """Fraction of the notional of a target's fill (C18); left out: the taker's. Below 0 the
    exchange pays it."""
    funding_rate: Annotated[float, Field(ge=-0.005, le=0.005)] | None = None
    """Fraction of the notional that longs pay to shorts every eight hours on a swap, instead of
    published rates."""


class AccountSettings(SettingsSection):
    """What a run starts with."""

    cash: Positive = 100_000.0
    """In the quote currency."""


class Filters(NamedTuple):
    """The exchange's order filters; None where only the data can tell."""

    tick: float | None
    """Price step in the quote currency."""
    lot: float | None
    """Quantity step in the base currency."""
    min_quantity: float | None
    min_notional: float | None

    def changes(self, later: Filters) -> str:
        """Which of them are others in `later`, in words; "" without any, and of those that
        either does not know."""
        pairs = zip(self._fields, self, later, strict=True)
        return ", ".join(
            f"market.{name} {now:.10g} (was {before:.10g})"
            for name, before, now in pairs
            if now is not None and before is not None and now != before
        )


class Maintenance(NamedTuple):
    """The tiers of an exchange's maintenance margin."""

    tiers: Tiers
    by: Literal["notional", "units"]
    """What they begin at; units are coins."""
    place: str
    """Exchange and day, such as "bybit 2026-11-28"."""

    @property
    def source(self) -> str:
        """`place`, and by which tiers it holds for."""
        return f"{self.place} #{tiers_mark(self.tiers, self.by)}"


def tiers_words(tiers: Tiers) -> str:
    """Such as "0.005", or "9 tiers from 0.005 to 0.25"."""
    rates = [rate for _, rate in tiers]
    return (
        f"{rates[0]:g}"
        if len(rates) == 1
        else f"{len(rates)} tiers from {rates[0]:g} to {rates[-1]:g}"
    )


def tiers_mark(tiers: Tiers, by: str) -> str:
    """Eight digits by which these tiers are known from others."""
    return hashlib.sha256(repr((by, tiers)).encode()).hexdigest()[:8]


INFERRED_DAYS = 90
"""Days before the end whose decimals tell tick and lot: exchanges coarsen them as prices
rise, and years ago they were finer."""


def lately(time: Times) -> slice:
    """The candles of the last INFERRED_DAYS; `time` holds at least one open time, ascending."""
    return slice(int(np.searchsorted(time, time[-1] - INFERRED_DAYS * DAY_MS)), None)


KNOWN_FILTERS = {"BTC/USDT": Filters(0.01, 0.00001, 0.00001, 5.0)}
"""Binance spot, exchangeInfo: PRICE_FILTER, LOT_SIZE and NOTIONAL."""


class MarketSettings(SettingsSection):
    """Type of the market and its order filters (C13)."""

    type: Literal["auto", "spot", "margin", "swap"] = "auto"
    """"auto": as the symbol says, swap with a colon and spot without."""
    tick: Step | None = None
    lot: Step | None = None
    min_quantity: Annotated[float, Field(ge=0)] | None = None
    min_notional: Annotated[float, Field(ge=0)] | None = None
    maintenance_margin: Annotated[float | Tiers | None, BeforeValidator(_maintenance)] = None
    """Fraction of the notional that has to stay in the account of a swap, or a list of
    [notional from, fraction] (C20); None: the exchange's tiers as they were downloaded, else
    MAINTENANCE."""
    maintenance_by: Literal["notional", "units"] = "notional"
    """What tiers begin at: of the notional each slice has its own fraction; of the units that
    the position has more of, the fraction is the whole position's."""
    maintenance_source: str = ""
    """Which exchange's tiers `maintenance_margin` holds, as `Maintenance.source` says it; "": one's
    own."""
    liquidation_fee: Annotated[float, Field(ge=0, le=0.5)] | None = None
    """Fraction of the notional that a liquidation costs beside the taker's fee; None: the
    maintenance margin there, which is all that is left."""

    @property
    def maintenance_steps(self) -> Tiers:
        """`maintenance_margin` as tiers."""
        margin = MAINTENANCE if self.maintenance_margin is None else self.maintenance_margin
        return ((0.0, margin),) if isinstance(margin, float) else margin

    @property
    def maintenance_from(self) -> str:
        """ "settings", "default", or the exchange and the day of its tiers."""
        if self.maintenance_margin is None:
            return "default"
        place, _, mark = self.maintenance_source.rpartition(" #")
        theirs = mark == tiers_mark(self.maintenance_steps, self.maintenance_by)
        return place if theirs else "settings"

    def filters(self, symbol: str) -> Filters:
        """What is configured, else what is known of `symbol`, else None, field by field."""
        known = KNOWN_FILTERS.get(symbol, Filters(None, None, None, None))
        return Filters(
            *(
                known_value if own is None else own
                for own, known_value in zip(
                    (self.tick, self.lot, self.min_quantity, self.min_notional), known, strict=True
                )
            )
        )
