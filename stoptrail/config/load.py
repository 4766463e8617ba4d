"""From strategy.toml and --set to checked settings, or one line that says what is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stoptrail.config.explain import explain
from stoptrail.config.grid import build_grid
from stoptrail.config.overrides import apply_overrides
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError

FILE_NAME = "strategy.toml"
SHIPPED = Path(__file__).parents[1] / FILE_NAME
"""The commented defaults that the package ships."""


def load_settings(path: Path | str | None = None, overrides: Sequence[str] = ()) -> Settings:
    """The settings in the file at `path`, with "key=value" `overrides` applied in order.

    Without a path: strategy.toml of the working folder, else the one that the
    package ships. Raises ConfigError with one line naming file (or --set), key, rule and value.
    """
    file = Path(path) if path else default_file()
    table = read_table(file)
    changed = apply_overrides(table, overrides)

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
    """strategy.toml of the working folder, else the one that the package ships."""
    return Path(FILE_NAME) if Path(FILE_NAME).is_file() else SHIPPED


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
