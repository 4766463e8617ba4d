"""Reading from an exchange through ccxt: opening it, listening to its answers, retrying."""

from __future__ import annotations

import errno
import json
import math
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from stoptrail.core.errors import ConfigError
from stoptrail.core.retry import Patience, wait_after
from stoptrail.core.text import close_to
from stoptrail.core.time import HOUR_MS
from stoptrail.exchange.answers import tell_markets
from stoptrail.exchange.errors import (
    OTHER_EXCHANGE,
    Answer,
    Failure,
    RequestError,
    UnreachableError,
    explained,
    judged,
)
from stoptrail.exchange.row_times import tell_opens

CREDENTIALS = frozenset(
    {
        "apiKey",
        "secret",
        "uid",
        "accountId",
        "login",
        "password",
        "twofa",
        "privateKey",
        "walletAddress",
        "token",
    }
)
"""ccxt's names (`Exchange.requiredCredentials`)."""


def public_only(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` without credentials: what is made with it cannot sign, and so not order."""
    return {name: value for name, value in config.items() if name not in CREDENTIALS}


Result = TypeVar("Result")
Waiting = Callable[[float, str], None]
"""Told the seconds to wait and the reason before every pause."""
Heard = Callable[[int, Mapping[str, str], str], None]
"""Told status, headers and body of every HTTP answer; ValueError makes it a failed read."""

FIRST_CONTACT = Patience(unreachable=2)
"""Without a network the first read fails at once, so that a caller can fall back."""

_INVENTS = "insert_missing_candles"
"""ccxt's bitopro fills times without trades with candles of its own, those before the first one of
an answer with a price that is yet to come."""
_LEAVES_ZEROS_OUT = {"lighter"}
"""Exchanges whose rows lack what is zero (apidocs.lighter.xyz/reference/candles): a candle without
trades has no volume, and ccxt 4.5.90 gives None for it."""
_CLOCK = Patience(attempts=3, unreachable=2)

SUCCESSORS = {
    "bitfinex2": "bitfinex",
    "bitpanda": "onetrading",
    "coinbaseprime": "coinbaseexchange",
    "coinbasepro": "coinbaseexchange",
    "gateio": "gate",
    "gdax": "coinbaseexchange",
    "hitbtc3": "hitbtc",
    "huobi": "htx",
    "huobijp": "bittrade",
    "huobipro": "htx",
    "lbank2": "lbank",
    "mexc3": "mexc",
    "okex": "okx",
    "okex5": "okx",
    "poloniexfutures": "poloniex",
}
"""ids that ccxt had once, and what such an exchange is called now."""
_FORMER = {
    *("aax", "ace", "ascendex", "bibox", "bitbay", "bitcoincom", "bitforex", "bitmart", "bitmex"),
    *("bitstamp1", "bittrex", "bitz", "bkex", "bl3p", "btcalpha", "btctradeua", "bw"),
    *("bytetrade", "cdax", "coinegg", "coinex", "coinfalcon", "coinfloor", "coinlist"),
    *("coinmetro", "crex24", "currencycom", "eqonex", "ethfinex", "exmo", "fcoin", "flowbtc"),
    *("ftx", "ftxus", "gopax", "hbtc", "idex", "itbit", "kuna", "lakebtc", "liquid", "livecoin"),
    *("lykke", "novadax", "oceanex", "okcoin", "probit", "qtrade", "ripio", "southxchange"),
    *("stex", "therock", "tidebit", "tidex", "timex", "tradeogre", "vcc", "wavesexchange"),
    *("wazirx", "xbtce", "yobit", "zb", "zipmex", "zonda"),
}
"""ids that versions 1 to 4.2 of ccxt had, of exchanges that have closed or were dropped."""


class Client:
    """What a synchronous ccxt exchange has said: kept at the exchange as `heard`."""

    def __init__(self) -> None:
        self.answer = Answer()
        """The worst answer to the read under way."""
        self.served: set[str] = set()
        """Names of reads that have succeeded."""

    def hear(self, status: int, headers: Mapping[str, str], body: str) -> None:
        """Keep the answer; ValueError for half of one."""
        if status >= self.answer.status:
            self.answer = Answer(status, headers)
        check_whole(status, body)


def open_exchange(exchange_id: str, options: Mapping[str, Any] | None = None) -> Any:
    """A ccxt exchange; `options` go to its constructor as they are.

    Rate limiting is on unless the options turn it off. Raises ConfigError for an id that
    ccxt does not know, with the closest ones.
    """
    import ccxt

    from stoptrail.exchange.whole_answers import WholeAnswers

    exchange = construct(ccxt, exchange_id, {"enableRateLimit": True, **(options or {})})
    exchange.session = WholeAnswers(exchange.session.trust_env)
    exchange.heard = Client()
    listen(exchange, exchange.heard.hear)
    return exchange


def construct(module: Any, exchange_id: str, options: Mapping[str, Any]) -> Any:
    """An exchange of `module` (ccxt, its asynchronous or its socket one), or ConfigError."""
    if exchange_id not in module.exchanges:
        version = getattr(module, "__version__", "")
        raise ConfigError(unknown_exchange(exchange_id, module.exchanges, version))
    return corrected(getattr(module, exchange_id)(dict(options)))


def corrected(exchange: Any) -> Any:
    """`exchange`, of any of ccxt's modules, without what ccxt makes of answers that they do not
    say."""
    if hasattr(exchange, _INVENTS):
        setattr(exchange, _INVENTS, lambda candles, *_: candles)
    if exchange.id in _LEAVES_ZEROS_OUT:
        original = exchange.parse_ohlcv
        exchange.parse_ohlcv = lambda *arguments: _with_volume(original(*arguments))
    tell_opens(exchange)
    tell_markets(exchange)
    return exchange


def _with_volume(row: list[Any]) -> list[Any]:
    """A candle of ccxt's; one without a volume had no trade."""
    return [*row[:5], 0.0 if row[5] is None else row[5]]


def unknown_exchange(exchange_id: str, known: Collection[str], version: str) -> str:
    """What to say of an id that ccxt, in this version, does not know."""
    text = f"exchange {exchange_id!r} is not known to ccxt {version}".rstrip()
    successor = SUCCESSORS.get(exchange_id.lower())
    if successor in known:
        return f"{text} any more: it is called {successor!r} now"
    if exchange_id.lower() in _FORMER:
        return (
            f"{text} any more: it has closed or was dropped there; {OTHER_EXCHANGE}, or run on a "
            "file of its candles"
        )
    close = close_to(exchange_id, known)
    return text + (close or f"; {OTHER_EXCHANGE}, or run on a file of its candles")


def listen(exchange: Any, heard: Heard) -> None:
    """Let `heard` see every HTTP answer before ccxt reads it."""
    original = exchange.on_rest_response

    def hear(
        status: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
    ) -> Any:
        heard(status, dict(headers), body)
        return original(status, reason, url, method, headers, body, *rest)

    exchange.on_rest_response = hear


def check_whole(status: int, body: str) -> None:
    """ValueError for half an answer, which ccxt would take for no data; OSError for a page, as of a
    portal on the way: the exchange was not reached."""
    if status == 200 and body.lstrip().startswith("<"):
        raise OSError(errno.EPROTO, "a page came instead of an answer")
    if status == 200 and not body.rstrip().endswith(("]", "}")):
        try:
            json.loads(body)
        except ValueError:
            raise ValueError(f"half an answer: {body[-40:]!r}") from None


def server_time(exchange: Any) -> int:
    """The exchange's clock in milliseconds; this machine's where it has none, or none that tells.

    Of two that differ by less than an hour the slower: what has closed by that has closed.
    """
    ours = int(exchange.milliseconds())
    if not has_clock(exchange):
        return ours
    try:
        theirs = clock_time(exchange, read(exchange, exchange.fetch_time, patience=_CLOCK))
    except (RequestError, UnreachableError):  # it may be on a host of its own
        theirs = clock_time(exchange, None)
    if theirs is None:
        return ours
    return min(theirs, ours) if abs(theirs - ours) < HOUR_MS else theirs


def has_clock(exchange: Any) -> bool:
    """Whether the exchange tells its time (30 of 104 do not)."""
    return exchange.has.get("fetchTime") is True


def clock_time(exchange: Any, answer: Any) -> int | None:
    """What `answer` of its clock says, in milliseconds: ccxt's dydx gives seconds. None, and the
    exchange counts as one without a clock from now on, where it says nothing."""
    try:
        told = float(answer)
    except (TypeError, ValueError):
        told = 0.0
    if not _BEGINNING <= told < math.inf:
        exchange.has["fetchTime"] = False
        return None
    while told >= 1e6 * _BEGINNING:
        told /= 1000
    return int(told if told >= 1e3 * _BEGINNING else 1000 * told)


_BEGINNING = 1_230_768_000
"""2009 in seconds: no exchange's clock shows an earlier time, in whatever unit it counts."""


_MISREAD = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, OSError)
"""What ccxt raises besides its own errors, of answers that are not as it knows them."""


def read(
    exchange: Any,
    call: Callable[..., Result],
    *arguments: Any,
    patience: Patience | None = None,
    on_wait: Waiting | None = None,
) -> Result:
    """`call(*arguments)`, repeated after trouble that passes; only ever for reads.

    Waits as Retry-After says, else longer each time. Raises ExchangeError in one line.
    """
    import ccxt

    patience, heard = patience or Patience(), getattr(exchange, "heard", None) or Client()
    name, failures = getattr(call, "__name__", ""), 0
    while True:
        heard.answer = Answer()
        try:
            result = call(*arguments)
        except (*_MISREAD, ccxt.BaseError) as error:
            failure = judged(error, heard.answer, name in heard.served)
            failures += 1
            pause = pause_after(exchange.id, failure, failures, patience)
        else:
            heard.served.add(name)
            return result
        if on_wait:
            on_wait(pause, failure.reason)
        time.sleep(pause)


def pause_after(exchange_id: str, failure: Failure, failures: int, patience: Patience) -> float:
    """Seconds to wait before a read that failed so often is tried again.

    Raises ExchangeError where that cannot help, or not within this patience.
    """
    attempts = patience.attempts
    if failure.kind == "network" and patience.unreachable is not None:
        attempts = patience.unreachable
    if failure.kind == "rejected":
        attempts = min(attempts, 2)
    named = patience.ban if failure.hard and failure.wait is None else failure.wait
    pause = wait_after(failures, patience._replace(attempts=attempts), named)
    if pause is None or not failure.passes:
        raise explained(exchange_id, failure)
    return pause
