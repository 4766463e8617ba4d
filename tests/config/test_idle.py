"""Exits that are set and do nothing are said, once, and not where the grid may switch them on."""

from __future__ import annotations

import pytest

from stoptrail.config.idle import idle_exits
from stoptrail.config.load import load_settings

SAR = "strategy.exits=tests.contract.own_exits:sar"
PART = "exits.scale_out=[{at=1.0,fraction=0.5},{at=2.0,fraction=0.5}]"


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        ((), []),
        (("exits.time_below=0.5",), ["exits.time_below 0.5 does nothing without exits.time_hours"]),
        (("exits.time_below=0.5", "exits.time_hours=24"), []),
        (("exits.time_below=0.5", "sweep.grid.exits.time_hours=[0.0,24.0]"), []),
        (
            (PART, "exits.target=2"),
            ["exits.scale_out at 2 is never reached: exits.target 2 closes all"],
        ),
        ((PART, "exits.target=2.5"), []),
        ((PART,), []),
        ((PART, "exits.target=2", "sweep.grid.exits.target=[0.0,2.0]"), []),
        (
            ("stop.trail=none", "exits.trail_from=1"),
            ['exits.trail_from 1 does nothing where stop.trail is "none"'],
        ),
        (
            (
                "stop.trail=none",
                "exits.trail_from=1",
                "strategy.exits=tests.contract.own_exits:sar",
            ),
            [],
        ),
        (
            ("strategy.exits=cycle", "exits.target=2", "exits.time_hours=0", PART),
            ['strategy.exits "cycle" knows no exits.scale_out, exits.target'],
        ),
        (
            (
                "strategy.exits=cycle",
                "exits.target=2",
                "sweep.grid.strategy.exits=['cycle','stop_trail']",
            ),
            [],
        ),
    ],
)
def test_exits_that_can_do_nothing_are_named(overrides: tuple[str, ...], lines: list[str]) -> None:
    assert idle_exits(load_settings(None, overrides)) == lines
