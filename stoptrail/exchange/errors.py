"""What a failed read of an exchange means: the one judgement, for downloads and sessions.

ExchangeError             of stoptrail.core.errors
├── UnreachableError      nothing could be reached: no connection, no answer, no service here
│   └── RegionError       the exchange does not serve this place
├── BannedError           the exchange wants no request for a time that it has named
└── RequestError          the exchange answers, and will not serve this request
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from stoptrail.core.errors import ExchangeError
from stoptrail.core.retry import retry_after

Kind = Literal[
    "region",
    "limit",
    "refused",
    "key",
    "rejected",
    "maintenance",
    "server error",
    "timeout",
    "network",
    "malformed answer",
]

OTHER_EXCHANGE = "set data.exchange, and exchange.id where that is given, to another one"
"""The remedy where an exchange is of no use; sessions go by exchange.id first."""
ELSEWHERE = ("kraken", "coinbase", "okx", "bybit", "bitstamp")
"""Exchanges to try where another one refuses the region."""

_REFUSALS = (
    "restricted location",
    "from your country",
    "in your country",
    "your region",
    "restricted region",
)
_STATUS = re.compile(r"\b(4\d\d|5\d\d)\b")
_MESSAGE = re.compile(r'"(?:msg|message|error|errorMessage|err-msg|detail)"\s*:\s*\[?\s*"([^"]+)')
_URL = re.compile(r"https?://([^/\s]+)\S*")
_WRAPPED = ("certificate_error", "os_error", "reason")
"""Attributes in which aiohttp's and urllib3's errors hold what caused them."""
_FINAL = {"BadRequest", "NotSupported", "ArgumentsRequired", "InvalidOrder"}
_WANTS_MORE = "fetchOHLCV requires a parameter"
"""Of an exchange that ccxt asks for candles only with a choice between kinds of them."""
_LIMITS = {"DDoSProtection", "RateLimitExceeded"}
_CROWDED = re.compile("too many (requests|visits)|rate.?limit|too frequent|frequency limit")
"""What exchanges say of the number of requests in an answer that HTTP calls well."""
_PROXY = 407
"""A proxy on the way wants a password: the exchange has not heard of the request."""


class UnreachableError(ExchangeError):
    """No connection came about, no answer came, or none is given in this place."""


class RegionError(UnreachableError):
    """The exchange does not serve this place."""


class BannedError(ExchangeError):
    """The exchange wants no request for another `seconds`: any would prolong that."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


class RequestError(ExchangeError):
    """The exchange answers, and will not serve this request however often it is made."""


class Answer(NamedTuple):
    """Status and headers of an HTTP answer; 0 where none came."""

    status: int = 0
    headers: Mapping[str, str] = {}


class Failure(NamedTuple):
    """A failed read."""

    kind: Kind
    reason: str
    """In a few words, without queries or anything secret."""
    wait: float | None = None
    """Seconds that the exchange asks to wait, where it does."""
    hard: bool = False
    """Whether HTTP itself refused for the number of requests: more of them prolong that; or this
    place, though it was served before."""

    @property
    def passes(self) -> bool:
        """Whether the same request can succeed later."""
        return self.kind not in ("region", "refused", "key")


def judged(error: Exception, answer: Answer, served: bool = False) -> Failure:
    """What `error` of a read means, after the HTTP answer that came with it.

    `served`: whether the exchange has answered such a read before. HTTP 403 refuses the
    region then no more: it is a firewall's limit. Nor does HTTP 451: a server on the way took this
    place for another one, and a session of months does not end for that.
    """
    text = _URL.sub("", str(error))
    status = answer.status or _status_in(text)
    kind = _kind(error, text.lower(), status, served)
    wait = retry_after(answer.headers) if kind in ("limit", "maintenance", "server error") else None
    hard = kind == "limit" and (status in (403, 418, 429) or _refuses_place(error, text, status))
    return Failure(kind, _reason(error, text, status, kind), wait, hard)


