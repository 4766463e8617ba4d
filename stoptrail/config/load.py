"""From strategy.toml and --set to checked settings, or one line that says what is wrong; and
back to TOML."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stoptrail.config.book import SECTIONS, ResolvedSleeve, SleeveSettings, sleeve_table
from stoptrail.config.foreign import Taken, require_trusted
from stoptrail.config.grid import build_grid, check_keys
from stoptrail.config.search import flat_grid
from stoptrail.config.secrets import redacted
from stoptrail.config.section import explain
from stoptrail.config.settings import Settings, as_table
from stoptrail.config.trading import Strategy
from stoptrail.core.errors import ConfigError
from stoptrail.core.files import read_text
from stoptrail.core.text import HIDDEN

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
        if is_within(key, changed):
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
    for number, sleeve in enumerate(settings.book.sleeves):
        if not sleeve.source:
            place = f"book.sleeves.{number}"
            sleeve_settings(settings, sleeve_of(settings, sleeve), f"{source_of(place)}: {place}")
    return settings


def sleeve_of(settings: Settings, sleeve: SleeveSettings) -> ResolvedSleeve:
    """A sleeve of [book] without what a run's folder has to say."""
    own = sleeve.model_dump(mode="json", exclude_none=True)
    table = {name: own[name] for name in ("data", *SECTIONS) if name in own}
    return ResolvedSleeve(sleeve.symbol or settings.data.symbol, sleeve.share, table, {})


def sleeve_settings(settings: Settings, sleeve: ResolvedSleeve, place: str) -> Settings:
    """The settings of one sleeve of the book of `settings`, checked; `place` names it in
    errors. Raises ConfigError."""
    table = sleeve_table(as_table(settings), sleeve)
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        raise ConfigError(explain(error, lambda _key: place)) from None


def default_file() -> Path:
    """strategy.toml of the working folder, else the one that the package ships."""
    return Path(FILE_NAME) if Path(FILE_NAME).is_file() else SHIPPED


def read_table(file: Path) -> dict[str, Any]:
    """The tables of a TOML file; ConfigError where it cannot be read or parsed."""
    text = read_text(file, "configuration file", ConfigError)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}{_what_goes(text, error)}") from None
    except ValueError:  # Python converts no text of more than 4,300 digits
        raise ConfigError(f"{file}: is not valid TOML: a number has too many digits") from None
    except RecursionError:
        raise ConfigError(f"{file}: is not valid TOML: it is nested too deeply") from None


def _what_goes(text: str, error: tomllib.TOMLDecodeError) -> str:
    """What may stand behind the "=" of the line that `error` names, "" where it has none. Its own
    value is not told: it may be a secret."""
    place = re.search(r"at line (\d+)", str(error))
    key, equals, _ = text.split("\n")[int(place[1]) - 1].partition("=") if place else ("", "", "")
    if not equals or not re.fullmatch(r"[\w.\"-]+", key.strip()):
        return ""
    return f'; behind "{key.strip()} =" goes 3.5, true, a "text" in quotes or a list of these'


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


GRID = "sweep.grid"
_KEY = re.compile(r'[\w."-]{0,80}')


def is_within(key: str, changed: Sequence[str]) -> bool:
    """Whether one of the keys `changed` is `key`, or a table that has it."""
    return any(f"{key}.".startswith(f"{name}.") for name in changed)


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
    key = key.replace('"', "").replace("'", "")  # as a file quotes the keys of its grid
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
