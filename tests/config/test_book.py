"""[book]: sleeves, where they differ, and what is said of those that cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.config.load import load_settings, read_table, sleeve_of, sleeve_settings, to_toml
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError
from tests.config.files import said_of

TWO = """
[market]
tick = 0.5
[data]
path = "btc.csv"
[[book.sleeves]]
share = 0.5
[[book.sleeves]]
symbol = "ETH/USDT"
share = 0.3
stop.trailing_atr_multiplier = 4.5
strategy.signal = "donchian_breakout"
data.path = "eth.csv"
"""


def of_sleeves(settings: Settings) -> list[Settings]:
    sleeves = [sleeve_of(settings, sleeve) for sleeve in settings.book.sleeves]
    return [sleeve_settings(settings, sleeve, "here") for sleeve in sleeves]


def test_a_sleeve_has_the_books_settings_but_for_its_own(tmp_path: Path) -> None:
    file = tmp_path / "strategy.toml"
    file.write_text(TWO)
    settings = load_settings(file)
    first, second = of_sleeves(settings)
    assert (first.data.symbol, second.data.symbol) == ("BTC/USDT", "ETH/USDT")
    assert (first.data.path, second.data.path) == ("btc.csv", "eth.csv")
    assert (first.stop.trailing_atr_multiplier, second.stop.trailing_atr_multiplier) == (3.0, 4.5)
    assert second.strategy.signal == "donchian_breakout"
    assert "cycle_period" not in second.strategy.parameters
    assert first.market.tick == 0.5
    assert second.market.tick is None  # belongs to the other symbol
    assert not first.book.sleeves


def test_the_file_that_is_written_loads_as_the_same_book(tmp_path: Path) -> None:
    file, again = tmp_path / "strategy.toml", tmp_path / "again.toml"
    file.write_text(TWO)
    settings = load_settings(file, ('book.sleeves=[{share=1.0,from="runs/a",sets="best:3"}]',))
    again.write_text(to_toml(settings))
    assert load_settings(again).book == settings.book
    assert read_table(again)["book"]["sleeves"][0]["from"] == "runs/a"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[{share=0.6},{share=0.7}]", "add up to more than 1, received 1.3"),
        ("[{share=0.0}]", "book.sleeves.0.share must be greater than 0"),
        ("[{symbol='A/B'}]", "book.sleeves.0.share is missing"),
        ("[{share=1.0,symbol='../..'}]", "must name a market"),
        ("[{share=1.0,stpo={}}]", "did you mean stop?"),
        ("[{share=1.0,stop={atr_perod=3}}]", "book.sleeves.0: stop.atr_perod is not a known key"),
        ("[{share=1.0,stop={atr_period=0}}]", "book.sleeves.0: stop.atr_period must be"),
        ("[{share=1.0,account={cash=5}}]", "is not a known key"),
        ("[{share=1.0,data={timeframe='1h'}}]", "data.timeframe is the book's"),
        ("[{share=1.0,sets='best:3'}]", "needs `from`"),
        ("[{share=1.0,from='runs/a',sets='best:0'}]", 'must be "best:1" to "best:999"'),
        ("3", "must be a list"),
    ],
)
def test_a_sleeve_that_cannot_be_meant_is_told_in_one_line(value: str, words: str) -> None:
    assert words in said_of(f"book.sleeves={value}")


@pytest.mark.parametrize("cap", ["max_open_risk=0.05", "max_notional=1.0"])
def test_a_cap_of_accounts_that_are_separate_is_refused(cap: str, tmp_path: Path) -> None:
    key, _, value = cap.partition("=")
    file = tmp_path / "strategy.toml"
    file.write_text(f'[book]\naccount = "separate"\n{cap}\n')
    with pytest.raises(ConfigError) as told:
        load_settings(file)
    assert f"book.{key} is of one account" in str(told.value)
    assert f"received {value}" in str(told.value)
    assert getattr(load_settings(file, ("book.account=shared",)).book, key) == float(value)


def test_sleeves_cannot_vary_within_a_sweep() -> None:
    assert "cannot vary within a sweep" in said_of("sweep.grid.book.max_open_risk=[0.1,0.2]")
