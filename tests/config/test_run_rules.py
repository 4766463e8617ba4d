"""Steps and minimums of a market from filters, or from the data's decimals."""

from __future__ import annotations

import pytest

from stoptrail.config.market import Filters
from stoptrail.config.run_rules import market_rules, run_rules_of
from stoptrail.config.settings import Settings
from stoptrail.rules.market import price_up, units_down
from stoptrail.rules.paths import CANDLE, TICKS
from tests.rules.runs import FREE


def test_without_filters_a_step_is_the_last_decimal_of_the_data() -> None:
    market = market_rules(Filters(None, None, None, None), 2, 3)
    assert (price_up(100.001, market), units_down(1.2349, market)) == (100.01, 1.234)
    assert (market.min_quantity, market.min_notional) == (0.001, 0.0)


@pytest.mark.parametrize(("tick", "lot"), [(0.05, 0.25), (10.0, 5.0)])
def test_filters_go_before_what_the_data_shows(tick: float, lot: float) -> None:
    market = market_rules(Filters(tick, lot, 3.0, 7.0), 4, 4)
    assert price_up(100.0 * tick + 0.001, market) == pytest.approx(101.0 * tick)
    assert units_down(10.5 * lot, market) == 10.0 * lot
    assert (market.min_quantity, market.min_notional) == (3.0, 7.0)


@pytest.mark.parametrize(("ratchet", "path"), [("tick", TICKS), ("candle", CANDLE)])
def test_a_stop_moves_by_ticks_where_the_settings_say_so(ratchet: str, path: int) -> None:
    settings = Settings.model_validate({"data": {"detail": "1m"}, "stop": {"ratchet": ratchet}})
    assert run_rules_of(settings, FREE.trade_rules.market).path == path
