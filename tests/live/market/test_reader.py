"""Reads over REST: what a failed one says, and when it is tried again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

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
