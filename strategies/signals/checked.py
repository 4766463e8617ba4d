"""What an entry signal returns, checked before any engine trades on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stoptrail.core.errors import USERS_CODE, ConfigError, StopTrailError
from stoptrail.core.time import iso
from stoptrail.rules.candles import Candles, Sides, Signals, shown

ZONES = (-1, 0, 1)


def name_of(signal: Callable[..., Any]) -> str:
    """What a signal is called in messages."""
    return str(getattr(signal, "__name__", signal))


def checked_signals(
    signal: Callable[..., Any], candles: Candles, parameters: dict[str, Any]
) -> Signals:
    """The signal over all candles, which it gets read-only; zones as int8, shape (n,).

    Raises ConfigError with one line that names signal, candle and value where the signal
    fails, or where its zones are anything but -1, 0 and 1 for each candle.
    """
    name = name_of(signal)
    try:
        found = signal(shown(candles), **parameters)
    except StopTrailError:
        raise
    except USERS_CODE as error:
        first = (str(error).splitlines() or [""])[0]
        raise ConfigError(f"signal {name} failed: {type(error).__name__}: {first}") from error
    n = len(candles.time)
    if not isinstance(found, Signals):
        raise ConfigError(
            f"signal {name} must return stoptrail.Signals with {n} candles, "
            f"not {type(found).__name__}"
        )
    return Signals(
        _zones(name, "zone", found.zone, candles),
        _zones(name, "exit_zone", found.exit_zone, candles),
        _warm(name, found.warm, n),
    )


def require_zone(signal: Callable[..., Any], field: str, value: Any, time: int) -> None:
    """Raise ConfigError where a stepper's `value` at the candle of `time` (ms) is no zone."""
    if value not in ZONES:
        raise ConfigError(_wrong(name_of(signal), field, value, time))


def _zones(name: str, field: str, values: Any, candles: Candles) -> Sides:
    n = len(candles.time)
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.empty(0, object)
    if array.shape != (n,):
        raise ConfigError(
            f"signal {name}: {field} must have one value for each of the {n} candles, shape "
            f"({n},), not {array.shape}"
        )
    if not n or (array.dtype.kind in "iub" and array.min() >= -1 and array.max() <= 1):
        return np.ascontiguousarray(array, np.int8)
    wrong = next((row for row, value in enumerate(array.tolist()) if not _is_zone(value)), None)
    if wrong is not None:
        value = array[wrong : wrong + 1].tolist()[0]
        raise ConfigError(_wrong(name, field, value, int(candles.time[wrong])))
    raise ConfigError(
        f"signal {name}: {field} must be whole numbers (int8), not {array.dtype} such as "
        f"{array.tolist()[0]!r} at the candle of {iso(int(candles.time[0]))}: end it with "
        ".astype(np.int8)"
    )


def _is_zone(value: Any) -> bool:
    return isinstance(value, bool | int | float) and value in ZONES


def _wrong(name: str, field: str, value: Any, time: int) -> str:
    return (
        f"signal {name}: {field} is {value!r} at the candle of {iso(time)}: it must be -1, 0 or 1 "
        "(np.sign turns patterns of +-100 into such; NaN is no zone)"
    )


def _warm(name: str, warm: Any, n: int) -> int:
    if not isinstance(warm, int | np.integer) or not 0 <= warm <= n:
        raise ConfigError(
            f"signal {name}: warm is {warm!r}: it must be the index of the first candle at which "
            f"every indicator is known, 0 to {n}"
        )
    return int(warm)
