"""Exits that are set and can do nothing beside the rest of the settings (C18)."""

from __future__ import annotations

from collections.abc import Iterator

from stoptrail.config.settings import Settings
from stoptrail.config.trading import ExitSettings


def idle_exits(settings: Settings) -> list[str]:
    """A line for each; what depends on a key that the grid varies is left out."""
    return [line for keys, line in _idle(settings) if not keys & set(settings.sweep.grid)]


def _idle(settings: Settings) -> Iterator[tuple[set[str], str]]:
    """The keys that each depends on, and what is said of it."""
    exits, kind = settings.exits, settings.strategy.exits
    if kind == "cycle":
        if used := sorted(
            f"exits.{name}" for name in exits.model_fields_set if _is_on(exits, name)
        ):
            yield {"strategy.exits"}, f'strategy.exits "cycle" knows no {", ".join(used)}'
        return
    if exits.time_below is not None and not exits.time_hours:
        line = f"exits.time_below {exits.time_below:g} does nothing without exits.time_hours"
        yield {"exits.time_hours"}, line
    beyond = [part.at for part in exits.scale_out if part.at >= exits.target > 0.0]
    for at in beyond:
        line = (
            f"exits.scale_out at {at:g} is never reached: exits.target {exits.target:g} closes all"
        )
        yield {"exits.target", "exits.scale_out"}, line
    if exits.trail_from and settings.stop.trail == "none" and kind == "stop_trail":
        line = f'exits.trail_from {exits.trail_from:g} does nothing where stop.trail is "none"'
        yield {"strategy.exits", "stop.trail", "exits.trail_from"}, line


def _is_on(exits: ExitSettings, name: str) -> bool:
    return bool(getattr(exits, name) != getattr(ExitSettings(), name))
