"""docs/live-data.md says which sockets are used: as the installed ccxt has them."""

from __future__ import annotations

import re
from pathlib import Path

import ccxt.pro
import pytest

PAGE = Path(__file__).parents[3] / "docs" / "live-data.md"
_ROW = re.compile(r"^\| ([a-z]+) \| (.+?) \| (.+?) \| (.+?) \|", re.MULTILINE)
SOCKETS = {"candles": "watchOHLCV", "trades": "watchTrades", "quotes": "watchBidsAsks"}


def rows() -> dict[str, tuple[str, ...]]:
    table = PAGE.read_text("utf-8").partition("### Which sockets")[2].partition("\n## ")[0]
    return {name: rest for name, *rest in _ROW.findall(table) if name in ccxt.pro.exchanges}


@pytest.mark.parametrize("name", sorted(rows()))
def test_the_table_of_sockets_is_that_of_the_installed_ccxt(name: str) -> None:
    has = getattr(ccxt.pro, name)().has
    for shown, method in zip(rows()[name], SOCKETS.values(), strict=True):
        assert shown.startswith("yes") == bool(has.get(method)), method


def test_the_usual_exchanges_are_in_it() -> None:
    assert {"binance", "bybit", "okx", "kraken", "coinbase", "bitfinex", "bitstamp"} <= set(rows())
