from __future__ import annotations

import pickle

import pytest
from pydantic import SecretStr, ValidationError

from stoptrail.config.load import load_settings
from stoptrail.config.market import Filters, MarketSettings
from stoptrail.config.settings import (
    Settings,
    as_table,
    idle_exits,
    known_keys,
    value_at,
    with_values,
)
from tests.config.files import SIGNAL, example_settings


def test_a_table_of_settings_validates_to_the_same_settings() -> None:
    settings = example_settings()
    assert Settings.model_validate(as_table(settings)) == settings


def test_settings_travel_to_another_process() -> None:
    settings = example_settings()
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        example_settings().stop.atr_period = 3  # type: ignore[misc]


def test_every_known_key_has_a_value_and_takes_it_back() -> None:
    settings = example_settings()
    table = as_table(settings)
    for key in known_keys(settings):
        value = value_at(settings, key)
        section, _, name = key.partition(".")
        value = value.get_secret_value() if isinstance(value, SecretStr) else value
        assert table[section].get(name) == (list(value) if isinstance(value, tuple) else value)
        if value is not None:
            assert with_values(settings, {key: table[section][name]}) == settings


def test_an_unknown_key_has_no_value() -> None:
    for key in ("stop.nothing", "nothing.atr_period", "strategy.parameters", "stop"):
        with pytest.raises(KeyError):
            value_at(example_settings(), key)


def test_changed_values_are_checked_together() -> None:
    changed = with_values(example_settings(), {"data.timeframe": "1h", "stop.atr_timeframe": "1h"})
    assert changed.stop.atr_interval == changed.data.interval
    with pytest.raises(ValidationError, match="multiple of"):
        with_values(example_settings(), {"data.timeframe": "1h", "stop.atr_timeframe": "15m"})


def test_parameters_of_the_signal_are_complete_and_typed() -> None:
    settings = Settings.model_validate({"strategy": {"signal": SIGNAL, "cycle_threshold": 1}})
    assert settings.strategy.parameters == {
        "trend": "roc",
        "trend_period": 30,
        "cycle_threshold": 1.0,
    }
    assert isinstance(settings.strategy.parameters["cycle_threshold"], float)


def test_a_session_trades_where_the_candles_come_from_unless_told_otherwise() -> None:
    settings = with_values(example_settings(), {"data.exchange": "kraken"})
    assert settings.exchange_id == "kraken"
    assert with_values(settings, {"exchange.id": "binance"}).exchange_id == "binance"


def test_filters_of_a_known_symbol_yield_to_configured_ones() -> None:
    assert MarketSettings().filters("BTC/USDT") == Filters(0.01, 0.00001, 0.00001, 5.0)
    assert MarketSettings(tick=0.5).filters("BTC/USDT") == Filters(0.5, 0.00001, 0.00001, 5.0)
    assert MarketSettings(min_notional=0.0).filters("BTC/USDT").min_notional == 0.0


def test_filters_of_an_unknown_symbol_are_left_open() -> None:
    assert MarketSettings(lot=0.1).filters("XYZ/USDT") == Filters(None, 0.1, None, None)


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
