"""Whatever comes instead of candles for a while, a download has all of them in the end."""

from __future__ import annotations

from pathlib import Path

import ccxt
import pytest

from stoptrail.feeds.downloads.download import download_candles
from tests.exchange.dialects import QUARTER, Binance, Row
from tests.exchange.standin import StandIn

BEGIN = 1_790_000_000_000 // QUARTER * QUARTER
NOW = BEGIN + 2500 * QUARTER + 60_000
PAGE = "<html><body>403 Forbidden</body></html>"
INSTEAD: list[tuple[int, dict[str, str], str] | None] = [
    *((status, {}, "{}") for status in (418, 429, 451, 500, 503)),
    *((status, {"Retry-After": "7"}, "{}") for status in (418, 429, 503)),
    *((status, {}, PAGE) for status in (200, 401, 403, 404, 451, 502, 504, 520)),
    *((200, {}, text) for text in ("", "null", "{}", "OK", "[[1790000100000,", "\ufeff[]")),
    None,
]


def market() -> list[Row]:
    """With an hour in which nothing was traded."""
    times = [BEGIN + k * QUARTER for k in range(2500) if not 1200 <= k < 1204]
    return [(at, 100.0 + k, 110.0 + k, 90.0 + k, 105.0 + k, 9.0) for k, at in enumerate(times)]


def test_an_answer_that_comes_byte_by_byte_without_an_end_is_given_up_and_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", lambda _: None)
    monkeypatch.setattr(ccxt.Exchange, "milliseconds", staticmethod(lambda: NOW))
    monkeypatch.setattr("stoptrail.exchange.whole_answers._WAITS", 0.1)
    dialect, told = Binance(market(), NOW), list[str]()
    with StandIn(dialect) as server:
        server.slow = 1
        of = ("binance", server.ccxt_options(), "BTC/USDT", QUARTER, BEGIN, NOW, tmp_path)
        cached = download_candles(*of, on_notice=told.append)
        assert server.slow == 0
    assert cached.columns.time.tolist() == [row[0] for row in dialect.rows]
    assert any("no whole answer within 1 s" in line for line in told)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("instead", INSTEAD)
def test_no_candle_is_lost_nor_named_as_not_served(
    instead: tuple[int, dict[str, str], str] | None,
    times: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", lambda _: None)
    monkeypatch.setattr(ccxt.Exchange, "milliseconds", staticmethod(lambda: NOW))
    dialect, told = Binance(market(), NOW), list[str]()
    with StandIn(dialect) as server:

        def after_the_first(done: int, _total: int) -> None:
            if done and not told:
                told.append("")
                server.instead = [instead] * times

        cached = download_candles(
            "binance",
            server.ccxt_options(),
            "BTC/USDT",
            QUARTER,
            BEGIN,
            NOW,
            tmp_path,
            on_progress=after_the_first,
            on_notice=told.append,
        )
        assert server.instead == []
    rows = list(zip(*(column.tolist() for column in cached.columns), strict=True))
    assert rows == dialect.rows
    assert cached.unserved == ()