def explained(exchange_id: str, failure: Failure, what: str = "") -> ExchangeError:
    """The error that a failure ends with, in one line: what happened and what to do."""
    reading, why = (f" while reading {what}" if what else ""), failure.reason
    if failure.kind == "region":
        others = ", ".join(name for name in ELSEWHERE if name != exchange_id)
        return RegionError(
            f"{exchange_id} refuses this location ({why}): "
            f"try another exchange, such as {others}, or use a file"
        )
    if failure.kind == "key":
        return RequestError(
            f"{exchange_id} wants a key{reading} ({why}): set an exchange whose market data is "
            "public, such as " + ", ".join(ELSEWHERE[:3])
        )
    if failure.kind in ("network", "timeout", "server error", "maintenance"):
        return UnreachableError(
            f"{exchange_id} cannot be reached{reading} ({why}); check the network, or use a file"
        )
    if failure.kind == "limit" and failure.wait is not None:
        return ExchangeError(
            f"{exchange_id} asks to wait {failure.wait:.0f} s ({why}); start again after that"
        )
    kind = RequestError if failure.kind in ("refused", "rejected") else ExchangeError
    if _WANTS_MORE in why:  # cex, which has candles of quotes alone
        return kind(
            f"{exchange_id} has no plain candles of trades ({why}): {OTHER_EXCHANGE}, or run on a "
            "file"
        )
    return kind(f"{exchange_id} does not answer as it should{reading} ({why})")


def _kind(error: Exception, text: str, status: int, served: bool) -> Kind:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if status == _PROXY:
        return "network"
    if status == 403 or _refuses_place(error, text, status):
        return "limit" if served else "region"
    if status in (418, 429) or kinds & _LIMITS or (status < 400 and _CROWDED.search(text)):
        return "limit"
    if status == 503 or "OnMaintenance" in kinds:
        return "maintenance"
    if status >= 500:  # whatever ccxt makes of it: some 503 it takes for a bad request
        return "server error"
    if "AuthenticationError" in kinds:
        return "key"
    if kinds & _FINAL or (400 <= status < 500 and "NetworkError" not in kinds):
        return "refused"
    return _passing_kind(error, kinds, status)


def _refuses_place(error: Exception, text: str, status: int) -> bool:
    named = any(kind.__name__ == "RestrictedLocation" for kind in type(error).__mro__)
    return status == 451 or named or any(words in text.lower() for words in _REFUSALS)


def _passing_kind(error: Exception, kinds: set[str], status: int) -> Kind:
    if kinds & {"RequestTimeout", "TimeoutError"}:
        return "timeout"
    if kinds & {"BadResponse", "NullResponse"} or not kinds & {"BaseError", "OSError"}:
        return "malformed answer"
    if status == 0 and (isinstance(error.__cause__, OSError) or "NetworkError" in kinds):
        return "network"
    if "NetworkError" in kinds or "OSError" in kinds:
        return "network"
    return "rejected"


def _reason(error: Exception, text: str, status: int, kind: Kind) -> str:
    host = _URL.search(str(error))
    at = f" at {host[1]}" if host else ""
    if status == _PROXY:
        return f"HTTP {_PROXY}{at}: a proxy on the way wants a password"
    if kind == "network" and status < 400:
        return f"{cause_of(error)}{at}"
    if kind == "timeout" and (words := getattr(error.__cause__, "strerror", None)):
        return f"{words}{at}"
    message = _MESSAGE.search(text)
    name = f"HTTP {status}" if status >= 400 else type(error).__name__
    if kind == "malformed answer":
        name = f"malformed answer, {type(error).__name__}"
    said = message[1] if message else "" if status or host else text.strip()
    return f"{name}{at}" + (f": {said[:100]}" if said else "")


def cause_of(error: BaseException) -> str:
    """What an error of the network was caused by, in the words of TLS or of the operating system:
    "certificate has expired", "Name or service not known", "Connection refused"."""
    wrapped = [error.__cause__, *(getattr(error, name, None) for name in _WRAPPED), *error.args]
    inner = next((one for one in wrapped if isinstance(one, BaseException)), None)
    if inner is not None:
        return cause_of(inner)
    words = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return str(words or type(error).__name__)


def _status_in(text: str) -> int:
    found = _STATUS.search(text)
    return int(found[1]) if found else 0
