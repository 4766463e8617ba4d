"""What is said of settings that ask for more than a market gives or an account bears."""

from __future__ import annotations

from typing import Any

import pytest

from stoptrail.config.excess import excess_words, session_words
from stoptrail.config.settings import Settings


@pytest.mark.parametrize(
    ("risk", "share", "said"),
    [
        ({"risk_per_trade": 0.25}, 1.0, "= 0.25 asks for a loss of 25% of the account"),
        ({"risk_per_trade": 0.25}, 0.5, "= 0.25 (share 0.5) asks for a loss of 12% of the account"),
        ({"risk_per_trade": 0.25}, 0.4, ""),
        ({"risk_per_trade": 0.1}, 1.0, ""),
        ({"risk_per_trade": 1.0, "sizing": "all_in"}, 1.0, ""),
    ],
)
def test_a_risk_is_much_by_what_one_stop_takes_of_the_whole_account(
    risk: dict[str, Any], share: float, said: str
) -> None:
    lines = excess_words(Settings.model_validate({"risk": risk}), share)
    assert len(lines) == bool(said)
    assert all(line.startswith(f"risk.risk_per_trade {said}") for line in lines)


@pytest.mark.parametrize(("kind", "said"), [("spot", 1), ("margin", 0)])
def test_leverage_is_more_than_a_spot_market_lends(kind: str, said: int) -> None:
    tables = {"risk": {"max_leverage": 3.0}, "market": {"type": kind}}
    lines = excess_words(Settings.model_validate(tables))
    assert len(lines) == said
    assert all("risk.max_leverage = 3: a spot market lends nothing" in line for line in lines)


@pytest.mark.parametrize(
    ("kind", "sides", "said"),
    [("spot", "both", 1), ("spot", "short", 1), ("spot", "long", 0), ("margin", "both", 0)],
)
def test_shorts_of_a_session_are_more_than_a_spot_market_does(
    kind: str, sides: str, said: int
) -> None:
    tables = {"strategy": {"sides": sides}, "market": {"type": kind}}
    settings = Settings.model_validate(tables)
    assert excess_words(settings) == []
    lines = session_words(settings)
    assert len(lines) == said
    assert all(f'strategy.sides = "{sides}": a spot market cannot do' in line for line in lines)
