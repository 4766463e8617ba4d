"""A small signal for tests of the configuration; it finds nothing."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from stoptrail.rules.candles import Candles, Signals


def example(
    candles: Candles,
    *,
    trend: Literal["ema", "roc"] = "roc",
    trend_period: Annotated[int, Field(ge=2, le=500)] = 30,
    cycle_threshold: Annotated[float, Field(ge=0, le=1)] = 0.5,
) -> Signals:
    n = len(candles.time)
    return Signals(np.zeros(n, np.int8), np.zeros(n, np.int8), 0)


def untyped(candles: Candles, *, period=3):  # type: ignore[no-untyped-def]
    return candles, period


def clashing(candles: Candles, *, sides: str = "both") -> None:
    del candles, sides


def unresolved(candles: Candles, *, period: NoSuchType = 3) -> None:  # type: ignore[name-defined]  # noqa: F821
    del candles, period
