"""Every trouble of a stream ends with the candles of an undisturbed run."""

from __future__ import annotations

import pytest

from stoptrail.live.market.events import (
    CandleClosed,
    ConnectionBack,
    ConnectionLost,
    Event,
    Tick,
)
from tests.exchange.player import Pace
from tests.exchange.script import (
    ClockOff,
    Disconnect,
    Duplicate,
    Fault,
    Gap,
    LateTrades,
    Malformed,
    OutOfOrder,
    RecordRevised,
    RestFails,
    Revised,
    SilentSocket,
    Unfinished,
)
from tests.exchange.trouble import (
    hanging,
    maintenance,
    malformed_answer,
    rate_limit,
    server_error,
)
from tests.live.scenario import HISTORY, INTERVAL, PATIENT, QUICK, closed, market, play

FAULTS: dict[str, tuple[Fault, ...]] = {
    "nothing": (),
    "gap of one": (Gap(30),),
    "gap of seven": (Gap(30, candles=7),),
    "gap with no trades either": (Gap(30, candles=3, everything=True),),
    "duplicate": (Duplicate(30), Duplicate(31)),
    "out of order": (OutOfOrder(30), OutOfOrder(35)),
    "revised": (Revised(30, close=29_000.0), Revised(40, close=31_000.0)),
    "unfinished": (Unfinished(30), Unfinished(31), Unfinished(44)),
    "disconnect": (Disconnect(30), Disconnect(40)),
    "disconnect within a candle": (Disconnect(30, halfway=True),),
    "long disconnect": (Disconnect(30, away=10, refusals=2),),
    "silent socket": (SilentSocket(30, away=4),),
    "malformed": (Malformed(30),),
    "rate limit": (RestFails(30, rate_limit(0.2)),),
    "ban": (RestFails(30, rate_limit(0.2, 418)),),
    "server error": (RestFails(30, server_error(3)),),
    "maintenance": (RestFails(30, maintenance(4)), Disconnect(31, away=3, refusals=2)),
    "half an answer": (RestFails(30, malformed_answer(2)),),
    "no answer": (RestFails(30, hanging(2.0)),),
    "clock ahead": (ClockOff(25, offset=7_200_000),),
    "clock behind": (ClockOff(25, offset=-7_200_000),),
    "much at once": (
        Duplicate(24),
        Gap(26, candles=2),
        RestFails(27, server_error(2)),
        OutOfOrder(30),
        Disconnect(31, away=2, halfway=True),
        Unfinished(36),
        Malformed(40),
        RestFails(41, malformed_answer(1)),
        Disconnect(45, away=1, refusals=1),
        Revised(50, close=30_500.0),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_closed_candles_are_those_of_an_undisturbed_run(name: str) -> None:
    candles = market()
    assert play(candles, *FAULTS[name]).candles == closed(candles)


@pytest.mark.parametrize("name", ["nothing", "gap of seven", "unfinished", "much at once"])
def test_no_tick_comes_before_the_candle_it_follows(name: str) -> None:
    candles = market()
    heard = play(candles, *FAULTS[name], ticks=True)
    assert heard.candles == closed(candles)
    assert len(heard.ticks) > 50
    assert misplaced(heard.events) == []


def misplaced(events: list[Event]) -> list[Tick]:
    """Ticks that come after their own candle's close, or before the one before it."""
    wrong: list[Tick] = []
    last: int | None = None
    for event in events:
        if isinstance(event, CandleClosed):
            last = event.time
        elif isinstance(event, Tick) and last is not None and not event.ahead:
            candle = event.time - event.time % INTERVAL
            if candle != last + INTERVAL:
                wrong.append(event)
    return wrong


def test_an_undisturbed_run_tells_every_tick_and_no_trouble() -> None:
    candles = market()
    heard = play(candles, ticks=True, timing=PATIENT)
    inside = [tick for tick in heard.ticks if tick.time < candles.time[-1]]
    assert len(inside) == 4 * len(closed(candles))
    assert heard.notices == []
    assert heard.connections == [ConnectionBack]


def test_the_first_candle_waits_for_its_trades_though_none_was_heard_yet() -> None:
    """The socket of candles may be well ahead of the one that trades were just asked for on."""
    candles = market(HISTORY + 4)
    pace = Pace(lockstep=True, wanted=("kline", "trade"))
    heard = play(candles, LateTrades(HISTORY), ticks=True, timing=PATIENT, pace=pace)
    first = [tick for tick in heard.ticks if tick.time < candles.time[HISTORY + 1]]
    assert len(first) == 4


def test_the_last_tick_of_a_candle_is_its_close() -> None:
    candles = market()
    heard = play(candles, ticks=True, timing=PATIENT)
    last: dict[int, float] = {tick.time // INTERVAL: tick.price for tick in heard.ticks}
    assert [last[int(row[0]) // INTERVAL] for row in heard.candles] == [
        row[4] for row in heard.candles
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gap of seven", "gap"),
        ("out of order", "out of order"),
        ("revised", "revised"),
        ("unfinished", "unfinished"),
        ("disconnect", "socket"),
        ("silent socket", "silence"),
        ("malformed", "malformed message"),
        ("rate limit", "rate limit"),
        ("ban", "rate limit"),
        ("server error", "server error"),
        ("maintenance", "maintenance"),
        ("half an answer", "malformed answer"),
        ("no answer", "timeout"),
    ],
)
def test_trouble_is_said_once_however_often_it_comes(name: str, kind: str) -> None:
    heard = play(market(), *FAULTS[name], pace=Pace(lockstep=True))
    assert heard.notices.count(kind) == 1
    assert len(set(heard.notices)) == len(heard.notices)


@pytest.mark.parametrize("name", ["disconnect", "silent socket", "long disconnect"])
def test_a_broken_socket_is_told_and_so_is_its_return(name: str) -> None:
    changes = play(market(), *FAULTS[name], timing=QUICK._replace(poll=5.0)).connections
    assert changes[:3] == [ConnectionBack, ConnectionLost, ConnectionBack]
    assert changes[1::2] == [ConnectionLost] * (len(changes) // 2)


def test_a_socket_that_hides_trades_is_opened_anew() -> None:
    candles = market(80)
    fault = SilentSocket(25, away=0, only="trade")
    pace = Pace(speed=45_000.0)
    heard = play(candles, fault, ticks=True, pace=pace, timing=QUICK._replace(grace=0.01))
    assert heard.candles == closed(candles)
    assert heard.notices.count("silence") == 1
    assert max(tick.time for tick in heard.ticks) > candles.time[70]


def test_a_candle_that_the_exchange_lacks_too_is_not_invented() -> None:
    candles = market(without=(30, 31, 32, 45))
    heard = play(candles, ticks=True)
    assert heard.candles == closed(candles)
    assert heard.notices.count("missing") == 1


def test_a_candle_of_zero_volume_is_told_like_any_other() -> None:
    candles = market()
    for at in (30, 31, 32, 47):
        for column in (candles.high, candles.low, candles.close):
            column[at] = candles.open[at]
        candles.volume[at] = 0.0
    assert play(candles, ticks=True).candles == closed(candles)


def test_a_revision_in_the_record_comes_too_late_for_a_candle_that_was_told() -> None:
    candles = market()
    told = closed(candles)
    heard = play(candles, RecordRevised(32, close=29_000.0), pace=Pace(lockstep=True))
    assert heard.candles == told


def test_polling_alone_tells_the_same_candles_and_ticks() -> None:
    candles = market()
    heard = play(candles, transport="rest", ticks=True, pace=Pace(polls=True))
    assert heard.candles == closed(candles)
    assert heard.ticks
    assert misplaced(heard.events) == []
