"""Which sleeves `live --paper --book` and `live --paper --symbols` trade, and which they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

import runner
from stoptrail.cli.book_sleeves import BookSelection, sleeves_on_paper
from stoptrail.config.load import load_settings
from stoptrail.core.errors import ConfigError

SLEEVES = """
[book]
[[book.sleeves]]
symbol = "BTC/USDT"
share = 0.6
stop.atr_period = 21
[[book.sleeves]]
symbol = "ETH/USDT"
share = 0.4
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "strategy.toml"
    file.write_text(f"{SLEEVES}\n[database]\nurl = 'sqlite:///{tmp_path}/ledger.db'\n")
    return file


def found(config: Path, *symbols: str, book: bool) -> list[tuple[str, int]]:
    """Symbol and ATR period of each sleeve."""
    settings = load_settings(config, searching=False)
    sleeves = sleeves_on_paper(settings, None, BookSelection(config, (), symbols, book, False))
    return [(sleeve.symbol, sleeve.settings.stop.atr_period) for sleeve in sleeves]


def test_the_sleeves_of_the_file_keep_what_they_say_of_themselves(config: Path) -> None:
    own = load_settings(config, searching=False).stop.atr_period
    assert found(config, book=True) == [("BTC/USDT", 21), ("ETH/USDT", own)]


def test_markets_that_are_named_stand_for_the_sleeves_of_the_file(config: Path) -> None:
    own = load_settings(config, searching=False).stop.atr_period
    named = found(config, "SOL/USDT", "ADA/USDT", book=False)
    assert named == [("SOL/USDT", own), ("ADA/USDT", own)]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--book", "--from", "runs/x"), "live --paper --book --config runs/x/config.toml"),
        (("--book", "--set", "book.account=separate"), 'set book.account = "shared"'),
    ],
)
def test_what_a_book_on_paper_has_not_is_one_line_with_what_to_do(
    more: tuple[str, ...], said: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["live", "--paper", "--config", str(config), *more]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert not (config.parent / "ledger.db").exists()


def test_sleeves_of_another_exchange_are_refused(config: Path) -> None:
    text = config.read_text().replace("share = 0.4", 'share = 0.4\ndata.exchange = "okx"')
    config.write_text(text)
    with pytest.raises(ConfigError, match="ETH/USDT is of okx, the book of binance"):
        found(config, book=True)
