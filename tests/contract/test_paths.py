"""C9: the tick ratchet along two assumed paths within each candle.

Backtrader and the paper broker in candle mode take whole candles: the engines here are the
ones that the envelope is made with. Nothing costs anything; both sides are run.
"""

import pytest

from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST
from stoptrail.rules.stops import PERCENT
from tests.contract.engines import LOOPS
from tests.contract.seen import Engine
from tests.contract.tables import table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   range 4: the stop is 8 away, at 92
"""
# In the mirror image the favourable price of a candle is its low.
FAVOURABLE_FIRST = {1: HIGH_FIRST, -1: LOW_FIRST}
ADVERSE_FIRST = {1: LOW_FIRST, -1: HIGH_FIRST}


@pytest.fixture(params=[(name, sign) for name in LOOPS for sign in (1, -1)], ids=str)
def looping(request: pytest.FixtureRequest) -> Engine:
    name, sign = request.param
    return Engine(name, LOOPS[name], sign)


WIDE = SIGNAL + ".  100 106  95 104  10   entry at 100\n.  104 105 103 104  10"


def test_whole_candles_ratchet_at_the_close_only(looping: Engine) -> None:
    """Range 11: the candidate 106 - 22 stays behind 92."""
    seen = looping.run(table(WIDE), path=CANDLE)
    assert (seen.one.exit, seen.one.initial) == (None, 92.0)


def test_a_favourable_price_first_ratchets_before_the_adverse_one(looping: Engine) -> None:
    """At 106 the stop follows to 106 - 8 = 98, by the ATR of the last closed candle."""
    seen = looping.run(table(WIDE), path=FAVOURABLE_FIRST[looping.sign])
    assert (seen.one.entry, seen.one.exit) == (2, 2)
    assert (seen.one.price, seen.one.reason) == (98.0, "trail")


def test_an_adverse_price_first_meets_the_earlier_level(looping: Engine) -> None:
    """95 is above 92; then 106 puts the stop at 98, which the close does not reach."""
    seen = looping.run(table(WIDE), path=ADVERSE_FIRST[looping.sign])
    assert seen.one.exit is None
    assert seen.one.levels[-1][1] >= 92.0


def test_the_close_is_a_price_of_the_path_too(looping: Engine) -> None:
    rows = SIGNAL + ".  100 110  95 101  10   at 110 the stop is 102, above the close"
    seen = looping.run(table(rows), path=ADVERSE_FIRST[looping.sign])
    assert (seen.one.exit, seen.one.price) == (2, 102.0)


def test_a_gap_fills_at_the_open_and_a_crossing_at_the_level(looping: Engine) -> None:
    rows = SIGNAL + ".  100 100  98 99  10\n.  {open} 99 85 90  10"
    for path in (HIGH_FIRST, LOW_FIRST):
        # 100 - 2 * 2 = 96 from the close of row 2 on.
        gap = looping.run(table(rows.format(open=94)), path=path)
        assert gap.one.price == 94.0
        crossed = looping.run(table(rows.format(open=97)), path=path)
        assert crossed.one.price >= 96.0


def test_breakeven_is_placed_within_the_candle(looping: Engine) -> None:
    rows = SIGNAL + ".  100 104  97 103  10   armed at 104, then back through 100"
    numbers = {"multiplier": 4.0, "breakeven_trigger": 1.0}
    whole = looping.run(table(rows), path=CANDLE, **numbers)
    assert whole.one.exit is None
    ticks = looping.run(table(rows), path=FAVOURABLE_FIRST[looping.sign], **numbers)
    assert (ticks.one.exit, ticks.one.price, ticks.one.reason) == (2, 100.0, "breakeven")


def test_a_candle_without_volume_has_no_ticks(looping: Engine) -> None:
    rows = SIGNAL + ".  100 101 97 100  10\n.  100 140 60 100   0"
    for path in (HIGH_FIRST, LOW_FIRST):
        assert looping.run(table(rows), path=path).one.exit is None


def test_the_open_that_enters_moves_no_stop(looping: Engine) -> None:
    """1 % below the fill at 100 is 99, which only a later price can set: that is 95, and from
    there the market rises."""
    rows = SIGNAL + ".  100 100  95 100  10"
    percent = {"trail": PERCENT, "trail_percent": 0.01}
    seen = looping.run(table(rows), path=ADVERSE_FIRST[looping.sign], **percent)
    assert seen.one.exit is None
