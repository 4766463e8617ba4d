"""What a person is told of a subscription that an exchange refuses."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from ccxt.base.errors import BadRequest, NetworkError

from stoptrail.live.market.events import Event, Notice
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.sockets import guard, told_of_failure
from stoptrail.live.market.warnings import Redaction, WarningLog

REFUSALS = [
    ('bitget {"event":"error","code":30001,"msg":"there is no such channel"}', "there is no such"),
    ('htx {"status":"error","err-msg":"invalid topic"}', "invalid topic"),
    ('gate {"error":{"code":2}}', 'gate {"error":'),
    ("kucoin topic is not found", "kucoin topic is not found"),
]


@pytest.mark.parametrize(("theirs", "ours"), REFUSALS)
def test_a_refused_subscription_is_told_as_one(theirs: str, ours: str) -> None:
    """With the exchange's reason where it gives one, and not as a socket that broke."""
    why, said = told_of_failure("candles", BadRequest(theirs), Redaction({}))
    assert why.startswith(f"candles subscription: refused, {ours}")
    assert said.startswith(f"the candles subscription was refused: it is asked for again ({ours}")


def test_a_broken_socket_is_told_as_one() -> None:
    why, said = told_of_failure("candles", NetworkError("closed"), Redaction({}))
    assert why == "candles socket: closed"
    assert said == "the candles socket broke: it is opened anew (closed)"


def test_a_refusal_that_no_stream_hears_of_is_no_message_without_sense() -> None:
    def refuse(client: Any, message: object) -> None:
        raise BadRequest("kucoin topic is not found")

    told: list[Event] = []
    warning_log = WarningLog(Redaction({}))
    warning_log.heard = told.append
    exchange = SimpleNamespace(id="kucoin", milliseconds=lambda: 77, handle_message=refuse)
    loop = asyncio.new_event_loop()
    guard(exchange, loop, warning_log, Outbox())
    loop.close()
    exchange.handle_message(SimpleNamespace(), {"type": "error"})
    (notice,) = told
    assert isinstance(notice, Notice)
    assert notice.text == "kucoin refuses what was asked for on a socket: kucoin topic is not found"
