"""Candles that are not what was traded in their own time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stoptrail.feeds.checks.sampled import of_other_times
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.feeds.tables.columns import Columns, columns_of
from stoptrail.rules.candles import Floats
from tests.feeds.candle_files import QUARTER, write_parquet

START = 1_685_577_600_000
COUNT = 1200


def market(seed: int = 1, step: int = QUARTER) -> Columns:
    return columns_of(synthetic_candles(seed, step, START, START + COUNT * step))


def told(columns: Columns, step: int = QUARTER) -> list[str]:
    return [one.text for one in of_other_times(columns, step)]


def windows(values: Floats, width: int) -> Floats:
    """The last `width` values before each and it."""
    padded = np.concatenate([np.full(width - 1, values[0]), values])
    return np.lib.stride_tricks.sliding_window_view(padded, width)


def hours_four_times() -> Columns:
    hours = market(step=4 * QUARTER)
    time = START + np.arange(4 * len(hours.time)) * QUARTER
    return Columns(time, *(np.repeat(column, 4) for column in hours[1:]))


def extremes_of_a_day() -> Columns:
    given = market()
    highest, lowest = windows(given.high, 96).max(axis=1), windows(given.low, 96).min(axis=1)
    return given._replace(high=highest, low=lowest)


def one_in_four() -> Columns:
    given = market(step=QUARTER)
    kept = [column[::4] for column in given]
    return Columns(START + np.arange(len(kept[0])) * QUARTER, *kept[1:])


def every_second() -> Columns:
    given = market(step=QUARTER // 3)
    kept = [column[::2] for column in given]
    return Columns(START + np.arange(len(kept[0])) * QUARTER, *kept[1:])


def averaged() -> Columns:
    given = market()
    return given._replace(**{n: windows(getattr(given, n), 5).mean(axis=1) for n in PRICES})


PRICES = ("open", "high", "low", "close")


def without_wicks() -> Columns:
    given = market()
    top, bottom = np.maximum(given.open, given.close), np.minimum(given.open, given.close)
    return given._replace(high=top, low=bottom)


KINDS = {
    "candles of a longer time, each written 4 times": hours_four_times,
    "highs and lows stay while the price moves": extremes_of_a_day,
    "of their own height beside the close before": one_in_four,
    "a part of each is missing, perhaps": every_second,
    "closes follow each other as moving averages do": averaged,
    "no candle goes beyond its own open and close": without_wicks,
}


@pytest.mark.parametrize("kind", KINDS)
def test_candles_of_another_time_than_their_own_are_said(kind: str) -> None:
    (text,) = told(KINDS[kind]())
    assert kind in text


@pytest.mark.parametrize("made", [averaged, without_wicks])
def test_a_stretch_of_such_candles_is_said_with_its_beginning(made: Callable[[], Columns]) -> None:
    """Only what holds for most candles of the first 65,536 was."""
    within = np.arange(COUNT) // 480 == 1
    mixed = [np.where(within, *pair) for pair in zip(made(), market(), strict=True)]
    (one,) = of_other_times(Columns(*mixed), QUARTER)
    assert (one.row, one.candles) == (480, 480)
    assert one.text.startswith("in 480 candles from about there ")


def test_sums_of_the_day_so_far_in_a_stretch_are_said() -> None:
    given = market()
    volume = given.volume.copy()
    volume[480:960] = np.cumsum(volume[480:960].reshape(-1, 96), axis=1).ravel()
    (text,) = told(given._replace(volume=volume))
    assert "from about there volumes hardly change from candle to candle" in text


def test_a_crash_over_several_candles_is_no_average() -> None:
    given = market()
    fall = np.exp(-0.06 * np.clip(np.arange(COUNT) - 700, 0, 9))
    before = np.concatenate([[1.0], fall[:-1]])
    prices = (given.open * before, given.high * before, given.low * fall, given.close * fall)
    assert told(Columns(given.time, *prices, given.volume)) == []


@pytest.mark.parametrize("step", [60_000, QUARTER, 4 * QUARTER, 96 * QUARTER])
@pytest.mark.parametrize("seed", range(3))
def test_a_market_s_own_candles_are_not(seed: int, step: int) -> None:
    assert told(market(seed, step), step) == []


def test_a_pair_of_few_steps_is_a_market_too() -> None:
    """A stable pair: highs and lows stay while the price goes from one step to the next."""
    chance = np.random.default_rng(2)
    time = START + np.arange(COUNT) * QUARTER
    close = 1.0 + chance.integers(0, 2, COUNT) * 0.0001
    open_ = np.concatenate([[1.0], close[:-1]])
    same = (np.full(COUNT, 1.0001), np.full(COUNT, 0.9999))
    assert told(Columns(time, open_, *same, close, chance.uniform(1, 9, COUNT))) == []


def test_a_thin_market_does_not_go_on_from_candle_to_candle_either() -> None:
    """Few trades each, at bid or ask: many candles of one price, or open at the close before."""
    chance = np.random.default_rng(3)
    middle = 0.0014 * np.exp(np.cumsum(chance.normal(0, 2e-4, (COUNT, 4)).ravel())).reshape(-1, 4)
    trades = np.round(middle + chance.choice([-1e-6, 1e-6], (COUNT, 4)), 8)
    count = chance.integers(1, 5, COUNT)
    trades = np.where(np.arange(4) < count[:, None], trades, trades[:, :1])
    close = trades[np.arange(COUNT), count - 1]
    prices = (trades[:, 0], trades.max(axis=1), trades.min(axis=1), close)
    given = Columns(START + np.arange(COUNT) * QUARTER, *prices, chance.uniform(1, 9, COUNT))
    gaps = np.abs(given.open[1:] - given.close[:-1])
    assert np.median(gaps) > 0.5 * np.median(given.high - given.low)
    assert not any("beside the close before" in text for text in told(given))


def test_single_trades_of_a_thin_market_have_no_wicks() -> None:
    """A candle opens at the close before, and closes at its only trade."""
    bare = without_wicks()
    idle = np.random.default_rng(5).random(len(bare.time)) < 0.7
    volume = np.where(idle, 0.0, bare.volume)
    last = np.maximum.accumulate(np.where(idle, -1, np.arange(len(idle))))
    close = np.where(last < 0, bare.open[0], bare.close[last])
    open_ = np.concatenate([bare.open[:1], close[:-1]])
    given = Columns(
        bare.time, open_, np.maximum(open_, close), np.minimum(open_, close), close, volume
    )
    assert told(given) == []


def test_few_candles_tell_nothing() -> None:
    for made in KINDS.values():
        few = [column[:150] for column in made()]
        assert told(Columns(*few)) == []


def test_a_run_says_it_too(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "candles.parquet", extremes_of_a_day())
    notes = load_file(path, QUARTER, Reading()).notes
    assert any("highs and lows stay while the price moves" in note for note in notes)
