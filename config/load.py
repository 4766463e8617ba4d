"""From strategy.toml and --set to checked settings, or one line that says what is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.explain import explain
from config.grid import build_grid
from config.ranges import flat_grid
from config.settings import Settings
from config.trading import Strategy
from errors import ConfigError

FILE_NAME = "strategy.toml"
GRID = "sweep.grid"


def load_settings(path: Path | str | None = None, overrides: Sequence[str] = ()) -> Settings:
    """The settings in the file at `path`, with "key=value" `overrides` applied in order.

    Without a path: strategy.toml of the working folder, else the one beside the
    program. A value is read as TOML, and as plain text where it is none. Where
    overrides name another signal, the file's parameters of its own signal (in
    [strategy] and the grid) do not count. Raises
    ConfigError with one line naming file (or override), key, rule and value.
    """
    file = Path(path) if path else default_file()
    table = read_table(file)
    signal = _signal_of(table)
    changed = [_override(table, text) for text in overrides]
    if _signal_of(table) != signal:
        _forget_parameters(table, changed)

    def source_of(key: str) -> str:
        overridden = any(f"{key}.".startswith(f"{name}.") for name in changed)
        return "--set" if overridden else str(file)

    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        raise ConfigError(explain(error, source_of)) from None
    build_grid(settings, source_of)
    return settings


def default_file() -> Path:
    """strategy.toml of the working folder, else the one that the project ships."""
    for folder in (Path(), Path(__file__).resolve().parent.parent):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise ConfigError(f"{FILE_NAME}: not found in the working folder; name one with --config")


def read_table(file: Path) -> dict[str, Any]:
    """The tables of a TOML file; ConfigError where it cannot be read or parsed."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such configuration file") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not a text in UTF-8") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}") from None


def _override(table: dict[str, Any], text: str) -> str:
    """Put one "key=value" into `table`; the dotted key."""
    key, equals, value = (part.strip() for part in text.partition("="))
    parts = key.split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set {text}: must be KEY=VALUE, such as stop.atr_period=14")
    if len(parts) < 2:
        raise ConfigError(f"--set {text}: the key must be SECTION.NAME, such as stop.atr_period")
    if key.startswith(f"{GRID}."):
        return _override_grid(table, key, _toml_value(value))
    for depth, part in enumerate(parts[:-1]):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {text}: {'.'.join(parts[: depth + 1])} is not a table")
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
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if set(table) == {"value"} else text
