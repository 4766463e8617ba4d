"""The shipped entry signal: daily trend, 4h structure, cycle turn on the base candles."""

from __future__ import annotations

import math
from typing import Annotated, Any

import pydantic

from stoptrail.core.time import HOUR_MS
from stoptrail.rules.candles import Candles, Signals, source_of
from stoptrail.rules.cycle import (
    SHORTEST_PERIOD,
    CycleFilter,
    entry_zones,
    first_known,
    turn,
    zone_of,
)
from stoptrail.rules.jit import compiled
from stoptrail.rules.structure import StructureKind
from stoptrail.rules.timeframes import LineMemory
from stoptrail.rules.trend import MEASURED, TrendKind
from stoptrail.strategies.signals.timeframe_lines import (
    STRUCTURE_TIMEFRAME,
    CycleStep,
    StructureStep,
    TrendStep,
    cycle_line,
    cycle_turns,
    held_structure,
    held_trend,
    sides_held,
)

_memory = LineMemory(4)
"""A run asks for its zones several times."""


def mtf_cycle(
    candles: Candles,
    *,
    trend: TrendKind = "agreement",
    trend_period: Annotated[int, pydantic.Field(ge=4, le=400)] = 45,
    trend_strength: Annotated[float, pydantic.Field(ge=0, le=5)] = 0.5,
    structure: StructureKind = "average",
    structure_period: Annotated[int, pydantic.Field(ge=2, le=400)] = 12,
    cycle_filter: CycleFilter = "roofing",
    cycle_period: Annotated[float, pydantic.Field(ge=2, le=960)] = 18.0,
    cycle_threshold: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.2,
) -> Signals:
    """Long zone: the cycle is below -threshold and rising while the trend is up and the
    structure does not point down. Short zone: the mirror. Exit zone: any trough or
    peak on its side of the middle line, whatever trend and structure say.

    trend, trend_period: kind (rules/trend.py) and length in days.
    trend_strength: least t-statistic, for the kinds that measure one.
    structure, structure_period: kind (rules/structure.py) and length in 4h candles.
    cycle_filter, cycle_period: filter (rules/cycle.py) and period in hours, so that it
    means the same on every base timeframe.
    cycle_threshold: depth of the trough, as a fraction of the recent peak.
    """

    def make() -> Signals:
        of_trend = (trend, trend_period, trend_strength)
        of_structure = (structure, structure_period)
        shorts, longs = sides_held(candles, of_trend, of_structure)
        turned = cycle_turns(candles, cycle_filter, cycle_period, float(cycle_threshold))
        warm = compiled(first_known)(
            cycle_line(candles, cycle_filter, cycle_period),
            held_trend(candles, *of_trend),
            held_structure(candles, *of_structure),
        )
        leave = cycle_turns(candles, cycle_filter, cycle_period, 0.0)
        return Signals(entry_zones(turned, shorts, longs), leave, warm)

    name = (trend, trend_period, trend_strength, structure, structure_period)
    cycle = (cycle_filter, cycle_period, cycle_threshold)
    return _memory.line(source_of(candles), (*name, *cycle), make, is_locked=False)


def reinterpreted(interval: int, **parameters: Any) -> list[str]:
    """What these parameters cannot mean on base candles of `interval` milliseconds, and what
    is taken instead, a line each."""
    chosen = {**(mtf_cycle.__kwdefaults__ or {}), **parameters}
    hours, base = float(chosen["cycle_period"]), interval / HOUR_MS
    in_candles = hours / base
    lines = []
    if hours < SHORTEST_PERIOD * base:
        lines.append(
            f"strategy.cycle_period {hours:g} is {in_candles:.3g} candle"
            f"{'s' * (in_candles != 1.0)} of {base:g} h; below "
            f"{SHORTEST_PERIOD} there is no telling a cycle from noise: {SHORTEST_PERIOD * base:g} "
            "hours are taken"
        )
    if chosen["structure"] != "none" and STRUCTURE_TIMEFRAME % interval:
        lines.append(
            f"strategy.structure {chosen['structure']} is of 4h candles, which cannot be made of "
            f"candles of {base:g} h: those that open in each 4 hours are taken as they are"
        )
    return lines


def unread(**parameters: Any) -> dict[str, str]:
    """The parameters that the chosen kinds do not read, each with the choice that leaves it out."""
    chosen = {**(mtf_cycle.__kwdefaults__ or {}), **parameters}
    left_out = {}
    if chosen["trend"] not in MEASURED:
        left_out["trend_strength"] = f'strategy.trend is "{chosen["trend"]}"'
    if chosen["structure"] == "none":
        left_out["structure_period"] = 'strategy.structure is "none"'
    return left_out


class MtfCycleStep:
    """`mtf_cycle` one candle at a time, with the same parameters and defaults."""

    def __init__(self, interval_ms: int, **parameters: Any) -> None:
        chosen = {**(mtf_cycle.__kwdefaults__ or {}), **parameters}
        self._trend = TrendStep(
            interval_ms, chosen["trend"], chosen["trend_period"], chosen["trend_strength"]
        )
        self._structure = StructureStep(
            interval_ms, chosen["structure"], chosen["structure_period"]
        )
        self._cycle = CycleStep(interval_ms, chosen["cycle_filter"], chosen["cycle_period"])
        self._threshold = float(chosen["cycle_threshold"])
        self._previous = math.nan
        self._shown = (math.nan, math.nan)

    @property
    def reading(self) -> dict[str, float]:
        """Trend, structure and cycle at the last close, for people."""
        trend, structure = self._shown
        return {"trend": trend, "structure": structure, "cycle": self._previous}

    def step(
        self, time: int, open_: float, high: float, low: float, close: float, volume: float
    ) -> tuple[int, int]:
        """(zone, exit zone) at the close of this candle; `volume` plays no part."""
        del volume
        trend = self._trend.step(time, open_, high, low, close)
        structure = self._structure.step(time, open_, high, low, close)
        value = self._cycle.step(close)
        turned = turn(self._previous, value, self._threshold)
        exit_zone = turn(self._previous, value, 0.0)
        self._previous = value
        self._shown = (trend, structure)
        return zone_of(turned, trend, structure), exit_zone


mtf_cycle.stepper = MtfCycleStep  # type: ignore[attr-defined]
mtf_cycle.reinterpreted = reinterpreted  # type: ignore[attr-defined]
mtf_cycle.unread = unread  # type: ignore[attr-defined]
mtf_cycle.causal = True  # type: ignore[attr-defined]
