"""The worked examples of docs/exits.md, run as they are printed."""

from __future__ import annotations

import math
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stoptrail.rules.own_exit import RuleCandle, RulePosition, RuleStop
from tests.contract.seen import Engine
from tests.contract.tables import table

PAGE = Path(__file__).parents[2] / "docs" / "exits.md"
DAY = 86_400_000
SIGNAL = ".  100 101 99 100  10\nL  100 102 98 100  10\n"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page's Python in one module, from a file as a user's is."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    file = tmp_path_factory.mktemp("printed") / "printed_exits.py"
    file.write_text("\n".join(blocks))
    module = ModuleType("printed_exits")
    exec(compile(file.read_text(), str(file), "exec"), module.__dict__)
    return module


def test_a_parabolic_sar_closes_in_on_the_extreme(either: Engine, printed: Any) -> None:
    rows = """
    .  100 104 99 103  10   92 + 0.04 * (104 - 92) = 92.48
    .  103 104 100 101 10   no new high: 92.48 + 0.04 * (104 - 92.48) = 92.9408
    .  101 110 101 109 10   a second one, 6 %: 92.94 + 0.06 * (110 - 92.94) = 93.9636
    """
    seen = either.run(table(SIGNAL + rows), exit_rule=printed.parabolic_sar)
    seen.expect_levels(
        (2, 92.0, "initial"), (3, 92.48, "rule"), (4, 92.94, "rule"), (5, 93.96, "rule")
    )


def test_a_sar_is_never_faster_than_a_fifth(printed: Any) -> None:
    position = RulePosition(1, 100.0, 0, 4.0, 1.0, 40, 30)
    said = printed.parabolic_sar(position, RuleStop(92.0, 112.0, 0), None, 4.0)
    assert said == 92.0 + 0.2 * 20.0


@pytest.mark.parametrize(
    ("days", "distance"), [(0.0, 3.0), (10.0, 3.0), (13.0, 2.0), (16.0, 1.0), (40.0, 1.0)]
)
def test_a_stop_tightens_after_ten_days(days: float, distance: float, printed: Any) -> None:
    candle = RuleCandle(int(days * DAY), 100.0, 100.0, 100.0, 100.0, 1.0)
    for side in (1, -1):
        position = RulePosition(side, 100.0, 0, 4.0, 1.0, 1, 0)
        said = printed.tightening(position, RuleStop(92.0, 120.0, 0), candle, 2.0)
        assert math.isclose(said, 120.0 - side * distance * 2.0)


def test_the_tightening_stop_runs_in_every_engine(either: Engine, printed: Any) -> None:
    rows = """
    .  100 105 103 104  10   range 5: 105 - 15 = 90 is looser than 92
    .  104 106 104 106  10   range 2: 106 - 6 = 100
    .  106 106 100 101  10   out
    """
    seen = either.run(table(SIGNAL + rows), exit_rule=printed.tightening)
    seen.expect_levels((2, 92.0, "initial"), (4, 100.0, "rule"))
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (4, 100.0, "rule")
