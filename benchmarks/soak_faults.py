"""One maker for every scripted fault of the exchange simulator."""

from __future__ import annotations

import random
from collections.abc import Callable

from stoptrail.rules.candles import Candles
from tests.exchange import script, trouble
from tests.exchange.script import Fault

EARLIER = 600
"""Candles by which the record revises what was long ago: kraken still shows those."""
Maker = Callable[[int, Candles, random.Random], Fault]


def _revised(at: int, candles: Candles, chance: random.Random) -> Fault:
    return script.Revised(at, close=round(float(candles.close[at]) * 1.001, 2))


def _record_revised(at: int, candles: Candles, chance: random.Random) -> Fault:
    """Of a candle so old that it is stored in any case: what was seen first stays."""
    close = round(float(candles.close[at - EARLIER]) * 1.001, 2)
    return script.RecordRevised(at, close=close, earlier=EARLIER)


def _rest(make: Callable[[], trouble.RestTrouble]) -> Maker:
    return lambda at, candles, chance: script.RestFails(at, make())


KINDS: tuple[Maker, ...] = (
    lambda at, candles, chance: script.Gap(at, candles=chance.randint(1, 5)),
    lambda at, candles, chance: script.Gap(at, candles=chance.randint(1, 5), everything=True),
    lambda at, candles, chance: script.Unfinished(at),
    lambda at, candles, chance: script.Duplicate(at),
    lambda at, candles, chance: script.OutOfOrder(at),
    _revised,
    _record_revised,
    lambda at, candles, chance: script.Disconnect(
        at, away=chance.choice((0, 1, 8)), refusals=chance.choice((0, 2)), halfway=True
    ),
    lambda at, candles, chance: script.Disconnect(at, away=chance.choice((0, 3))),
    lambda at, candles, chance: script.SilentSocket(at, away=chance.choice((1, 6))),
    lambda at, candles, chance: script.SilentSocket(at, away=1, only="trade"),
    lambda at, candles, chance: script.Malformed(at),
    lambda at, candles, chance: script.ClockOff(at, offset=chance.choice((-1, 1)) * 3_600_000),
    _rest(lambda: trouble.INTERNAL_ERROR),
    _rest(trouble.server_error),
    _rest(trouble.maintenance),
    _rest(trouble.malformed_answer),
    _rest(lambda: trouble.rate_limit(1)),
    _rest(lambda: trouble.rate_limit(1, status=418)),
    _rest(lambda: trouble.hanging(2)),
)
"""Every kind of fault there is, but a refusal of the region, which ends a session for good."""


def random_faults(candles: Candles, first: int, count: int, seed: int) -> list[Fault]:
    """`count` faults of every scripted kind in turn, at random candles from `first` on."""
    chance = random.Random(seed)
    # Behind as many candles as a fault may reach back.
    places = sorted(chance.sample(range(max(first, EARLIER) + 60, len(candles.time) - 60), count))
    chance.shuffle(places)
    return [KINDS[k % len(KINDS)](at, candles, chance) for k, at in enumerate(places)]
