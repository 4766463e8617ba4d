"""Exchanges that are made up, each answering in a way of its own: nothing is taken for a
time without trades that is not one, and whatever did not come is named."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable

import ccxt
import pytest

from stoptrail.core.time import DAY_MS
from stoptrail.exchange.errors import RequestError
from stoptrail.exchange.history import History
from stoptrail.exchange.rows import Row
from stoptrail.exchange.windows import end_at

STEP = 900_000
START = 1_609_459_200_000
OLD = 3000
"""Candles back from now that an exchange serves which refuses older ones."""


class Exchange:
    """Candles at `times`, which rise, until `now`; `most` in one answer."""

    def __init__(self, times: list[int], now: int, most: int, chance: random.Random) -> None:
        self.times, self.now, self.most, self.chance = times, now, most, chance
        self.asked = 0

    def inside(self, start: int, end: int) -> list[int]:
        first, behind = (bisect_left(self.times, edge) for edge in (start, min(end, self.now)))
        return self.times[first:behind]

    def window(self, since: int, limit: int) -> list[int]:
        return self.inside(since, since + limit * STEP)


Way = Callable[[Exchange, int, int], list[int]]
EndedWay = Callable[[Exchange, int, int, int | None], list[int]]


def refusing_old(e: Exchange, since: int, limit: int) -> list[int]:
    if since < e.now - OLD * STEP:
        raise RequestError("too long ago")
    return e.window(since, limit)[: e.most]


def refusing_much(e: Exchange, since: int, limit: int) -> list[int]:
    if limit > e.most:
        raise RequestError("too many")
    return e.window(since, limit)


def unreliable(e: Exchange, since: int, limit: int) -> list[int]:
    found, chance = e.window(since, limit)[: e.most], e.chance.random()
    if chance < 0.05:
        return []
    return found[: len(found) // 2] if chance < 0.15 else found


WAYS: dict[str, Way] = {
    "the first from there": lambda e, since, limit: e.inside(since, e.now)[: min(limit, e.most)],
    "the first of a window": lambda e, since, limit: e.window(since, limit)[: e.most],
    "the last of a window": lambda e, since, limit: e.window(since, limit)[-e.most :],
    "the last before its end": lambda e, since, limit: [
        time for time in e.inside(0, since + limit * STEP)[-e.most :] if time >= since
    ],
    "later than since": lambda e, since, limit: e.inside(since + 1, since + limit * STEP)[: e.most],
    "a day": lambda e, since, limit: e.inside(since, since - since % DAY_MS + DAY_MS)[:limit],
    "the newest": lambda e, since, limit: [
        time for time in e.inside(0, e.now)[-e.most :] if time >= since
    ][:limit],
    "as many of the newest": lambda e, since, limit: [
        time for time in e.inside(0, e.now)[-min(limit, e.most) :] if time >= since
    ],
    "nothing old": lambda e, since, limit: [
        time for time in e.window(since, limit) if time >= e.now - OLD * STEP
    ][: e.most],
    "refusing what is old": refusing_old,
    "refusing what is much": refusing_much,
    "now and then too little": unreliable,
}


def wanting_an_end(e: Exchange, since: int, limit: int, until: int | None) -> list[int]:
    if until is None:
        raise RequestError("an end is wanted")
    return e.inside(since, until + 1)[: min(limit, e.most)]


def refusing_an_end(e: Exchange, since: int, limit: int, until: int | None) -> list[int]:
    if until is not None:
        raise RequestError("what is until?")
    return e.inside(since, e.now)[-min(limit, e.most) :]


def before(e: Exchange, since: int, limit: int, until: int | None) -> list[int]:
    return e.inside(since, e.now if until is None else until + 1)[-min(limit, e.most) :]


ENDED_WAYS: dict[str, EndedWay] = {
    "the newest before an end": before,
    "the newest before an end, whatever the start": lambda e, since, limit, until: [
        time for time in before(e, 0, limit, until) if time >= since
    ],
    "the first where there is an end": lambda e, since, limit, until: (
        before(e, since, limit, None)
        if until is None
        else e.inside(since, until + 1)[: min(limit, e.most)]
    ),
    "refused without an end": wanting_an_end,
    "refused with an end": refusing_an_end,
}
LIMITED = {"the newest", "as many of the newest", "refused with an end"}


def thin(times: list[int], chance: random.Random) -> list[int]:
    return [time for time in times if chance.random() < 0.05]


def holed(times: list[int], chance: random.Random) -> list[int]:
    return [time for time in times if chance.random() > 0.01]


def halted(times: list[int], chance: random.Random) -> list[int]:
    start = chance.randrange(len(times) // 2)
    return times[:start] + times[start + chance.choice([5, 150, 900]) :]


SHAPES = {"whole": lambda times, _: times, "thin": thin, "holed": holed, "halted": halted}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", [*WAYS, *ENDED_WAYS])
def test_what_did_not_come_is_named(way: str, shape: str) -> None:
    chance = random.Random(f"{way} {shape}")
    first = START + chance.randrange(200) * STEP
    now = first + chance.choice([500, 2500]) * STEP
    times = SHAPES[shape](list(range(first, now, STEP)), chance)
    exchange = Exchange(times, now, chance.choice([50, 100, 200, 300, 720]), chance)

    def ask(since: int, limit: int, until: int | None = None) -> list[Row]:
        exchange.asked += 1
        asked = (exchange, max(0, since), limit)
        times = WAYS[way](*asked) if way in WAYS else ENDED_WAYS[way](*asked, until)
        return [(t, 1.0, 2.0, 0.5, 1.5, 1.0) for t in times]

    history = History(ask, STEP)
    begin = first - chance.choice([0, 3, 2000]) * STEP
    pieces = list(history.between(begin, now))
    found = [row[0] for piece in pieces for row in piece.rows]
    assert found == sorted(set(found))
    assert set(found) <= set(times)
    missing = {time for time in times if time >= begin} - set(found)
    assert all(any(a <= time < b for a, b in history.unserved) for time in missing)
    settled = [(piece.start, piece.end) for piece in pieces if piece.settled]
    assert not any(a <= time < b for a, b in settled for time in missing)
    if way not in LIMITED:
        assert not missing
    assert exchange.asked < 60 + (now - begin) // STEP // 8
    assert not history.losses.lossy


@pytest.mark.parametrize("most", [100, 1000])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_an_exchange_that_leaves_candles_out_by_chance_is_asked_until_nothing_new_comes(
    seed: int, share: float, most: int
) -> None:
    chance = random.Random(seed)
    times = halted(holed(list(range(START, START + 3000 * STEP, STEP)), chance), chance)
    asked = 0

    def ask(since: int, limit: int, until: int | None = None) -> list[Row]:
        del until
        nonlocal asked
        asked += 1
        end = since + min(limit, most) * STEP
        there = [time for time in times if since <= time < end and chance.random() > share]
        return [(time, 1.0, 2.0, 0.5, 1.5, 1.0) for time in there]

    history = History(ask, STEP)
    pieces = list(history.between(START, times[-1] + STEP))
    found = [row[0] for piece in pieces for row in piece.rows]
    assert found == sorted(set(found))
    assert history.losses.lossy
    assert set(found) <= set(times)
    missing = set(times) - set(found)
    assert all(any(a <= time < b for a, b in history.unserved) for time in missing)
    assert len(missing) < (10 if share < 0.2 else 60)
    assert asked < (700 if share < 0.2 else 3000)


def test_a_hole_is_no_hole_where_the_candle_before_it_is_no_longer_served() -> None:
    """Two weeks later the newest 720 do not reach back to the last download."""
    times = list(range(START, START + 2000 * STEP, STEP))

    def ask(since: int, limit: int, until: int | None = None) -> list[Row]:
        del until
        rows = [(time, 1.0, 2.0, 0.5, 1.5, 1.0) for time in times[-720:] if time >= since]
        return rows[:limit]

    history = History(ask, STEP)
    known, end = times[600], times[-1] + STEP
    pieces = list(history.between(known + STEP, end, known))
    assert history.unserved == ((known + STEP, times[-720]),)
    assert history.gaps == ()
    assert next(piece.settled for piece in pieces) is False


def test_a_hole_between_candles_that_are_served_is_asked_for_twice_and_believed() -> None:
    times = [START + k * STEP for k in range(400) if not 100 <= k < 130]
    asked: list[tuple[int, int]] = []

    def ask(since: int, limit: int, until: int | None = None) -> list[Row]:
        del until
        asked.append((since, limit))
        end = since + limit * STEP
        return [(time, 1.0, 2.0, 0.5, 1.5, 1.0) for time in times if since <= time < end]

    history = History(ask, STEP)
    list(history.between(START, times[-1] + STEP))
    hole = (START + 100 * STEP, START + 130 * STEP)
    assert history.gaps == (hole,)
    assert history.unserved == ()
    over = [size for since, size in asked if since < hole[0] and since + size * STEP > hole[1]]
    assert len(over) >= 2
    assert min(over) <= 100


@pytest.mark.parametrize("way", ["the newest before an end", "the first where there is an end"])
def test_the_newest_of_all_are_not_taken_for_the_first_of_a_young_market(way: str) -> None:
    """Nothing is there where the reading begins, so that an end that is named seems to help
    nothing; the 50 newest of 500 candles come unasked."""
    first = START + 2000 * STEP
    times = list(range(first, first + 500 * STEP, STEP))
    exchange = Exchange(times, times[-1] + STEP, 50, random.Random(1))

    def ask(since: int, limit: int, until: int | None = None) -> list[Row]:
        found = ENDED_WAYS[way](exchange, max(0, since), limit, until)
        return [(time, 1.0, 2.0, 0.5, 1.5, 1.0) for time in found]

    history = History(ask, STEP)
    pieces = list(history.between(START, exchange.now))
    assert [row[0] for piece in pieces for row in piece.rows] == times
    assert history.unserved == ((START, first),)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("btcmarkets", {"to": "2020-12-31T23:59:59.999Z"}),
        ("whitebit", {"end": START // 1000 - 1}),
        ("binance", {"until": START - 1}),
    ],
)
def test_the_end_of_a_window_has_the_name_that_the_exchange_hears(
    name: str, sent: dict[str, object]
) -> None:
    assert end_at(getattr(ccxt, name)(), START - 1) == sent


def test_of_an_exchange_whose_answers_are_days_today_is_looked_at_too() -> None:
    """After a week without a trade it has been traded since three hours ago."""

    def ask(since: int, limit: int, until: int | None = None, /) -> list[Row]:
        day = since - since % DAY_MS
        found = [time for time in times if day <= time < day + DAY_MS]
        if not found:
            raise RequestError("no candlestick")  # bitbank answers HTTP 404
        return [(time, 1.0, 2.0, 0.5, 1.5, 1.0) for time in found if time >= since][:limit]

    last, today = START + 79 * STEP, START + 8 * DAY_MS
    times = [
        *range(START, last + 1, STEP),
        *range(today + 3 * 4 * STEP, today + 6 * 4 * STEP, STEP),
    ]
    history = History(ask, STEP)
    pieces = list(history.between(last + STEP, times[-1] + STEP, last))
    assert [row[0] for piece in pieces for row in piece.rows] == times[80:]
    assert not history.unserved or history.unserved[-1][1] <= times[80]


def test_what_a_small_page_alone_leaves_out_is_no_hole_where_the_large_one_was_empty() -> None:
    times = [START + k * STEP for k in range(400)]
    lost = [times[186], times[195]]

    def ask(since: int, limit: int, until: int | None = None) -> list[Row]:
        del until
        if limit > 100 and times[140] <= since < times[230]:
            return []
        found = [time for time in times if since <= time < since + min(limit, 150) * STEP]
        if limit == 100 and lost and since < lost[0]:
            found = [time for time in found if time not in lost]
            lost.clear()
        return [(time, 1.0, 2.0, 0.5, 1.5, 1.0) for time in found]

    history = History(ask, STEP)
    pieces = list(history.between(START, times[-1] + STEP))
    assert lost == []
    assert [row[0] for piece in pieces for row in piece.rows] == times
    assert history.gaps == ()


@pytest.mark.parametrize("left_out", [0, 1])
def test_the_last_of_an_answer_is_read_again_though_answers_leave_out_where_they_begin(
    left_out: int,
) -> None:
    """An answer's last candle is a part of itself where more of them follow."""
    times = [START + k * STEP for k in range(300)]

    def ask(since: int, limit: int, until: int | None = None) -> list[Row]:
        del until
        found = [time for time in times if time >= since + left_out][: min(limit, 90)]
        parts = {found[-1]} - {times[-1]}
        return [(time, 1.0, 2.0, 0.5, 1.5, 4.0 - 3.0 * (time in parts)) for time in found]

    found: list[Row] = []
    for piece in History(ask, STEP).between(START, times[-1] + STEP):
        piece.append_to(found)
    assert found == [(time, 1.0, 2.0, 0.5, 1.5, 4.0) for time in times]
