import numpy as np
import pytest

from stoptrail.rules.atr import stop_atr
from stoptrail.rules.jit import compiled
from stoptrail.rules.types import OPEN, day_marks
from stoptrail.sweep.kernel.reference import simulate
from tests.markets import (
    COARSE,
    FINE,
    NOTHING_ELSE,
    QUARTER_HOUR,
    random_market,
    random_rules,
    random_setups,
)

SEEDS = range(8)


def inputs(seed: int):
    candles = random_market(seed, 700, market=(COARSE, FINE)[seed % 2])
    atr = stop_atr(candles, (1, 4, 16)[seed % 3] * QUARTER_HOUR, 3)
    first = int(np.argmax(~np.isnan(atr)))
    return candles, random_setups(seed, candles, first, 0.1), atr, day_marks(candles, first)


@pytest.mark.parametrize("seed", SEEDS)
def test_plain_python_and_machine_code_leave_the_same_run(seed):
    market = inputs(seed)
    random = np.random.default_rng(seed)
    trades = 0
    for _ in range(6):
        run_rules = random_rules(random, (COARSE, FINE)[seed % 2])
        plain = simulate(*market, run_rules, *NOTHING_ELSE)
        quick = compiled(simulate)(*market, run_rules, *NOTHING_ELSE)
        trades += len(plain.trades.entry)
        for one, other in zip(plain.trades + plain.stops, quick.trades + quick.stops, strict=True):
            assert one.tobytes() == other.tobytes()
        assert plain.ignored.tolist() == quick.ignored.tolist()
    assert trades > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_every_signal_ends_as_a_trade_or_is_counted(seed):
    candles, setups, atr, marks = inputs(seed)
    run_rules = random_rules(np.random.default_rng(seed), (COARSE, FINE)[seed % 2])
    run = compiled(simulate)(candles, setups, atr, marks, run_rules, *NOTHING_ELSE)
    left = len(setups.candle) - len(run.trades.entry) - int(run.ignored.sum())
    assert left in (0, 1)  # an order may still wait at the end


@pytest.mark.parametrize("seed", SEEDS)
def test_levels_in_force_never_loosen(seed):
    candles, setups, atr, marks = inputs(seed)
    run_rules = random_rules(np.random.default_rng(seed), (COARSE, FINE)[seed % 2])
    own = run_rules._replace(exits=0, path=0)
    run = compiled(simulate)(candles, setups, atr, marks, own, *NOTHING_ELSE)
    moves = 0
    for k, side in enumerate(run.trades.side):
        signed = side * run.stops.level[run.stops.trade == k]
        assert (np.diff(signed) > 0).all()
        moves += len(signed) - 1
        assert run.trades.initial[k] == side * signed[0]
    assert moves > 0 or len(run.trades.entry) < 3


def test_an_open_trade_is_the_last_one():
    for seed in range(30):
        candles, setups, atr, marks = inputs(seed)
        run_rules = random_rules(np.random.default_rng(seed), (COARSE, FINE)[seed % 2])
        exits = compiled(simulate)(
            candles, setups, atr, marks, run_rules, *NOTHING_ELSE
        ).trades.exit
        assert (exits[:-1] != OPEN).all()
