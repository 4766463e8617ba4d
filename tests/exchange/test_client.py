from __future__ import annotations

import socket
import ssl
from decimal import InvalidOperation
from types import SimpleNamespace
from typing import Any

import ccxt
import pytest
import requests

from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.retry import Patience
from stoptrail.exchange.client import Client, has_clock, open_exchange, read, server_time
from stoptrail.exchange.errors import (
    OTHER_EXCHANGE,
    Answer,
    RegionError,
    RequestError,
    UnreachableError,
    judged,
)
from stoptrail.exchange.markets import load_markets

NOW = 1_753_767_908_000
"""2025-07-29 05:45:08."""


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", slept.append)
    return slept


def client() -> Any:
    return SimpleNamespace(id="binance", heard=Client())


class Failing:
    """Raises each error in turn, having told `client` of an answer, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.answer = Answer()
        self.client: Any = None

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            if self.client is not None:
                self.client.heard.hear(self.answer.status, self.answer.headers, "{}")
            raise self.errors.pop(0)
        return "answer"


def answered(call: Failing, status: int, headers: dict[str, str] | None = None) -> Any:
    """A client whose exchange answers `call` with this status."""
    call.client, call.answer = client(), Answer(status, headers or {})
    return call.client


def within(pauses: list[float], longest: list[float]) -> bool:
    """Whether each pause is what is asked, less at most half of it at random."""
    return len(pauses) == len(longest) and all(
        most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True)
    )


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
    assert within(pauses, [1, 2, 4])


DATED = {
    "Date": "Sat, 28 Nov 2026 09:00:00 GMT",
    "Retry-After": "Sat, 28 Nov 2026 09:00:17 GMT",
}


@pytest.mark.parametrize("headers", [{"Retry-After": "17"}, {"retry-after": "17"}, DATED])
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(
    pauses: list[float], headers: dict[str, str]
) -> None:
    call = Failing(ccxt.RateLimitExceeded("binance 429 Too Many Requests"))
    assert read(answered(call, 429, headers), call) == "answer"
    assert pauses == [17]


@pytest.mark.parametrize(
    "told", [{}, {"Retry-After": "0"}, {**DATED, "Retry-After": DATED["Date"]}]
)
def test_a_limit_without_a_time_or_with_one_that_is_over_is_kept_for_a_minute(
    pauses: list[float], told: dict[str, str]
) -> None:
    call = Failing(ccxt.DDoSProtection("binance 429"))
    assert read(answered(call, 429, told), call) == "answer"
    assert pauses == [60]


def test_a_ban_is_not_prolonged_by_trying(pauses: list[float]) -> None:
    call = Failing(ccxt.DDoSProtection("binance 418 I'm a teapot"))
    with pytest.raises(ExchangeError, match="asks to wait 3600 s"):
        read(answered(call, 418, {"Retry-After": "3600"}), call)
    assert (call.calls, pauses) == (1, [])


def test_retries_are_bounded(pauses: list[float]) -> None:
    call = Failing(*[ccxt.RequestTimeout("binance GET https://x/y")] * 50)
    with pytest.raises(UnreachableError, match="cannot be reached"):
        read(client(), call, patience=Patience(attempts=4))
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
    assert within(pauses, [1, 2, 4, 8])


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
    with pytest.raises(RegionError, match=r"refuses this location .*kraken, coinbase, okx"):
        read(client(), call)
    assert call.calls == 1


def test_http_403_is_a_refused_region_whatever_ccxt_makes_of_it() -> None:
    call = Failing(ccxt.RateLimitExceeded("bybit {}"))
    with pytest.raises(RegionError, match="HTTP 403"):
        read(answered(call, 403), call)


def test_http_403_from_an_exchange_that_has_answered_is_a_limit(pauses: list[float]) -> None:
    call = Failing(ccxt.RateLimitExceeded("bybit {}"))
    served = answered(call, 403)
    served.heard.served.add("")
    assert read(served, call) == "answer"
    assert pauses == [60]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ccxt.ExchangeNotAvailable("binance GET https://api/x 451 Unavailable"), 451),
        (ccxt.RestrictedLocation("okx"), 200),
    ],
)
def test_a_place_that_was_served_is_waited_for_where_it_is_refused(
    error: Exception, status: int, pauses: list[float]
) -> None:
    call = Failing(error)
    served = answered(call, status)
    served.heard.served.add("")
    assert read(served, call) == "answer"
    assert pauses == [60]


def test_an_error_that_will_not_pass_is_not_repeated() -> None:
    call = Failing(ccxt.BadRequest('binance {"code":-1100,"msg":"Illegal characters"}'))
    with pytest.raises(ExchangeError, match="BadRequest: Illegal characters"):
        read(client(), call)
    assert call.calls == 1


def test_a_refusal_in_an_ordinary_answer_is_asked_for_once_more() -> None:
    call = Failing(*[ccxt.ExchangeError('kraken {"error":["EGeneral:Internal error"]}')] * 9)
    with pytest.raises(ExchangeError, match="EGeneral:Internal error"):
        read(answered(call, 200), call)
    assert call.calls == 2


def test_an_exchange_that_wants_a_key_says_so_and_names_others() -> None:
    call = Failing(ccxt.AuthenticationError('luno requires "apiKey" credential'))
    with pytest.raises(ExchangeError, match=r"wants a key .*kraken"):
        read(client(), call)
    assert call.calls == 1


def test_half_an_answer_is_asked_for_again() -> None:
    assert read(client(), Failing(TypeError("string indices"), KeyError("symbols"))) == "answer"
    assert read(client(), Failing(InvalidOperation("ConversionSyntax"))) == "answer"


def test_a_page_instead_of_an_answer_is_an_exchange_out_of_reach(pauses: list[float]) -> None:
    """As of a portal on the way, with HTTP 200; a caller may fall back as without a network."""
    heard = Client()

    def call() -> None:
        heard.hear(200, {}, "\n<!DOCTYPE html><html>Log in</html>")

    offered = SimpleNamespace(id="kraken", heard=heard)
    words = r"cannot be reached.*\(a page came instead of an answer\)"
    with pytest.raises(UnreachableError, match=words):
        read(offered, call, patience=Patience(attempts=9, unreachable=2))
    assert len(pauses) == 1


@pytest.mark.parametrize("body", ['{"a": [1, 2', "[[1, 2], [3"])
def test_half_an_answer_is_noticed_before_it_is_read(body: str) -> None:
    with pytest.raises(ValueError, match="half an answer"):
        Client().hear(200, {}, body)


@pytest.mark.parametrize("body", ["[]", '{"a": 1}\n', '"word"', "17"])
def test_a_whole_answer_is_left_alone(body: str) -> None:
    Client().hear(200, {}, body)


def test_waiting_is_told() -> None:
    told: list[tuple[float, str]] = []
    call = Failing(ccxt.ExchangeNotAvailable("binance GET https://x/y 503 Unavailable"))
    read(client(), call, on_wait=lambda pause, why: told.append((pause, why)))
    ((pause, why),) = told
    assert 0.5 <= pause <= 1.0
    assert why == "HTTP 503 at x"


def test_a_reason_never_holds_a_query() -> None:
    assert "secret" not in judged(unreachable(), Answer()).reason
    text = "binance GET https://api.binance.com/x?apiKey=secret 500 Internal"
    failure = judged(ccxt.ExchangeNotAvailable(text), Answer())
    assert failure.reason == "HTTP 500 at api.binance.com"


def test_candles_that_must_be_chosen_among_kinds_are_said_with_what_to_do() -> None:
    exchange = open_exchange("cex")
    with pytest.raises(RequestError, match="cex has no plain candles of trades") as told:
        read(exchange, exchange.fetch_ohlcv, "BTC/USD", "15m", 0, 100)
    assert f"{OTHER_EXCHANGE}, or run on a file" in str(told.value)


def test_an_unknown_exchange_names_the_closest() -> None:
    with pytest.raises(ConfigError, match=r"'krakn' is not known to ccxt [\d.]+; did you mean kra"):
        open_exchange("krakn")
    with pytest.raises(ConfigError, match=rf"known to ccxt [\d.]+; {OTHER_EXCHANGE}"):
        open_exchange("zzzzzz")


@pytest.mark.parametrize("name", ["ftx", "FTX", "bittrex", "wazirx"])
def test_an_exchange_that_ccxt_has_no_more_is_said_to_have_closed_or_been_dropped(
    name: str,
) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' is not known .* any more: it has closed") as e:
        open_exchange(name)
    assert "did you mean" not in str(e.value)
    assert "or run on a file of its candles" in str(e.value)


@pytest.mark.parametrize(("old", "new"), [("huobi", "htx"), ("okex", "okx"), ("gateio", "gate")])
def test_a_retired_id_names_its_successor(old: str, new: str) -> None:
    with pytest.raises(ConfigError, match=f"'{old}' is not known .*called '{new}' now"):
        open_exchange(old)


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
    offered.has = {"fetchOHLCV": True}
    offered.timeframes = {"1m": "1m", "15m": "15m"}
    offered.options = {}
    with pytest.raises(ConfigError, match=said):
        load_markets(offered, symbol, timeframe)


def clocked(told: Any, ours: int = NOW) -> Any:
    """An exchange whose clock tells this, or raises it, where this machine's says `ours`."""

    def fetch_time() -> Any:
        if isinstance(told, Exception):
            raise told
        return told

    return SimpleNamespace(
        id="dydx",
        heard=Client(),
        has={"fetchTime": True},
        fetch_time=fetch_time,
        milliseconds=lambda: ours,
    )


