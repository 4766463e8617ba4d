"""What each way of managing a trade changes, and what it leaves."""

from __future__ import annotations

import pytest

from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.types import EXITS
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
