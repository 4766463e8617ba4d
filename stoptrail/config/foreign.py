"""A run folder is somebody else's until proven otherwise: what of it may count.

Of its settings only what finds, manages, sizes and pays for trades is taken, and of a sweep
what is searched for. Import paths in it run code: they need the user's word, or the same
value in the user's own settings. Everything else (exchange, database, messages, clusters,
listeners, files) stays the user's, and is refused by name where the folder asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stoptrail.core.errors import ConfigError
from stoptrail.core.text import plain, shortened

COUNTED = ("strategy", "stop", "exits", "risk", "costs", "market", "account", "protections")
"""Sections of a run's settings that count."""

_IMPORT_PATH = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")
_SHOWN = 80


class Taken(NamedTuple):
    """What counts of a folder."""

    place: str
    """The folder, for errors."""
    sections: dict[str, dict[str, Any]]


def counted(table: Mapping[str, Any], place: str) -> Taken:
    """The counted sections of a run's settings, without what is about its finer candles, which
    nothing that is taken from it has. Raises ConfigError where one is no table."""
    sections = {}
    for name in COUNTED:
        section = table.get(name, {})
        if not isinstance(section, dict):
            raise ConfigError(f"{place}: {name} must be a table")
        kept = {key: x for key, x in section.items() if f"{name}.{key}" != "stop.ratchet"}
        if kept:
            sections[name] = kept
    return Taken(place, sections)


def with_best(taken: Taken, params: Any) -> Taken:
    """`taken` with a sweep's best set. Raises ConfigError for a key that does not count."""
    if not isinstance(params, dict):
        raise ConfigError(f"{taken.place}: best.params in summary.json must be a table")
    sections = {name: dict(section) for name, section in taken.sections.items()}
    for key, value in params.items():
        section, dot, name = key.partition(".")
        if section not in COUNTED or not dot or not name:
            raise ConfigError(
                f"{taken.place}: best.params in summary.json names {_short(key)}, which a run may "
                f"not set; of a run only {', '.join(COUNTED)} count"
            )
        sections.setdefault(section, {})[name] = value
    return Taken(taken.place, sections)


def require_trusted(taken: Taken, own: Mapping[str, Any], trust: bool) -> None:
    """Raise ConfigError for an import path in `taken` that the tables `own`, the user's,
    do not name, unless the user trusts the folder."""
    known = set() if trust else {value for _, value in _texts(own)}
    for key, value in _texts(taken.sections):
        if not trust and _IMPORT_PATH.fullmatch(value) and value not in known:
            raise ConfigError(
                f"{taken.place}: {_short(key)} = {_short(value)} would import and run code; "
                "set the same value in your own settings, or add --trust if the folder is yours"
            )


def _texts(table: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, text) of every text in nested tables and lists."""
    if isinstance(table, Mapping):
        for name, value in table.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))
    elif isinstance(table, list | tuple):
        for value in table:
            yield from _texts(value, key)
    elif isinstance(table, str):
        yield key, table


def _short(text: object) -> str:
    return shortened(plain(text), _SHOWN)
