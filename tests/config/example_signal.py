"""A small signal for tests of the configuration; it finds nothing."""

from __future__ import annotations

from enum import Enum, IntEnum
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


class Model(IntEnum):
    """Names that are numbers."""

    SLOW = 1
    QUICK = 2
    MIXED = 3


class Tone(Enum):
    """Names that are words."""

    LOUD = "loud"
    SOFT = "soft"


def named(
    candles: Candles,
    *,
    literal: Literal[1, 2, 3] = 1,
    model: Model = Model.SLOW,
    tone: Tone = Tone.LOUD,
    maybe: Annotated[Literal[4, 5, 6] | None, Field()] = None,
    period: Annotated[int, Field(ge=1)] = 10,
    word: str = "1",
) -> Signals:
    assert isinstance(model, Model)
    assert isinstance(tone, Tone)
    del literal, maybe, period, word
    return example(candles)


def untyped(candles: Candles, *, period=3):  # type: ignore[no-untyped-def]
    return candles, period


def clashing(candles: Candles, *, sides: str = "both") -> None:
    del candles, sides


def unresolved(candles: Candles, *, period: NoSuchType = 3) -> None:  # type: ignore[name-defined]  # noqa: F821
    del candles, period


def mistyped(candles: Candles, *, period: int = "3", other: int | None = None) -> None:  # type: ignore[assignment]
    del candles, period, other


def placed(candles: Candles, hours: int = 24, *, days: int = 2) -> Signals:
    """Its hours can be given by position."""
    return example(candles)
