"""Names of columns that say a price and more: fillOpen, openEur."""

from __future__ import annotations

from collections.abc import Sequence

from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.names import WORDS

_FIELD_WORDS = {
    **dict.fromkeys(("open", "opening"), "open"),
    **dict.fromkeys(("high", "highest", "max"), "high"),
    **dict.fromkeys(("low", "lowest", "min"), "low"),
    **dict.fromkeys(("close", "closing"), "close"),
}


def four_alike(columns: Sequence[str]) -> list[dict[int, str]]:
    """Positions and fields of four columns whose names differ in the word for the price only, such
    as fillOpen, fillHigh, fillLow and fillClose."""
    groups: dict[tuple[str, ...], dict[int, str]] = {}
    for i, name in enumerate(columns):
        words = [word.lower() for word in WORDS.findall(name)]
        told = [_FIELD_WORDS[word] for word in words if word in _FIELD_WORDS]
        rest = tuple(word for word in words if word not in _FIELD_WORDS)
        if len(told) == 1 and told[0] not in groups.get(rest, {}).values():
            groups.setdefault(rest, {})[i] = told[0]
    return [group for group in groups.values() if len(group) == len(PRICES)]


def word_beside(name: str) -> str:
    """The one word that stands beside that for its price in a name such as openEur, in small
    letters; "" where there is none, or more."""
    rest = [word.lower() for word in WORDS.findall(name) if word.lower() not in _FIELD_WORDS]
    return rest[0] if len(rest) == 1 else ""
