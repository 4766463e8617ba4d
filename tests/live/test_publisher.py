from __future__ import annotations

import pytest

from stoptrail.live.publisher import Publisher
from stoptrail.live.watch.event_log import EventLog
from stoptrail.live.watch.messages import UNWRITTEN, Message


def test_nothing_has_waited_where_nothing_waits() -> None:
    assert Publisher(1, [], EventLog()).waited == 0.0


@pytest.mark.parametrize("kind", [*sorted(UNWRITTEN), "entry"])
def test_what_no_table_of_the_ledger_holds_is_remembered_for_its_events(kind: str) -> None:
    remembered: list[Message] = []

    class Noted(EventLog):
        def remember(self, message: Message) -> None:
            remembered.append(message)

    publisher = Publisher(1, [], Noted())
    publisher.say(kind, "it happened")
    assert [message.kind for message in remembered] == ([kind] if kind in UNWRITTEN else [])
