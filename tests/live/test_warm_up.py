"""What a session says of the candles it begins with."""

from __future__ import annotations

import pytest

from stoptrail.backtest.inputs import plan_for
from stoptrail.backtest.plan import Plan
from stoptrail.config.run_rules import market_rules
from stoptrail.core.errors import ConfigError
from stoptrail.core.time import DAY_MS, iso_time
from stoptrail.exchange.rows import Row
from stoptrail.feeds.synthetic import DEFAULT_START, synthetic_candles
from stoptrail.live.warm_up import check_alive, needed_days, warm_up_of
from tests.live.playback import FILTERS
from tests.live.small_market import settings

HOUR = 3_600_000


def rows(days: int) -> list[Row]:
    candles = synthetic_candles(3, HOUR, DEFAULT_START, DEFAULT_START + days * DAY_MS)
    return list(zip(*(column.tolist() for column in candles[:6]), strict=True))


@pytest.fixture
def plan() -> Plan:
    return plan_for(settings(), market_rules(FILTERS, 0, 0))


def test_enough_candles_are_warm_now(plan: Plan) -> None:
    given = rows(60)
    found = warm_up_of(plan, given, HOUR, 60, ())
    assert found.warm_from == given[-1][0] + HOUR
    assert found.text.startswith(f"{len(given) / 24:.1f} of 60 days of candles")
    assert found.text.endswith("days: warm now")


def test_too_few_say_from_when_signals_can_come(plan: Plan) -> None:
    given = rows(2)
    gap = (given[0][0] - 8 * DAY_MS, given[0][0])
    found = warm_up_of(plan, given, HOUR, 10, (gap,))
    needed = needed_days(plan, given, HOUR)
    assert needed > 2
    assert found.warm_from == given[0][0] + needed * DAY_MS
    assert f"of 10 days of candles, since {iso_time(given[0][0])}" in found.text
    assert "the exchange gave nothing from" in found.text
    assert f"the settings need {needed} days: warm on " in found.text


def test_what_is_needed_is_the_same_from_few_candles_as_from_many(plan: Plan) -> None:
    """The warm-up is counted in candles, whatever their prices are."""
    assert abs(needed_days(plan, rows(2), HOUR) - needed_days(plan, rows(60), HOUR)) <= 1


def test_a_silent_market_is_refused_in_words() -> None:
    check_alive("okx", "BTC/USDT", 0, 6 * DAY_MS)
    with pytest.raises(ConfigError, match=r"LUNA/USDT is silent on okx: .* 30 days ago"):
        check_alive("okx", "LUNA/USDT", 0, 30 * DAY_MS)
