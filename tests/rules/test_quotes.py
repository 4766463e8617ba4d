"""Which quote counts at a trade."""

from __future__ import annotations

import math

import pytest

from stoptrail.rules.quotes import BY_ARRIVAL, BY_EVENT, NO_QUOTE, Quote, TradeQuote, trade_quote

T = 1_700_000_000_000


def at(quote: Quote | None, **changes: float) -> TradeQuote:
    found = {"trade": T, "newest": T, "price": 100.0, "now": 50.0, "waited": 0.0} | changes
    return trade_quote(
        quote,
        int(found["trade"]),
        int(found["newest"]),
        found["price"],
        found["now"],
        found["waited"],
    )


@pytest.mark.parametrize(("age", "counts"), [(0, True), (1000, True), (1001, False), (-900, True)])
def test_a_quote_with_a_time_counts_up_to_a_second_before_the_newest_trade(
    age: int, counts: bool
) -> None:
    found = at(Quote(99.9, 100.1, T - age, 0.0, 0.0), now=1e9)
    assert (found.rule == BY_EVENT) is counts
    assert found.age == age if counts else math.isnan(found.age)


def test_the_newest_trade_decides_not_the_one_at_hand() -> None:
    assert at(Quote(99.9, 100.1, T, 0.0, 0.0), newest=T + 1001) == NO_QUOTE


def test_a_quote_from_after_an_old_trade_is_not_its_quote() -> None:
    assert at(Quote(99.9, 100.1, T + 5000, 0.0, 0.0), newest=T + 5000) == NO_QUOTE


QUOTE = Quote(99.9, 100.1, None, 49.5, 3.0)


def test_a_quote_without_a_time_counts_if_it_came_just_before() -> None:
    assert at(QUOTE, waited=3.0) == TradeQuote(99.9, 100.1, 500.0, BY_ARRIVAL)
    assert at(QUOTE, waited=3.0, now=50.6) == NO_QUOTE


def test_it_does_not_count_where_the_connection_was_held_back_meanwhile() -> None:
    assert at(QUOTE, waited=3.1) == NO_QUOTE


@pytest.mark.parametrize(("price", "counts"), [(99.81, True), (99.79, False), (100.21, False)])
def test_it_does_not_count_where_the_trade_lies_elsewhere(price: float, counts: bool) -> None:
    assert (at(QUOTE, waited=3.0, price=price) != NO_QUOTE) is counts


def test_without_a_quote_there_is_none() -> None:
    assert at(None) == NO_QUOTE


@pytest.mark.parametrize(("price", "counts"), [(99.0, True), (98.8, False), (101.2, False)])
def test_a_quote_far_from_its_trade_is_no_quote_whatever_its_time(
    price: float, counts: bool
) -> None:
    """ccxt shows the lowest level of Bybit's book, one that was kept by mistake for days."""
    found = at(Quote(99.9, 100.1, T, 0.0, 0.0), price=price)
    assert (found != NO_QUOTE) is counts
