"""How long to wait before what failed is tried again."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_SLICE_SECONDS = 0.1
"""How soon a rest notices that it is to end."""


class Patience(NamedTuple):
    """How long a failing read is tried; times in seconds."""

    attempts: int = 6
    """Attempts in all; those that find no connection count too."""
    unreachable: int | None = None
    """Attempts where no connection comes about, if fewer."""
    first: float = 1.0
    """Wait after the first failure; doubles with every further one."""
    cap: float = 30.0
    """Longest of these waits."""
    ban: float = 60.0
    """Wait after HTTP 418 or 429 that names none."""
    longest: float = 120.0
    """An exchange that asks for a longer pause has banned the address: it is not waited for."""


def backoff(failures: int, first: float, cap: float) -> float:
    """Seconds to wait after `failures` (>= 1) failures in a row.

    Doubles from `first` up to `cap`; of that between half and all, at random, so that
    many clients do not come back in step.
    """
    whole = min(cap, first * 2.0 ** min(failures - 1, 30))
    return whole * random.uniform(0.5, 1.0)


def wait_after(failures: int, patience: Patience, named: float | None = None) -> float | None:
    """Seconds to wait before the next try after `failures` (>= 1) in a row: `named`, where the
    other side has said so, else longer each time. None where patience is over."""
    if failures >= patience.attempts or (named or 0.0) > patience.longest:
        return None
    return backoff(failures, patience.first, patience.cap) if named is None else named


def rest(seconds: float, stopped: Callable[[], bool]) -> None:
    """Sleep for `seconds`, but not through a stop."""
    until = time.monotonic() + seconds
    while not stopped() and (left := until - time.monotonic()) > 0.0:
        time.sleep(min(_SLICE_SECONDS, left))


_LONGEST = 3 * 86_400.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the header Retry-After asks to wait (RFC 9110, 10.2.3), three days at most,
    the longest that an exchange is known to ban for (Binance); None without.

    What is no finite number says nothing, nor does a time that is over already: taken at its word
    a server that goes on refusing would be asked without a pause. A date is measured against the
    answer's own Date header, so that a clock that is off does not matter.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    text = lower.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, lower.get("date"))
    return _bounded(seconds) if math.isfinite(seconds) else None


def _until(text: str, date: str | None) -> float | None:
    try:
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return _bounded((parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _bounded(seconds: float) -> float | None:
    return min(seconds, _LONGEST) if seconds > 0.0 else None
