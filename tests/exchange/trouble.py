"""REST trouble: what the exchange answers instead of data, and how often."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class RestTrouble:
    """The next `times` requests whose path holds `path` are answered with `status`."""

    status: int
    body: str = '{"code": -1000, "msg": "An unknown error occurred."}'
    path: str = "/api/v3/"
    times: int = 1
    retry_after: float | None = None
    """Seconds, sent as the header; with 418 and 429 also enforced: requests before
    its end are counted as `early` and refused again."""
    hang: float = 0.0
    """Seconds to wait before the answer."""


INTERNAL_ERROR = RestTrouble(500)


def rate_limit(retry_after: float = 1, status: int = 429, path: str = "/api/v3/") -> RestTrouble:
    """HTTP 429 (slow down) or 418 (banned), with Retry-After."""
    code = json.dumps({"code": -1003, "msg": "Too much request weight used; current limit 6000."})
    return RestTrouble(status, code, path, 1, retry_after)


def server_error(times: int = 3, status: int = 502, path: str = "/api/v3/") -> RestTrouble:
    """A gateway page where JSON was expected."""
    return RestTrouble(status, "<html><body>Bad Gateway</body></html>", path, times)


def maintenance(times: int = 3, path: str = "/api/v3/") -> RestTrouble:
    """The exchange is down for maintenance."""
    body = json.dumps({"code": -1016, "msg": "This service is no longer available."})
    return RestTrouble(503, body, path, times)


def region_refusal() -> RestTrouble:
    """HTTP 451: the exchange does not serve this region, for good."""
    text = (
        "Service unavailable from a restricted location according to 'b. Eligibility' in "
        "https://www.binance.com/en/terms."
    )
    return RestTrouble(451, json.dumps({"code": 0, "msg": text}), "/", 1_000_000_000)


def malformed_answer(times: int = 2, path: str = "/api/v3/klines") -> RestTrouble:
    """HTTP 200 with half a JSON document."""
    return RestTrouble(200, '[[1600000000000,"1.0","2.', path, times)


def hanging(seconds: float, times: int = 1, path: str = "/api/v3/klines") -> RestTrouble:
    """An answer that comes too late."""
    return RestTrouble(504, "", path, times, hang=seconds)


@dataclass
class WarningLog:
    """The trouble that is on now, and the record of how the client behaved."""

    active: list[RestTrouble] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    early: int = 0
    """Requests that came before a Retry-After was over."""
    _banned_until: float = 0.0
    _ban: RestTrouble | None = None

    def add(self, trouble: RestTrouble) -> None:
        """Make `trouble` the answer of the next requests that match it."""
        self.active.append(trouble)

    def clear(self) -> None:
        """End all trouble."""
        self.active.clear()
        self._banned_until = 0.0

    def answer(self, path: str) -> RestTrouble | None:
        """What to answer to a request for `path` instead of data, if anything."""
        self.requests.append(path)
        if self._ban is not None and time.monotonic() < self._banned_until:
            self.early += 1
            return self._ban
        for at, trouble in enumerate(self.active):
            if trouble.path in path:
                self._use(at, trouble)
                return trouble
        return None

    def _use(self, at: int, trouble: RestTrouble) -> None:
        if trouble.times > 1:
            self.active[at] = replace(trouble, times=trouble.times - 1)
        else:
            del self.active[at]
        if trouble.retry_after is not None:
            self._ban = trouble
            self._banned_until = time.monotonic() + trouble.retry_after
