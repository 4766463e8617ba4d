"""C15: the legacy exits leave at the next open after the cycle turned, and have no stop."""

from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.types import CYCLE_EXIT
from tests.contract.seen import Engine
from tests.contract.tables import table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   range 4: a stop would be 8 away
"""
LEGACY = {"exits": CYCLE_EXIT, "kind": ALL_IN, "max_leverage": 1.0}


def test_it_leaves_at_the_open_after_the_opposite_turn(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 101  50  99  10   far below any stop: there is none
    U   99 104  99 104  10   a turn to its own side
    D  104 110 104 106  10   the cycle turns down
    .  105 106 100 101  10   out at 105
            """
        ),
        **LEGACY,
    )
    trade = seen.one
    assert (trade.entry, trade.exit, trade.price, trade.reason) == (2, 5, 105.0, "cycle")
    if seen.paths:
        assert trade.levels == []


def test_a_turn_on_the_entry_candle_counts(either: Engine) -> None:
    seen = either.run(table(SIGNAL + "D  100 101  99 100  10\n.  103 104 102 103  10"), **LEGACY)
    assert (seen.one.exit, seen.one.price) == (3, 103.0)


def test_a_turn_on_the_signal_candle_does_not(either: Engine) -> None:
    rows = SIGNAL.replace("L ", "LD ") + ".  100 101  99 100  10\n.  103 104 102 103  10"
    assert either.run(table(rows), **LEGACY).one.exit is None


def test_the_exit_waits_for_a_candle_with_volume(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    D  100 101  99 100  10
    .  103 104 102 103   0   nothing traded
    -
    .  107 108 106 107  10   out here, however late
            """
        ),
        **LEGACY,
    )
    assert (seen.one.exit, seen.one.price) == (5, 107.0)


def test_a_new_signal_while_leaving_is_ignored(either: Engine) -> None:
    """At the close that sends the exit the position is still open."""
    seen = either.run(
        table(
            SIGNAL
            + """
    D  100 101  99 100  10
    S  103 104 102 103  10   out at this open: a signal at this close counts
    .  103 104 102 103  10
            """
        ),
        **LEGACY,
    )
    assert [trade.entry for trade in seen.trades] == [2, 4]
    seen = either.run(table(SIGNAL + "DS  100 101  99 100  10\n.  103 104 102 103  10"), **LEGACY)
    assert (len(seen.trades), seen.ignored) == (1, {"position": 1})


def test_slippage_worsens_the_exit(engine: Engine) -> None:
    seen = engine.run(
        table(SIGNAL + "D  100 101  99 100  10\n.  103 104 102 103  10"), slippage=0.001, **LEGACY
    )
    assert seen.one.price == 102.89  # 103 * 0.999 = 102.897, sells round down


def test_still_open_at_the_end_it_is_marked(either: Engine) -> None:
    seen = either.run(table(SIGNAL + "D  100 101  99 101  10"), **LEGACY)
    assert (seen.one.exit, seen.one.price) == (None, 101.0)
    assert seen.one.pnl == seen.one.units
