"""What each way of managing a trade changes, and what it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from stoptrail.rules.exits import NO_EXITS
from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.stops import CHANDELIER, NO_TRAIL, PERCENT
from stoptrail.rules.types import EXITS, RunRules
from stoptrail.sweep.exit_ablation import USUAL_TRIGGER, variants
from tests.rules.runs import FREE


@pytest.mark.parametrize(("own", "used"), [(0.0, USUAL_TRIGGER), (2.5, 2.5)])
def test_every_variant_does_what_its_name_says(own: float, used: float) -> None:
    rules = FREE._replace(
        trade_rules=FREE.trade_rules._replace(
            stop=FREE.trade_rules.stop._replace(breakeven_trigger=own)
        )
    )
    found = {variant.name: variant.run_rules for variant in variants(rules)}
    found = {name: found[name] for name in found if name.endswith((", risk", ", all-in"))}
    assert len(found) == 10
    for name, run_rules in found.items():
        trade_rules = run_rules.trade_rules
        assert (trade_rules.sizing.kind == ALL_IN) == name.endswith(", all-in"), name
        assert (EXITS[run_rules.exits] == "cycle") == name.startswith("legacy"), name
        if not name.startswith("legacy"):
            assert trade_rules.stop.frozen == name.startswith("fixed"), name
            wanted = used if "breakeven" in name else 0.0
            assert trade_rules.stop.breakeven_trigger == wanted, name


def test_a_signal_that_never_turns_has_no_legacy_exits() -> None:
    assert not any(v.name.startswith("legacy") for v in variants(FREE, turns=False))


KINDS = {
    "+ target 2 R": ("exits.target", 2.0),
    "+ 50% out at 1 R": ("exits.first.fraction", 0.5),
    "+ out after 240 h": ("exits.time_hours", 240.0),
    "trail from 1 R on": ("stop.trail_from", 1.0),
    "no trail": ("stop.trail", NO_TRAIL),
    "chandelier of 22": ("stop.trail", CHANDELIER),
    "trail of 5% of the price": ("stop.trail", PERCENT),
}


def at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = getattr(record, name)
    return record


def with_rules(**fields: Any) -> RunRules:
    stop = FREE.trade_rules.stop._replace(trail_candles=22, trail_percent=0.05)
    rules = FREE.trade_rules._replace(stop=stop)
    return FREE._replace(trade_rules=rules._replace(**fields))


def test_each_kind_of_exit_has_a_row_that_differs_in_it_alone() -> None:
    found = {variant.name: variant.run_rules.trade_rules for variant in variants(with_rules())}
    bare = found["dynamic ATR trail, risk"]
    for name, (path, value) in KINDS.items():
        assert at(found[name], path) == value, name
        same = found[name]._replace(stop=bare.stop, exits=bare.exits)
        assert same == bare
        assert (found[name].stop == bare.stop) != (found[name].exits == bare.exits), name
    assert "as chosen" not in found
    assert "own rule" not in found


def test_a_set_that_uses_a_kind_is_told_with_its_value_and_as_a_whole() -> None:
    exits = NO_EXITS._replace(target=3.0, time_hours=48.0, time_below=0.5)
    chosen = with_rules(exits=exits, stop=with_rules().trade_rules.stop._replace(ruled=True))
    found = {variant.name: variant.run_rules.trade_rules for variant in variants(chosen)}
    assert found["+ target 3 R"].exits == NO_EXITS._replace(target=3.0)
    timed = found["+ out after 48 h below 0.5 R"].exits
    assert timed == NO_EXITS._replace(time_hours=48.0, time_below=0.5)
    assert found["own rule"].stop.ruled
    assert found["own rule"].exits == NO_EXITS
    assert found["as chosen"] == chosen.trade_rules
    assert not found["dynamic ATR trail, risk"].stop.ruled
