"""The sweep grid: every combination by its index, none of them kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from stoptrail.config.secrets import shown
from stoptrail.config.section import closest_hint, explain
from stoptrail.config.settings import Settings, known_keys, value_at, with_values
from stoptrail.core.errors import ConfigError

SECTIONS = ("strategy", "stop", "exits", "risk", "costs", "account", "market", "protections")
"""What a grid may vary: how trades are found, managed, sized and paid for. The candles,
the search itself and the session are the same for all combinations."""


class Grid(NamedTuple):
    """The values of every key; combinations are numbered row-major, last key fastest."""

    keys: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    names: frozenset[str] = frozenset()
    """Keys whose values name things, also where they are written as numbers."""

    @property
    def size(self) -> int:
        """Number of combinations; 1 without keys."""
        return prod(self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each key."""
        return tuple(len(values) for values in self.values)

    def combination(self, index: int) -> dict[str, Any]:
        """The values by key of combination `index`; IndexError outside 0 to size - 1."""
        if not 0 <= index < self.size:
            raise IndexError(f"combination {index} of {self.size}")
        chosen = []
        for values in reversed(self.values):
            index, position = divmod(index, len(values))
            chosen.append(values[position])
        return dict(zip(self.keys, reversed(chosen), strict=True))

    def combinations(self) -> Iterator[dict[str, Any]]:
        """All combinations in order, made as they are asked for."""
        return (self.combination(index) for index in range(self.size))


def settings_for(base: Settings, combination: dict[str, Any]) -> Settings:
    """`base` with the values of one combination, checked as a whole.

    Raises ConfigError where the values do not fit together.
    """
    try:
        return with_values(base, combination)
    except ValidationError as error:
        raise ConfigError(explain(error, lambda _key: "sweep.grid")) from None


def without_grid(settings: Settings) -> Settings:
    """`settings` with an empty grid: each check of a value copies all settings, and a grid
    may have thousands of values."""
    return settings.model_copy(update={"sweep": settings.sweep.model_copy(update={"grid": {}})})


def build_grid(settings: Settings, source_of: Callable[[str], str] | None = None) -> Grid:
    """The grid of `settings`, every value checked and of its key's type.

    `source_of` names the file or option of a dotted key in errors. Raises ConfigError for
    an unknown key, a wrong or repeated value, and where there are more than
    sweep.max_combinations combinations.
    """
    source = source_of or (lambda _key: "settings")
    single = without_grid(settings)
    ranges: dict[str, tuple[Any, ...]] = {}
    for key, raw in settings.sweep.grid.items():
        place = f"{source(f'sweep.grid.{key}')}: sweep.grid.{key}"
        _check_key(settings, key, place)
        ranges[key] = _checked(single, key, raw, place)
    names = frozenset(key for key in ranges if _names_things(settings, key))
    grid = Grid(tuple(ranges), tuple(ranges.values()), names)
    if grid.size > settings.sweep.max_combinations:
        place, limit = source("sweep.grid"), source("sweep.max_combinations")
        raise ConfigError(
            f"{place}: sweep.grid has {grid.size:,} combinations, more than "
            f"sweep.max_combinations = {settings.sweep.max_combinations:,}"
            f"{'' if limit == place else f' ({limit})'}"
        )
    return grid


def _names_things(settings: Settings, key: str) -> bool:
    section, _, name = key.partition(".")
    return section == "strategy" and settings.strategy.names_things(name)


def check_keys(settings: Settings, source_of: Callable[[str], str]) -> None:
    """Raise ConfigError where the grid names a key that there is not."""
    for key in settings.sweep.grid:
        _check_key(settings, key, f"{source_of(f'sweep.grid.{key}')}: sweep.grid.{key}")


def _check_key(settings: Settings, key: str, place: str) -> None:
    section = key.partition(".")[0]
    varied = [name for name in known_keys(settings) if name.partition(".")[0] in SECTIONS]
    if section in Settings.model_fields and section not in SECTIONS:
        raise ConfigError(f"{place} cannot vary within a sweep, only {', '.join(SECTIONS)} can")
    if key == "stop.ratchet":
        raise ConfigError(f"{place} cannot vary within a sweep: the pre-screen is on base candles")
    if key in varied:
        return
    _, _, parameter = key.partition("strategy.")
    if owner := settings.strategy.shipped_with(parameter):
        others = [
            other
            for other in settings.sweep.grid
            if other not in (key, *varied)
            and settings.strategy.shipped_with(other.removeprefix("strategy."))
        ]
        raise ConfigError(
            f"{place} is a parameter of the signal {owner}, not of {settings.strategy.signal}: "
            f"leave it out{', and ' * bool(others)}{', '.join(others)}"
        )
    raise ConfigError(f"{place} is not a known key{closest_hint(key, varied)}")


def _checked(settings: Settings, key: str, raw: list[Any], place: str) -> tuple[Any, ...]:
    """`raw` as the model understands it, in plain numbers, texts, lists and tables; every value is
    tried on `settings`."""
    values: dict[str, Any] = {}
    for value in raw:
        try:
            accepted = to_jsonable_python(value_at(with_values(settings, {key: value}), key))
        except ValidationError as error:
            raise ConfigError(explain(error, lambda _key: place)) from None
        if repr(accepted) in values:
            raise ConfigError(f"{place} holds the value {shown(value)} twice")
        values[repr(accepted)] = accepted
    return tuple(values.values())
