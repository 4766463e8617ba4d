"""Names of columns that tell another market, or another currency, than that of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.check import check_file
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import walk
from tests.feeds.written import rows_of, table

GIVEN = walk()
BITCOIN = Reading(symbol="BTC/USDT")
FIELDS = ("open", "high", "low", "close", "volume")


def written(path: Path, form: str) -> Path:
    """A file whose columns are called as `form` has it for each field."""
    return table(path, ",".join(["time", *map(form.format, FIELDS)]), rows_of(GIVEN))


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("ETHUSDT_{}", "ETHUSDT"),
        ("{}_ETHUSDT", "ETHUSDT"),
        ("{} (ETH/USDT)", "ETH/USDT"),
        ("{} (EUR)", "EUR"),
        ("EUR {}", "EUR"),
        ("SOL_{}", "SOL"),
    ],
)
def test_another_market_or_currency_beside_all_prices_is_said(
    tmp_path: Path, form: str, told: str
) -> None:
    path = written(tmp_path / "a.csv", form)
    line = f"the names of the prices say {told}; it is run as BTC/USDT"
    loaded = load_file(path, QUARTER, BITCOIN)
    assert same(loaded.candles, GIVEN)
    assert line in loaded.notes
    assert line in check_file(path, QUARTER, BITCOIN).notes
    assert not any("say" in note for note in load_file(path, QUARTER).notes)


@pytest.mark.parametrize(
    "form", ["BTCUSDT_{}", "{}_BTC", "{} (USDT)", "XBTUSDT_{}", "LAST_{}", "TRADE {}", "adj_{}"]
)
def test_the_market_itself_its_currencies_and_other_words_are_not_worth_a_word(
    tmp_path: Path, form: str
) -> None:
    path = written(tmp_path / "a.csv", form)
    named = BITCOIN._replace(columns=("time", *FIELDS))
    notes = load_file(path, QUARTER, named if "adj" in form else BITCOIN).notes
    assert not any("it is run as" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "told"),
    [("Volume ETH", "ETH"), ("volume_eth", "eth"), ("Vol. (SOL)", "SOL"), ("Volume BTC", ""),
     ("Volume XBT", ""), ("volume", ""), ("VOLUME_LOTS", "")],
)  # fmt: skip
def test_a_volume_of_another_coin_is_said(tmp_path: Path, name: str, told: str) -> None:
    path = table(tmp_path / "a.csv", f"time,open,high,low,close,{name}", rows_of(GIVEN))
    notes = load_file(path, QUARTER, BITCOIN).notes
    said = [note for note in notes if "the name of the volume says" in note]
    assert said == ([f"the name of the volume says {told}; it is run as BTC/USDT"] if told else [])


@pytest.mark.parametrize("form", ["{}Eur", "{}_eur", "eur{}"])
def test_a_currency_that_is_part_of_the_names_is_said_with_the_order_and_after_it(
    tmp_path: Path, form: str
) -> None:
    prices = [form.format(field if form[0] == "{" else field.title()) for field in FIELDS[:4]]
    path = table(tmp_path / "a.csv", ",".join(["time", *prices, "volume"]), rows_of(GIVEN))
    with pytest.raises(DataError, match="are prices of trades in EUR, name the columns"):
        load_file(path, QUARTER, BITCOIN)
    named = BITCOIN._replace(columns=("time", *FIELDS))
    assert "the names of the prices say eur; it is run as BTC/USDT" in (
        load_file(path, QUARTER, named).notes
    )
    assert not any(
        "say" in n for n in load_file(path, QUARTER, named._replace(symbol="BTC/EUR")).notes
    )
