"""What a run does with its candles, and what comes of it; also as bytes for databases and other
processes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.config.own_code import OwnSize
from stoptrail.rules.candles import Floats, Signals
from stoptrail.rules.margin import NO_TIERS
from stoptrail.rules.own_exit import ExitRule
from stoptrail.rules.types import (
    Counts,
    FillLog,
    RunRules,
    StopLog,
    TradeLog,
)


class Plan(NamedTuple):
    """One parameter set, resolved."""

    signal: Callable[..., Signals]
    parameters: dict[str, Any]
    sides: int
    """Code of rules.types.SIDES."""
    atr_interval: int
    """Timeframe of the stop's ATR in milliseconds."""
    atr_period: int
    run_rules: RunRules
    own_size: OwnSize | None = None
    """The user's sizing function where rules.sizing.OWN is the kind."""
    exit_rule: ExitRule | None = None
    """A rule of the user's own, which counts where the stop is `ruled`; see `rule`."""

    tiers: Floats = NO_TIERS
    """rules.margin.margin_tiers of its market."""

    @property
    def size_call(self) -> Any:
        """What engines call of it; None without one."""
        return self.own_size.call if self.own_size else None

    @property
    def rule(self) -> ExitRule | None:
        """The rule of the user's own that stands for the trail."""
        return self.exit_rule if self.run_rules.trade_rules.stop.ruled else None

    @property
    def own_code(self) -> tuple[ExitRule | OwnSize | None, ...]:
        """What of it is the user's and is asked while trades are made."""
        return self.rule, self.own_size


class Record(NamedTuple):
    """What a run did."""

    trades: TradeLog
    stops: StopLog
    ignored: Counts
    fills: FillLog
    backing: Floats = np.empty(0)
    """Of the sleeve of a book: what each trade might lose (C20)."""


def pack(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Named arrays as bytes; equal arrays give equal bytes."""
    stream = io.BytesIO()
    for name, array in arrays.items():
        np.save(stream, np.array(name), allow_pickle=False)
        np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def unpack(content: bytes) -> dict[str, NDArray[Any]]:
    """What `pack` packed."""
    stream = io.BytesIO(content)
    arrays = {}
    while stream.tell() < len(content):
        name = str(np.load(stream, allow_pickle=False))
        arrays[name] = np.load(stream, allow_pickle=False)
    return arrays


def pack_record(record: Record) -> bytes:
    """A run's logs as bytes."""
    trades = {f"trades.{name}": column for name, column in record.trades._asdict().items()}
    stops = {f"stops.{name}": column for name, column in record.stops._asdict().items()}
    fills = {f"fills.{name}": column for name, column in record.fills._asdict().items()}
    return pack({**trades, **stops, **fills, "ignored": record.ignored})


def unpack_record(content: bytes) -> Record:
    """What `pack_record` packed."""
    arrays = unpack(content)
    trades = TradeLog(*(arrays[f"trades.{name}"] for name in TradeLog._fields))
    stops = StopLog(*(arrays[f"stops.{name}"] for name in StopLog._fields))
    fills = FillLog(*(arrays[f"fills.{name}"] for name in FillLog._fields))
    return Record(trades, stops, arrays["ignored"], fills)
