"""Each tick that a ledger holds, and each fill at one, beside the prices around it (C14)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from peewee import Database

from stoptrail.core.time import iso_time
from stoptrail.live.ledger.records import (
    SessionRow,
    rows,
    settings_rows,
    stored_candles,
    stored_ticks,
)
from stoptrail.live.ledger.row_writer import FILLED
from stoptrail.live.ledger.tables import PaperOrders, PaperTrades
from stoptrail.live.session_settings import run_rules_from, settings_from
from stoptrail.live.step import StoredTick
from stoptrail.rules.quotes import LATEST, WITHIN, around, counts, market_price


class WrongPrice(NamedTuple):
    """What no market can have given."""

    where: str
    found: str
    expected: str


def wrong_prices(database: Database, session: SessionRow) -> Iterator[WrongPrice]:
    """Quotes that cannot have counted at their ticks, ticks and quotes that the candles around
    them have not seen, and market fills at another price than their tick's."""
    ticks = stored_ticks(database, session.id)
    seen = {row[0]: (row[3], row[2]) for row in stored_candles(database, session.source)}
    for tick in ticks:
        where = f"tick {tick.number} at {iso_time(tick.time)}"
        if found := _of_another_rule(tick):
            expected = f"a rule, an age of at most {LATEST} ms, and its trade within it"
            yield WrongPrice(where, found, expected)
        elif (prices := _seen_around(tick.time, session.interval, seen)) and (
            found := _elsewhere(tick, *prices)
        ):
            low, high = prices
            expected = f"{WITHIN:.1%} within the prices around it, {low!r} to {high!r}"
            yield WrongPrice(where, found, expected)
    yield from _wrong_fills(database, session.id, ticks)


def _of_another_rule(tick: StoredTick) -> str:
    """The quote of a tick at which it cannot have counted, in words; empty where all is well."""
    quoted = tick.bid == tick.bid or tick.ask == tick.ask
    if quoted:
        of_moment = counts(tick.quote_rule, tick.quote_age, tick.bid, tick.ask, tick.price)
        return "" if of_moment and tick.bid <= tick.ask else _quote(tick)
    known = tick.quote_rule or tick.quote_age == tick.quote_age
    return f"no quote, {_age(tick)}" if known else ""


def _elsewhere(tick: StoredTick, low: float, high: float) -> str:
    """The price or quote of a tick that prices from `low` to `high` do not reach, in words."""
    if not around(tick.price, tick.price, low, high):
        return f"price {tick.price!r}"
    if tick.quote_rule and not around(tick.bid, tick.ask, low, high):
        return _quote(tick)
    return ""


def _quote(tick: StoredTick) -> str:
    return f"quote {tick.bid!r} to {tick.ask!r}, {_age(tick)}, at a trade at {tick.price!r}"


def _age(tick: StoredTick) -> str:
    age = f"{tick.quote_age:g} ms old" if tick.quote_age == tick.quote_age else "of no age"
    return f"by {tick.quote_rule or 'no rule'}, {age}"


def _seen_around(
    time: int, interval: int, seen: dict[int, tuple[float, float]]
) -> tuple[float, float] | None:
    """Lowest and highest price of the candles within a second of `time` (ms); None as long as
    its own has not closed."""
    if time - time % interval not in seen:
        return None
    moments = (time - LATEST, time, time + LATEST)
    opened = {moment - moment % interval for moment in moments}
    lows, highs = zip(*(seen[at] for at in opened if at in seen), strict=True)
    return min(lows), max(highs)


def _wrong_fills(database: Database, session: int, ticks: list[StoredTick]) -> Iterator[WrongPrice]:
    """Orders at market that a tick filled, at another price than it had."""
    numbers = [tick.number for tick in ticks]
    used = {trade["signal"]: trade["settings"] for trade in rows(database, PaperTrades, session)}
    rules = {
        row.number: run_rules_from(settings_from(row.content)).trade_rules
        for row in settings_rows(database, session)
        if row.number in used.values()
    }
    for order in rows(database, PaperOrders, session, status=FILLED):
        if order["kind"] == "stop" or order["price"] is not None:
            continue
        at = bisect_right(numbers, order["sent_tick"])
        tick = ticks[at] if at < len(ticks) else None
        terms = rules.get(used.get(order["signal"], 0))
        if tick is None or tick.time != order["done"] or terms is None:
            continue  # a candle filled it
        quote = tick.ask if order["side"] > 0 else tick.bid
        expected = market_price(order["side"], tick.price, quote, terms.costs, terms.market)
        if order["fill"] != expected:
            where = f"the {order['kind']} of the signal at {iso_time(order['signal'])}"
            yield WrongPrice(where, f"filled at {order['fill']!r}", f"{expected!r}, by its tick")
