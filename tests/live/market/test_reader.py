"""Reads over REST: what a failed one says, and when it is tried again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from stoptrail.core.errors import ExchangeError
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.warnings import Redaction, WarningLog
from tests.live.scenario import QUICK

BadRequest = type("BadRequest", (Exception,), {})
"""By its name, what ccxt makes of some answers with HTTP 503."""


@pytest.mark.parametrize("statuses", [(503, 200), (200, 503)])
def test_of_several_answers_to_one_read_the_worst_counts(statuses: tuple[int, int]) -> None:
    """The markets are read by several requests at once: one of them may succeed."""
    warning_log = WarningLog(Redaction({}))
    source: Any = type("Source", (), {"id": "binance"})()
    reader = Reader(source, 3, QUICK, warning_log)
    asked: list[int] = []

    async def read() -> str:
        asked.append(len(asked))
        for status in statuses if len(asked) < 3 else ():
            reader.answered(status, {}, "{}")
        if len(asked) < 3:
            raise BadRequest("no longer available")
        return "markets"

    assert asyncio.run(reader.read("its markets", read)) == "markets"
    assert len(asked) == 3
    assert warning_log.counts["maintenance"] == 2


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("patient", [False, True])
def test_a_session_waits_as_long_as_an_exchange_in_trouble_asks_for(
    status: int, patient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a download does: both go by one judgement and one patience."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    source: Any = type("Source", (), {"id": "binance"})()
    reader = Reader(source, 2, QUICK._replace(ban_cap=900.0), WarningLog(Redaction({})))
    calls: list[int] = []

    async def read() -> str:
        calls.append(1)
        if len(calls) == 1:
            reader.answered(status, {"Retry-After": "17"}, "{}")
            raise BadRequest("no longer available")
        return "candles"

    assert asyncio.run(reader.read("candles", read, patient)) == "candles"
    assert pauses == [17.0]


@pytest.mark.parametrize(("status", "longest"), [(429, 900), (503, 900), (418, 60_000)])
def test_a_session_does_not_stand_still_for_hours_by_a_header_unless_it_is_banned(
    status: int, longest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers are known that tell milliseconds where seconds are meant."""
    now, began = time.monotonic(), time.monotonic()

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr("stoptrail.live.market.reader.time.monotonic", lambda: now)
    source: Any = type("Source", (), {"id": "revolutx"})()
    reader = Reader(source, 2, QUICK._replace(ban_cap=900.0), WarningLog(Redaction({})))
    calls: list[int] = []

    async def read() -> str:
        calls.append(1)
        if len(calls) == 1:
            reader.answered(status, {"Retry-After": "60000"}, "{}")
            raise BadRequest("wait")
        return "candles"

    assert asyncio.run(reader.read("candles", read, True)) == "candles"
    assert now - began == pytest.approx(longest)


def test_a_read_without_patience_ends_with_its_last_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        assert seconds < 1.0

    monkeypatch.setattr(asyncio, "sleep", sleep)
    source: Any = type("Source", (), {"id": "binance"})()
    reader = Reader(source, 2, QUICK, WarningLog(Redaction({})))
    calls: list[int] = []

    async def read() -> str:
        calls.append(1)
        reader.answered(502, {}, "{}")
        raise BadRequest("no longer available")

    with pytest.raises(ExchangeError, match="gave no candles"):
        asyncio.run(reader.read("candles", read))
    assert len(calls) == 3


@pytest.mark.parametrize("patient", [False, True])
def test_candles_of_another_length_are_refused_at_a_start_and_asked_for_again_later(
    patient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep(seconds: float) -> None:
        assert seconds < 1.0

    monkeypatch.setattr(asyncio, "sleep", sleep)
    minute, asked = 60_000, []

    async def fetch_ohlcv(_symbol: str, _timeframe: str, since: int, limit: int) -> list[Any]:
        asked.append(since)
        step = 5 * minute if len(asked) == 1 else 15 * minute
        return [[since + step * k, 1.0, 2.0, 0.5, 1.5, 3.0] for k in range(limit)]

    source: Any = type("Source", (), {"id": "binance", "fetch_ohlcv": staticmethod(fetch_ohlcv)})()
    reader = Reader(source, 2, QUICK, WarningLog(Redaction({})))
    page = reader.page("BTC/USDT", "15m", 0, 20, patient)
    if not patient:
        with pytest.raises(ExchangeError, match="candles of 5m where 15m are asked for; set ano"):
            asyncio.run(page)
        return
    assert [row[0] for row in asyncio.run(page)] == [15 * minute * k for k in range(20)]
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("told", "time"), [(1_753_767_908, 1_753_767_908_000), (None, None), (BadRequest("404"), None)]
)
def test_a_clock_in_seconds_is_understood_and_one_that_tells_nothing_is_none(
    told: Any, time: int | None
) -> None:
    async def fetch_time() -> Any:
        if isinstance(told, Exception):
            raise told
        return told

    known = {"id": "dydx", "has": {"fetchTime": True}, "fetch_time": staticmethod(fetch_time)}
    source: Any = type("Source", (), known)()
    reader = Reader(source, 0, QUICK, WarningLog(Redaction({})))
    assert asyncio.run(reader.clock()) == time
    assert source.has["fetchTime"] is (time is not None)


def test_a_market_that_waits_out_the_ban_that_another_one_met_says_why() -> None:
    own, others = WarningLog(Redaction({})), WarningLog(Redaction({}))
    source: Any = type("Source", (), {"id": "binance"})()
    reader = Reader(source, 2, QUICK, own)
    beside, refused = reader.beside(others), [True]

    async def candles() -> str:
        if refused.pop():
            refused.append(False)
            reader.answered(429, {"Retry-After": "0.1"}, "{}")
            raise BadRequest("too many")
        refused.append(False)
        return "candles"

    async def both() -> list[str]:
        return await asyncio.gather(
            reader.read("candles", candles, True), beside.read("candles", candles, True)
        )

    assert asyncio.run(both()) == ["candles", "candles"]
    assert own.why.startswith("binance limits our requests until 20")
    assert others.why == own.why


@pytest.mark.parametrize("status", [403, 451])
def test_a_place_that_is_refused_for_one_market_is_not_for_the_others(status: int) -> None:
    """A book's other sleeves go on."""
    source: Any = type("Source", (), {"id": "binance"})()
    timing = QUICK._replace(ban=60.0)
    reader = Reader(source, 2, timing, WarningLog(Redaction({})))
    beside = reader.beside(WarningLog(Redaction({})))

    async def served() -> str:
        return "candles"

    async def refused() -> str:
        reader.answered(status, {}, "<html>")
        raise BadRequest("not here")

    async def both() -> str:
        await reader.read("candles", served)
        waiting = asyncio.ensure_future(reader.read("candles", refused, True))
        await asyncio.sleep(0.05)
        found = await asyncio.wait_for(beside.read("candles", served, True), 5.0)
        assert not waiting.done()
        waiting.cancel()
        return found

    assert asyncio.run(both()) == "candles"
