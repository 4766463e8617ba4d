"""Reading from an exchange through ccxt: opening it, retrying, and saying what went wrong."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from stoptrail.core.errors import ConfigError, ExchangeError

Result = TypeVar("Result")
Waiting = Callable[[float, str], None]
"""Told the seconds to wait and the reason before every pause."""

ELSEWHERE = ("kraken", "coinbase", "okx", "bybit", "bitstamp")
"""Exchanges to try where another one refuses the region."""

MAX_ATTEMPTS = 6
MAX_WAIT = 120.0
"""Seconds; an exchange that asks for a longer pause has banned the address."""

_REFUSALS = (
    "restricted location",
    "from your country",
    "in your country",
    "your region",
    "restricted region",
)
_STATUS = re.compile(r"\b(4\d\d|5\d\d)\b")
_MESSAGE = re.compile(r'"(?:msg|message|error)"\s*:\s*"([^"]+)')
_URL = re.compile(r"https?://([^/\s]+)\S*")


def open_exchange(exchange_id: str, options: Mapping[str, Any] | None = None) -> Any:
    """A ccxt client of the exchange; `options` go to its constructor as they are.

    Rate limiting is on unless the options turn it off. Raises ConfigError for an id that
    ccxt does not know, with the closest ones.
    """
    import ccxt

    if exchange_id not in ccxt.exchanges:
        raise ConfigError(
            f"exchange {exchange_id!r} is not known to ccxt{_close(exchange_id, ccxt.exchanges)}"
        )
    return getattr(ccxt, exchange_id)({"enableRateLimit": True, **(options or {})})


def load_markets(exchange: Any, symbol: str, timeframe: str) -> None:
    """First contact: fetch the market list and check symbol and timeframe against it.

    Fails at once where there is no network, so that a caller can fall back. Raises
    ExchangeError, or ConfigError with the closest names for what is not offered.
    """
    _only_the_kind_needed(exchange, symbol)
    read(exchange, exchange.load_markets, unreachable_attempts=2)
    if symbol not in exchange.markets:
        close = _close(symbol, exchange.markets)
        raise ConfigError(f"data.symbol {symbol!r} is not traded on {exchange.id}{close}")
    offered = exchange.timeframes or {}
    if timeframe not in offered:
        names = ", ".join(offered) or "none"
        raise ConfigError(
            f"data.timeframe {timeframe!r} is not offered by {exchange.id}; it has {names}"
        )


def server_time(exchange: Any) -> int:
    """The exchange's clock in milliseconds; this machine's where it has none to ask."""
    if exchange.has.get("fetchTime") is True:
        return int(read(exchange, exchange.fetch_time))
    return int(exchange.milliseconds())


def read(
    exchange: Any,
    call: Callable[..., Result],
    *arguments: Any,
    attempts: int = MAX_ATTEMPTS,
    unreachable_attempts: int | None = None,
    on_wait: Waiting | None = None,
) -> Result:
    """`call(*arguments)`, repeated after trouble that passes; only ever for reads.

    Waits as Retry-After says, else 1, 2, 4 ... seconds, up to `attempts` times in all
    (`unreachable_attempts` where no connection comes about); a refused region once.
    Raises ExchangeError in one line.
    """
    import ccxt

    for attempt in range(1, attempts + 1):
        try:
            return _answer(exchange, call, arguments)
        except ccxt.BaseError as error:
            limit = (is_unreachable(error) and unreachable_attempts) or attempts
            pause = _pause(exchange, error, attempt)
            if attempt >= limit or not _passes(error) or pause > MAX_WAIT:
                raise explained(exchange.id, error, pause) from error
            if on_wait:
                on_wait(pause, reason(error))
            time.sleep(pause)
    raise AssertionError("unreachable")


def _answer(exchange: Any, call: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    """The answer, checked: ccxt takes half a document for an empty one or trips over it."""
    import ccxt

    try:
        result = call(*arguments)
        body = getattr(exchange, "last_http_response", None)
        if body:
            json.loads(body)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise ccxt.ExchangeNotAvailable(f"malformed answer ({type(error).__name__})") from error
    return result


def explained(exchange_id: str, error: Exception, pause: float = 0.0) -> ExchangeError:
    """A ccxt error as one line: what the exchange did and what to do about it."""
    if is_refused(error):
        others = ", ".join(name for name in ELSEWHERE if name != exchange_id)
        return ExchangeError(
            f"{exchange_id} refuses this location ({reason(error)}); "
            f"try another exchange, such as {others}"
        )
    if is_unreachable(error):
        return ExchangeError(
            f"{exchange_id} cannot be reached ({reason(error)}); check the network, or use a file"
        )
    if pause > MAX_WAIT:
        return ExchangeError(
            f"{exchange_id} asks to wait {pause:.0f} s ({reason(error)}); try again after that"
        )
    return ExchangeError(f"{exchange_id} does not answer as it should ({reason(error)})")


def is_refused(error: Exception) -> bool:
    """Whether the exchange refuses the region (HTTP 451 or 403, or its own words)."""
    import ccxt

    text = _URL.sub("", str(error))
    status = _STATUS.search(text)
    if isinstance(error, ccxt.RestrictedLocation) or (status and status[1] in ("451", "403")):
        return True
    return any(words in text.lower() for words in _REFUSALS)


def is_unreachable(error: Exception) -> bool:
    """Whether no connection came about at all: no route, unknown host, refused, TLS."""
    from requests import exceptions

    cause = error.__cause__
    return isinstance(cause, exceptions.ConnectionError | exceptions.ConnectTimeout | OSError) and (
        not isinstance(cause, exceptions.HTTPError | exceptions.ReadTimeout)
    )


def reason(error: Exception) -> str:
    """An error in a few words, without queries or anything secret: HTTP status, else its kind."""
    cause, host = error.__cause__, _URL.search(str(error))
    at = f" at {host[1]}" if host else ""
    if is_unreachable(error):
        return f"{type(cause).__name__}{at}"
    text = _URL.sub("", str(error))
    status, message = _STATUS.search(text), _MESSAGE.search(text)
    kind = f"HTTP {status[1]}" if status else type(error).__name__
    if "malformed" in text:
        kind = "malformed answer"
    return f"{kind}{at}" + (f": {message[1][:100]}" if message else "")


def _only_the_kind_needed(exchange: Any, symbol: str) -> None:
    """Binance lists spot and futures on hosts of their own: leave out what is not asked."""
    kinds = (exchange.options or {}).get("fetchMarkets")
    if exchange.id == "binance" and ":" not in symbol and isinstance(kinds, dict):
        kinds["types"] = ["spot"]


def _passes(error: Exception) -> bool:
    import ccxt

    return isinstance(error, ccxt.NetworkError) and not is_refused(error)


def _pause(exchange: Any, error: Exception, attempt: int) -> float:
    headers = getattr(exchange, "last_response_headers", None) or {}
    asked = str(headers.get("Retry-After", "")) if not is_unreachable(error) else ""
    return float(asked) if asked.isdigit() else float(2 ** (attempt - 1))


def _close(name: str, names: Iterable[str]) -> str:
    known = {known.upper(): known for known in names}
    matches = get_close_matches(name.upper(), known, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(known[m] for m in matches)}?" if matches else ""
