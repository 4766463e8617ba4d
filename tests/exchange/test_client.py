from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ccxt
import pytest
import requests

from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.exchange.client import (
    load_markets,
    open_exchange,
    read,
    reason,
)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", slept.append)
    return slept


def client(headers: dict[str, str] | None = None) -> Any:
    return SimpleNamespace(id="binance", last_response_headers=headers)


class Failing:
    """Raises each error in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def unreachable() -> Exception:
    return caused(
        ccxt.NetworkError("binance GET https://api.binance.com/api/v3/time?signature=secret"),
        requests.ConnectionError("Name or service not known"),
    )


def test_trouble_that_passes_is_waited_out_longer_each_time(pauses: list[float]) -> None:
    call = Failing(*[ccxt.ExchangeNotAvailable("binance GET https://x/y 502 Bad Gateway")] * 3)
    assert read(client(), call) == "answer"
    assert pauses == [1, 2, 4]


def test_retry_after_is_obeyed(pauses: list[float]) -> None:
    call = Failing(ccxt.RateLimitExceeded("binance 429 Too Many Requests"))
    assert read(client({"Retry-After": "17"}), call) == "answer"
    assert pauses == [17]


def test_a_ban_is_not_prolonged_by_trying(pauses: list[float]) -> None:
    call = Failing(ccxt.DDoSProtection("binance 418 I'm a teapot"))
    with pytest.raises(ExchangeError, match="asks to wait 3600 s"):
        read(client({"Retry-After": "3600"}), call)
    assert (call.calls, pauses) == (1, [])


def test_retries_are_bounded(pauses: list[float]) -> None:
    call = Failing(*[ccxt.RequestTimeout("binance GET https://x/y")] * 50)
    with pytest.raises(ExchangeError, match="does not answer as it should"):
        read(client(), call, attempts=4)
    assert call.calls == 4
    assert len(pauses) == 3


def test_no_network_fails_within_seconds(pauses: list[float]) -> None:
    offered = client()
    offered.options = {}
    offered.load_markets = Failing(*[unreachable() for _ in range(9)])
    with pytest.raises(ExchangeError, match=r"cannot be reached .*ConnectionError at api\.binance"):
        load_markets(offered, "BTC/USDT", "15m")
    assert sum(pauses) <= 2


def test_a_connection_lost_on_the_way_is_waited_for(pauses: list[float]) -> None:
    assert read(client(), Failing(*[unreachable() for _ in range(4)])) == "answer"
    assert pauses == [1, 2, 4, 8]


@pytest.mark.parametrize(
    "error",
    [
        ccxt.ExchangeNotAvailable("binance GET https://api/x 451 Unavailable For Legal Reasons"),
        ccxt.ExchangeNotAvailable("bybit GET https://api/x 403 Forbidden block from your country"),
        ccxt.RestrictedLocation("okx"),
        ccxt.PermissionDenied("binance Service unavailable from a restricted location"),
    ],
)
def test_a_refused_region_is_asked_once_and_names_other_exchanges(error: Exception) -> None:
    call = Failing(error, error)
    with pytest.raises(ExchangeError, match=r"refuses this location .*kraken, coinbase, okx"):
        read(client(), call)
    assert call.calls == 1


def test_an_error_that_will_not_pass_is_not_repeated() -> None:
    call = Failing(ccxt.BadRequest('binance {"code":-1100,"msg":"Illegal characters"}'))
    with pytest.raises(ExchangeError, match="BadRequest: Illegal characters"):
        read(client(), call)
    assert call.calls == 1


def test_half_an_answer_is_asked_for_again() -> None:
    assert read(client(), Failing(TypeError("string indices"), KeyError("symbols"))) == "answer"


def test_waiting_is_told() -> None:
    told: list[tuple[float, str]] = []
    call = Failing(ccxt.ExchangeNotAvailable("binance GET https://x/y 503 Unavailable"))
    read(client(), call, on_wait=lambda pause, why: told.append((pause, why)))
    assert told == [(1.0, "HTTP 503 at x")]


def test_a_reason_never_holds_a_query() -> None:
    assert "secret" not in reason(unreachable())
    text = "binance GET https://api.binance.com/x?apiKey=secret 500 Internal"
    assert reason(ccxt.ExchangeNotAvailable(text)) == "HTTP 500 at api.binance.com"


def test_an_unknown_exchange_names_the_closest() -> None:
    with pytest.raises(ConfigError, match="'krakn' is not known to ccxt; did you mean kraken"):
        open_exchange("krakn")


def test_options_reach_the_constructor_and_rate_limiting_is_on() -> None:
    opened = open_exchange("binance", {"timeout": 1234, "options": {"defaultType": "swap"}})
    assert opened.timeout == 1234
    assert opened.options["defaultType"] == "swap"
    assert opened.enableRateLimit is True
    assert open_exchange("binance", {"enableRateLimit": False}).enableRateLimit is False


@pytest.mark.parametrize(
    ("symbol", "timeframe", "said"),
    [
        ("BTC/USD", "15m", "'BTC/USD' is not traded on binance; did you mean BTC/USDT"),
        ("btcusdt", "15m", "did you mean BTC/USDT"),
        ("BTC/USDT", "7m", "'7m' is not offered by binance; it has 1m, 15m"),
    ],
)
def test_a_market_that_is_not_offered_names_the_closest(
    symbol: str, timeframe: str, said: str
) -> None:
    offered = client()
    offered.load_markets = lambda: None
    offered.markets = {"BTC/USDT": {}, "ETH/USDT": {}}
    offered.timeframes = {"1m": "1m", "15m": "15m"}
    offered.options = {}
    with pytest.raises(ConfigError, match=said):
        load_markets(offered, symbol, timeframe)
