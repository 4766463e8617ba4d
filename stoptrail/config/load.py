"""From strategy.toml and --set to checked settings, or one line that says what is wrong; and
back to TOML."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stoptrail.config.explain import explain
from stoptrail.config.foreign import Taken, require_trusted
from stoptrail.config.grid import build_grid, check_keys
from stoptrail.config.overrides import apply_overrides
from stoptrail.config.secrets import redacted
from stoptrail.config.settings import Settings, as_table
from stoptrail.core.errors import ConfigError
from stoptrail.core.files import read_text

FILE_NAME = "strategy.toml"
SHIPPED = Path(__file__).parents[1] / FILE_NAME
"""The commented defaults that the package ships."""


def load_settings(
    path: Path | str | None = None,
    overrides: Sequence[str] = (),
    taken: Taken | None = None,
    trust: bool = False,
    *,
    searching: bool = True,
) -> Settings:
    """The settings in the file at `path`, with "key=value" `overrides` applied in order.

    Without a path: strategy.toml of the working folder, else the one that the package
    ships. The sections `taken` from a run's folder stand before the file's own; `trust`
    says that their import paths may be used. Without `searching` the values of the grid are
    left alone: a single run has no use for them, and they may not fit its candles.

    Raises ConfigError with one line naming file (folder, or --set), key, rule and value.
    """
    file = Path(path) if path else default_file()
    table = read_table(file)
    if taken is not None:
        own = copy.deepcopy(table)
        apply_overrides(own, overrides)
        require_trusted(taken, own, trust)
        table = _with_taken(table, taken)
    changed = apply_overrides(table, overrides)

    def source_of(key: str) -> str:
        if any(f"{key}.".startswith(f"{name}.") for name in changed):
            return "--set"
        if taken is not None and key.partition(".")[0] in taken.sections:
            return taken.place
        return str(file)

    return checked(table, source_of, searching=searching)


def with_overrides(
    settings: Settings, overrides: Sequence[str], *, searching: bool = True
) -> Settings:
    """A copy of `settings` with "key=value" `overrides` applied in order, checked anew.
    Raises ConfigError."""
    if not overrides:
        return settings
    table = as_table(settings)
    changed = apply_overrides(table, overrides)
    return checked(
        table, lambda key: "overrides" if key in changed else "settings", searching=searching
    )


def checked(
    table: dict[str, Any], source_of: Callable[[str], str], *, searching: bool = True
) -> Settings:
    """The settings that tables hold; `source_of` names where a dotted key comes from.
    Raises ConfigError."""
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        raise ConfigError(explain(error, source_of)) from None
    if searching:
        build_grid(settings, source_of)
    else:
        check_keys(settings, source_of)
    return settings


def default_file() -> Path:
    """strategy.toml of the working folder, else the one that the package ships."""
    return Path(FILE_NAME) if Path(FILE_NAME).is_file() else SHIPPED


def read_table(file: Path) -> dict[str, Any]:
    """The tables of a TOML file; ConfigError where it cannot be read or parsed."""
    text = read_text(file, "configuration file", ConfigError)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}") from None
    except ValueError:  # Python converts no text of more than 4,300 digits
        raise ConfigError(f"{file}: is not valid TOML: a number has too many digits") from None
    except RecursionError:
        raise ConfigError(f"{file}: is not valid TOML: it is nested too deeply") from None


def _with_taken(table: dict[str, Any], taken: Taken) -> dict[str, Any]:
    """The user's tables with a run's sections in place of theirs; the user's grid, which may
    belong to another signal, is left out."""
    sweep = table.get("sweep")
    if isinstance(sweep, dict):
        table = {**table, "sweep": {k: v for k, v in sweep.items() if k != "grid"}}
    return {**table, **taken.sections}


def public_table(settings: Settings) -> dict[str, Any]:
    """The settings as nested plain tables without None and without secrets."""
    return {
        section: {key: redacted(value, f"{section}.{key}") for key, value in table.items()}
        for section, table in as_table(settings).items()
    }


def to_toml(settings: Settings) -> str:
    """TOML that loads as equal settings, but for secrets, which read ***."""
    import tomli_w

    return tomli_w.dumps(public_table(settings))
