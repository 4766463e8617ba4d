"""--set KEY=VALUE: values put into the tables of a file before they are checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from stoptrail.config.search import flat_grid
from stoptrail.config.trading import Strategy
from stoptrail.core.errors import ConfigError
from stoptrail.core.text import HIDDEN

GRID = "sweep.grid"
_KEY = re.compile(r'[\w."-]{0,80}')


def apply_overrides(table: dict[str, Any], overrides: Sequence[str]) -> list[str]:
    """Put "key=value" texts into `table`, in order; the dotted keys that they made or changed.

    A value is read as TOML, and as plain text where it is none. Where they name another
    signal, the parameters of the file's own signal, in [strategy] and the grid, are
    dropped. Raises ConfigError where a text is no KEY=VALUE or names no table.
    """
    signal, sections = _signal_of(table), set(table)
    changed = [_override(table, text) for text in overrides]
    if _signal_of(table) != signal:
        _forget_parameters(table, changed)
    return changed + [section for section in table if section not in sections]


def as_texts(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Python values by dotted key as "key=value" texts. Raises ConfigError where TOML knows
    no such value."""
    return tuple(f"{key}={_as_toml(key, value)}" for key, value in values.items())


def _as_toml(key: str, value: Any) -> str:
    import tomli_w

    plain = value.tolist() if hasattr(value, "tolist") else value  # NumPy's numbers and arrays
    if isinstance(plain, Mapping):
        return "{" + ", ".join(as_texts(plain)) + "}"
    try:
        return tomli_w.dumps({"value": plain}).partition("=")[2].strip()
    except TypeError:
        raise ConfigError(f"{key}: {value!r} is no value of a setting") from None


def _override(table: dict[str, Any], text: str) -> str:
    """Put one "key=value" into `table`; the dotted key."""
    key, equals, value = (part.strip() for part in text.partition("="))
    parts = key.split(".")
    shown = key if _KEY.fullmatch(key) else HIDDEN  # it may be the secret itself
    if not equals or not all(parts):
        raise ConfigError(f"--set {shown}: must be KEY=VALUE, such as stop.atr_period=14")
    if len(parts) < 2:
        raise ConfigError(f"--set {shown}: the key must be SECTION.NAME, such as stop.atr_period")
    if key.startswith(f"{GRID}."):
        return _override_grid(table, key, _toml_value(value))
    for depth, part in enumerate(parts[:-1]):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            place = ".".join(parts[: depth + 1]) if shown == key else HIDDEN
            raise ConfigError(f"--set {shown}: {place} is not a table")
    table[parts[-1]] = _toml_value(value)
    return key


def _override_grid(table: dict[str, Any], key: str, value: Any) -> str:
    """Replace one key of the grid, however the file wrote it."""
    sweep = table.setdefault("sweep", {})
    if isinstance(sweep, dict):
        grid = sweep.get("grid", {})
        flat = flat_grid(grid) if isinstance(grid, dict) else {}
        sweep["grid"] = {**flat, key.removeprefix(f"{GRID}."): value}
    return key


def _signal_of(table: dict[str, Any]) -> Any:
    strategy = table.get("strategy", {})
    return strategy.get("signal") if isinstance(strategy, dict) else None


def _forget_parameters(table: dict[str, Any], changed: Sequence[str]) -> None:
    """Drop the parameters of the file's signal, which overrides replaced by another."""

    def kept(name: str, prefix: str) -> bool:
        return name in Strategy.model_fields or f"{prefix}strategy.{name}" in changed

    table["strategy"] = {k: v for k, v in table["strategy"].items() if kept(k, "")}
    sweep = table.get("sweep")
    if GRID in changed:
        return  # a grid that was given as a whole is meant for the new signal
    if isinstance(sweep, dict) and isinstance(sweep.get("grid"), dict):
        flat = flat_grid(sweep["grid"])
        own = "strategy."
        sweep["grid"] = {
            key: values
            for key, values in flat.items()
            if not key.startswith(own) or kept(key.removeprefix(own), f"{GRID}.")
        }


def _toml_value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # no TOML, too many digits, or nested too deeply
        return text
    return table["value"] if set(table) == {"value"} else text
