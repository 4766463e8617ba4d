"""Which files of a folder or an archive hold the funding that is meant, by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stoptrail.feeds.formats.archive import Member
from stoptrail.feeds.layouts.markets import market_in_name, same_market


def of_funding(members: Sequence[Member], on_notice: Callable[[str], None]) -> Sequence[Member]:
    """Of files some of whose names say funding those: freqtrade's lie beside candles."""
    named = [member for member in members if "funding" in member.name.rpartition("/")[2].lower()]
    if not named or len(named) == len(members):
        return members
    left = len(members) - len(named)
    on_notice(f"of {len(members)} files {left} are left out, whose names do not say funding")
    return named


def named_alike(
    members: Sequence[Member], symbol: str, on_notice: Callable[[str], None]
) -> Sequence[Member]:
    """Of files whose names tell several markets those of `symbol`, where there are any, and
    those whose names tell none."""
    named = [market_in_name(member.name.rpartition("/")[2]) for member in members]
    mine = [bool(symbol and name and same_market(name, symbol)) for name in named]
    kept = [m for m, name, own in zip(members, named, mine, strict=True) if own or not name]
    if not any(mine) or len(kept) == len(members):
        return members
    left = len(members) - len(kept)
    on_notice(f"of {len(members)} files {left} are left out, whose names tell no {symbol}")
    return kept