@pytest.mark.parametrize("told", [NOW, NOW // 1000, NOW * 1000, NOW * 10**6, str(NOW)])
def test_a_clock_is_read_in_whatever_unit_it_counts(told: Any) -> None:
    """dydx tells seconds: taken for milliseconds they are in 1970, and no candle has closed."""
    exchange = clocked(told, NOW + 10 * 86_400_000)
    assert server_time(exchange) == NOW
    assert has_clock(exchange)


@pytest.mark.parametrize(
    "told",
    [
        *(None, "", 0, "soon", float("nan")),
        ccxt.BadRequest("dydx 404 no such path"),
        ccxt.ExchangeNotAvailable("dydx 502"),
    ],
)
def test_a_clock_that_tells_nothing_is_none(told: Any) -> None:
    exchange = clocked(told)
    assert server_time(exchange) == NOW
    assert not has_clock(exchange)


@pytest.mark.parametrize(
    ("off", "taken"), [(9 * 60_000, 0), (-9 * 60_000, -9 * 60_000), (86_400_000, 86_400_000)]
)
def test_of_two_clocks_that_differ_by_minutes_the_slower_tells_what_has_closed(
    off: int, taken: int
) -> None:
    assert server_time(clocked(NOW + off)) == NOW + taken


def refused_certificate() -> Exception:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate has expired"
    return type("Wrapped", (OSError,), {"certificate_error": error})()


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (refused_certificate(), "certificate has expired at api.x"),
        (OSError(ConnectionError(111, "Connection refused")), "Connection refused at api.x"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known at api.x"),
        (ConnectionResetError(), "ConnectionResetError at api.x"),
    ],
)
def test_a_failure_of_the_network_is_told_by_what_caused_it(cause: Exception, words: str) -> None:
    """ccxt says no more than the address that it asked for."""
    error = ccxt.ExchangeNotAvailable("kraken GET https://api.x/0/public/Time")
    error.__cause__ = cause
    found = judged(error, Answer())
    assert (found.kind, found.reason) == ("network", words)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ('bitso {"success":false,"error":{"message":"Too many requests, try later"}}', "limit"),
        ("xt Rate limit exceeded", "limit"),
        ("gate REQUEST TOO FREQUENT", "limit"),
        ("bitso the book does not exist", "rejected"),
    ],
)
def test_a_limit_that_an_ordinary_answer_tells_is_one(words: str, kind: str) -> None:
    failure = judged(ccxt.ExchangeError(words), Answer(200))
    assert failure.kind == kind
    assert not failure.hard
    assert failure.wait is None
