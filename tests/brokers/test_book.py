"""The account that the sleeves of a book share, as a session meets it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stoptrail.brokers import sleeve
from stoptrail.brokers.book import BookBroker
from stoptrail.brokers.sleeve import SleeveBroker
from stoptrail.rules.protections import Protections

QUARTER = 900_000


def test_a_candle_that_comes_after_the_others_of_its_time_turns_no_clock_back() -> None:
    """It is a step of its own, at which the book is marked as late as it was before."""
    book = BookBroker(sleeves=())
    book.begin(0, 4 * QUARTER, QUARTER)
    assert (book.index, book.closes) == (0, 5 * QUARTER)
    book.begin(1, 3 * QUARTER, QUARTER)
    assert (book.index, book.closes) == (1, 5 * QUARTER)
    book.begin(2, 5 * QUARTER, QUARTER)
    assert (book.index, book.closes) == (2, 6 * QUARTER)


@pytest.mark.parametrize("later", [0, 1])
def test_a_loss_cools_down_from_the_candle_that_it_belongs_to(later: int) -> None:
    """What a tick ends belongs to the candle under way, the one after the last step's."""
    book = BookBroker(sleeves=(), protections=Protections(0.0, 0.0, 1, 3))
    book.begin(7, 7 * QUARTER, QUARTER)
    book.ended.append(-1.0)
    book.count_ended(later)
    stopped = [index for index in range(20) if index < book.guard.until]
    assert stopped == list(range(7 + later + 3 + 1))
    assert book.ended == []


def test_what_a_position_ties_up_has_paid_no_funding_of_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tick may enter after the last step, when the cash of that step is still asked for."""
    monkeypatch.setattr(sleeve, "tied", lambda _position, paid: paid)
    held = SimpleNamespace(held=SimpleNamespace(time=7 * QUARTER))
    schedule = SimpleNamespace(is_empty=False)
    broker: Any = SimpleNamespace(open=held, schedule=schedule, paid_by=float)
    for asked, by in ((6 * QUARTER, 7 * QUARTER), (8 * QUARTER, 8 * QUARTER)):
        assert SleeveBroker.tied_by(broker, asked) == by
