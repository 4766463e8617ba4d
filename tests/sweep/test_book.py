"""A book's sets, shares and walk-forward, on small markets that follow one another."""

from __future__ import annotations

from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.inputs import Inputs, prepare
from stoptrail.config.grid import build_grid
from stoptrail.config.settings import Settings, with_values
from stoptrail.core.errors import ConfigError
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles
from stoptrail.rules.metrics import daily_returns
from stoptrail.rules.types import day_edges
from stoptrail.sweep import book_walk, side_by_side
from stoptrail.sweep.book import (
    EACH,
    TOGETHER,
    BookChoice,
    BookMarket,
    Screened,
    common_span,
    designs,
    equal_risk,
    on_days,
    pick,
    shares_of,
    ways_of,
)
from stoptrail.sweep.book_table import book_table, held
from stoptrail.sweep.book_walk import (
    BookWindow,
    Tranche,
    choose_sets,
    shifts_of,
    traded,
    walk_book,
)
from stoptrail.sweep.objective import raw_objective
from stoptrail.sweep.phases import walk_forward
from stoptrail.sweep.plain_run import quick_run
from stoptrail.sweep.pools.processes import Processes
from stoptrail.sweep.screen import screen_all, shared, until
from stoptrail.sweep.search import Tools
from stoptrail.sweep.side_by_side import mean_returns
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.windows import Window
from stoptrail.sweep.walk_forward import enough_trades
from stoptrail.sweep.walk_forward import test_inputs as inputs_between
from tests.sweep.small import DAY, DAYS, FIRST, HOUR, small_settings, write_candles

TOOLS = Tools(1, Processes(1), False, None)
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def quiet(_done: int, _total: int) -> None:
    """Nobody looks."""


def inputs_of(folder: Path, settings: Settings, candles: Candles, name: str) -> Inputs:
    file = write_candles(folder / f"{name}.parquet", candles)
    wanted = Wanted(f"{name}/USDT", HOUR, settings.data.start_ms, None, "file", file)
    return prepare(load_market(wanted, None, None), settings)


def market_of(settings: Settings, symbol: str, inputs: Inputs) -> BookMarket:
    return BookMarket(symbol, shared(Space(settings, build_grid(settings), inputs), inputs))


def with_book(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update={"book": settings.book.model_copy(update=values)})


class World:
    """Three markets and the walk of their book."""

    def __init__(self, folder: Path) -> None:
        steps = ("market.tick=0.01", "market.lot=0.00001", "book.sets=best:4", "book.tranches=3")
        self.settings = small_settings(folder, *steps)
        self.inputs = [
            inputs_of(folder, self.settings, candles, symbol[:3])
            for symbol, candles in zip(SYMBOLS, map(self.candles, SYMBOLS), strict=True)
        ]
        self.markets = [
            market_of(self.settings, symbol, inputs)
            for symbol, inputs in zip(SYMBOLS, self.inputs, strict=True)
        ]
        self.walked = walk_book(self.settings, self.markets, TOOLS, quiet)

    @staticmethod
    def candles(symbol: str) -> Candles:
        return synthetic_candles(3, HOUR, FIRST, FIRST + DAYS * DAY, symbol)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("book"))


# Choosing


def screened(objective: list[float], fingerprint: list[int]) -> Screened:
    return Screened(np.array(objective), np.array(fingerprint, np.uint64))


def test_each_market_takes_its_own_best_and_together_the_best_mean() -> None:
    one = screened([3.0, 2.0, 1.0, np.nan], [1, 2, 3, 4])
    two = screened([0.0, 2.5, 3.0, 9.0], [1, 2, 3, 4])
    assert [own.tolist() for own in pick(BookChoice(EACH, "best:2"), [one, two])] == [
        [0, 1],
        [3, 2],
    ]
    both = pick(BookChoice(TOGETHER, "best:2"), [one, two])
    assert [own.tolist() for own in both] == [[1, 2], [1, 2]]  # 3 has too few trades in one


def test_sets_with_the_same_trades_in_every_market_count_once() -> None:
    one = screened([3.0, 2.0, 1.0], [7, 7, 7])
    two = screened([3.0, 2.0, 1.0], [5, 5, 6])
    assert pick(BookChoice(TOGETHER, "best:2"), [one, two])[0].tolist() == [0, 2]
    assert pick(BookChoice(EACH, "best:2"), [one, two])[0].tolist() == [0]


def test_a_part_is_of_the_combinations_with_enough_trades() -> None:
    market = screened([np.nan] * 10 + list(range(30)), list(range(40)))
    assert pick(BookChoice(EACH, "best:10%"), [market])[0].tolist() == [39, 38, 37]
    assert not len(pick(BookChoice(EACH, "best:10%"), [screened([np.nan], [1])])[0])


def test_sets_are_spread_over_the_ranks_of_the_best_tenth() -> None:
    market = screened([np.nan] * 10 + list(range(90)), list(range(100)))
    spread = [pick(BookChoice(EACH, f"spread:{n}"), [market])[0].tolist() for n in (1, 3, 5, 99)]
    tenth = list(range(99, 90, -1))
    assert spread == [[99], [99, 95, 91], [99, 97, 95, 93, 91], tenth]
    alike = screened([np.nan] * 10 + list(range(90)), [*range(90), *[7] * 10])
    assert pick(BookChoice(EACH, "spread:3"), [alike])[0].tolist() == [99]
    assert not len(pick(BookChoice(EACH, "spread:3"), [screened([np.nan], [1])])[0])


def test_shares_are_by_the_inverse_of_the_deviation() -> None:
    calm, wild, still = np.array([0.01, -0.01]), np.array([0.03, -0.03]), np.zeros(2)
    assert equal_risk([calm, wild, still]) == pytest.approx([0.75, 0.25, 0.0])
    assert equal_risk([still, still]).tolist() == [0.0, 0.0]
    longer = np.array([0.01, -0.01, 0.02, 0.0])  # a market with more days than the other
    inverse = [1.0 / stdev(calm), 1.0 / stdev(longer)]
    assert equal_risk([calm, longer]) == pytest.approx([each / sum(inverse) for each in inverse])


# Walking


def test_windows_follow_from_an_independent_slow_computation(world: World) -> None:
    for way, chosen in enumerate(ways_of(world.settings)):
        if chosen.sets != "best:4":
            continue
        tranche = world.walked[1].tranches[2]
        window = tranche.windows[1]
        needed = enough_trades(world.settings.walk_forward.min_trades_per_year, window)
        returns, deviations = [], []
        for market in world.markets:
            trained = until(market.share, window)
            results = screen_all(trained, 1)
            values = raw_objective("sharpe", results.metrics, needed)
            sets: list[int] = []
            known: set[int] = set()
            for number in sorted(range(len(values)), key=lambda k: (-np.nan_to_num(values[k]), k)):
                trades = int(results.fingerprint[number])
                if len(sets) < 4 and not np.isnan(values[number]) and trades not in known:
                    sets, known = [*sets, number], {*known, trades}
            tested = inputs_between(market.share.inputs, window.test_start, window.test_end)

            def mean(inputs: Any, sets: Any = sets, space: Any = market.share.space) -> Any:
                every = [daily_returns(quick_run(space.plan(n), inputs).equity) for n in sets]
                return np.mean(every, axis=0)

            deviations.append(float(np.std(mean(trained.inputs), ddof=1)))
            returns.append(mean(tested))
        weights = np.array([1.0 / deviation for deviation in deviations])
        expected = (weights / weights.sum()) @ np.array(returns)
        found = tranche.found[1]
        assert found.shares[way] @ found.returns[way] == pytest.approx(expected, abs=1e-12)
        return
    raise AssertionError("the configured way was not walked")


def test_a_book_of_one_market_is_that_markets_walk_forward(world: World) -> None:
    """But for the first days of a shifted phase, for which the book has chosen at their begin."""
    settings = with_book(world.settings, sets="best:25", tranches=1)
    alone = walk_book(settings, world.markets[:1], TOOLS, quiet)
    ordinary = walk_forward(settings, world.markets[0].share, TOOLS, quiet)
    ways = [way.name for way in ways_of(settings)]
    for name, average in (("each best:25", "best_25"), ("together best:10%", "best_tenth")):
        for book, one in zip(alone, ordinary, strict=True):
            before = 1 if book.shift_days else 0
            assert book.tranches[0].windows[before:] == one.phase.windows
            own, found = ways.index(name), one.averages[average]
            assert book.of(own)[-len(found) :].tobytes() == found.tobytes()
            assert len(book.of(own)) == len(found) + book.shift_days


def test_every_phase_trades_the_same_days_in_tranches_of_equal_parts(world: World) -> None:
    days = world.settings.walk_forward.test_days
    for walk in world.walked:
        shifts = [tranche.shift_days for tranche in walk.tranches]
        assert shifts == [(walk.shift_days + k * days // 3) % days for k in range(3)]
        assert walk.edges.tolist() == world.walked[0].edges.tolist()
        for way in range(len(ways_of(world.settings))):
            each = np.array([tranche.of(way) for tranche in walk.tranches])
            assert walk.of(way) == pytest.approx(each.mean(axis=0), abs=1e-15)
            one = np.array([tranche.alone(way, 1) for tranche in walk.tranches])
            assert walk.alone(way, 1) == pytest.approx(one.mean(axis=0), abs=1e-15)
    assert len({tuple(walk.of(0).tolist()) for walk in world.walked}) == len(world.walked) == 2


@pytest.mark.parametrize("tranches", [1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("phases", [1, 2, 3, 6, 12])
@pytest.mark.parametrize("days", [5, 90, 180])
def test_no_phase_chooses_on_the_days_of_another(
    world: World, phases: int, tranches: int, days: int
) -> None:
    walk = {"phases": phases, "test_days": days}
    changed = {f"walk_forward.{key}": value for key, value in walk.items()}
    settings = with_values(world.settings, {**changed, "book.tranches": tranches})
    shifts = shifts_of(settings, 1e9)
    assert len({tuple(sorted(set(phase))) for phase in shifts}) == len(shifts)
    if days >= phases * tranches:
        assert len(shifts) == phases


def test_what_is_chosen_on_one_day_is_chosen_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = []

    def chosen(*given: Any) -> Any:
        days.append(given[2].train_end)
        return choose_sets(*given)

    monkeypatch.setattr(book_walk, "choose_sets", chosen)
    walked = walk_book(world.settings, world.markets[:1], TOOLS, quiet)
    every = {w.train_end for walk in walked for each in walk.tranches for w in each.windows}
    assert days == sorted(every)


def test_days_that_are_no_midnights_are_counted_alike(world: World) -> None:
    """A tranche is marked where its windows end, the book at midnights alone."""
    half, day = DAY // 2, DAY
    windows = (
        Window(0, 5 * day + half, 5 * day + half, 7 * day + half, False),
        Window(0, 7 * day + half, 7 * day + half, 8 * day + half, True),
    )
    one = BookWindow(np.ones((1, 1)), np.array([[[0.1, 0.2, 0.3]]]))
    two = BookWindow(np.ones((1, 1)), np.array([[[0.4, 0.5]]]))
    tranche = Tranche(0, windows, [one, two])
    assert tranche.of(0) == pytest.approx([0.1, 0.2, 1.3 * 1.4 - 1.0, 0.5])


def test_the_choice_does_not_see_beyond_its_train_window(world: World) -> None:
    tranche = world.walked[0].tranches[0]
    window, before = tranche.windows[0], tranche.found[0]
    planted = []
    for market in world.markets:
        candles = market.share.inputs.candles
        factor = np.where(
            candles.time >= window.test_start,
            np.exp((candles.time - window.test_start) / (20 * DAY)),
            1.0,
        )
        prices = {
            name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")
        }
        inputs = market.share.inputs._replace(candles=candles._replace(**prices))
        planted.append(market_of(world.settings, market.symbol, inputs))
    chosen = choose_sets(world.settings, planted, window, TOOLS, quiet)
    after = traded(planted, window, chosen, 1)
    assert after.shares.tobytes() == before.shares.tobytes()
    assert not np.array_equal(after.returns, before.returns)


def test_windows_that_are_stored_are_not_searched_again(world: World) -> None:
    class Shelf:
        rows: dict[int, bytes] = {}  # noqa: RUF012

        def load(self, _stage: str) -> list[tuple[int, bytes]]:
            return list(self.rows.items())

        def save(self, _stage: str, rows: list[tuple[int, bytes]]) -> None:
            self.rows.update(rows)

    shelf: Any = Shelf()
    tools = TOOLS._replace(store=shelf)
    walk_book(world.settings, world.markets[:2], tools, quiet)
    count = len(shelf.rows)
    altered = {k: v for k, v in shelf.rows.items() if k != 1}
    shelf.rows = altered
    calls: list[int] = []
    again = walk_book(world.settings, world.markets[:2], tools, lambda done, _: calls.append(done))
    every = {window for walk in again for each in walk.tranches for window in each.windows}
    assert len(shelf.rows) == count == len(every)
    assert calls == sorted(calls)


def test_a_span_in_common_is_needed_and_taken(world: World) -> None:
    late = world.inputs[1]
    at = 30 * 24
    cut = market_of(
        world.settings, "LATE/USDT", inputs_between(late, int(late.marks.time[30]), 10**15)
    )
    first, last = common_span([world.markets[0], cut])
    assert first == world.inputs[0].marks.time[30]
    assert last == world.inputs[0].marks.time[-1]
    early = market_of(
        world.settings,
        "E/USDT",
        inputs_between(late, int(late.marks.time[0]), int(late.marks.time[9])),
    )
    with pytest.raises(ConfigError, match="do not overlap"):
        common_span([early, cut])
    touching = market_of(
        world.settings, "T/USDT", inputs_between(late, int(late.marks.time[9]), 10**15)
    )
    with pytest.raises(ConfigError, match="do not overlap"):
        common_span([early, touching])
    assert at < len(late.candles.time)


def test_sets_side_by_side_are_run_with_the_exit_of_ones_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = world.settings.strategy.model_copy(update={"exits": "tests.contract.own_exits:sar"})
    settings = world.settings.model_copy(update={"strategy": own})
    share = market_of(settings, "A/USDT", world.inputs[0]).share
    rules = []

    def run(*given: Any, **more: Any) -> int:
        rules.append(more["exit_rule"])
        given[5].equity[:] = 1.0
        return 0

    monkeypatch.setattr(side_by_side, "screen_rows", run)
    mean_returns(share, [np.array([3])], 1)
    assert rules == [share.space.plan(3).exit_rule]
    assert rules[0] is not None


# The choice over the whole span


def test_each_tranche_is_what_a_span_that_ended_earlier_would_have_chosen(world: World) -> None:
    settings, days = world.settings, world.settings.walk_forward.test_days
    markets = world.markets[:2]

    def seen(inputs: Inputs, market: BookMarket) -> Screened:
        own = market_of(settings, market.symbol, inputs).share
        results = screen_all(own, 1)
        values = raw_objective("sharpe", results.metrics, settings.sweep.min_trades)
        return Screened(values, results.fingerprint)

    now = [seen(market.share.inputs, market) for market in markets]
    told: list[tuple[int, int]] = []
    found = designs(settings, markets, now, TOOLS, lambda *progress: told.append(progress))
    # Two tranches are screened anew, each over both grids.
    assert {total for _, total in told} == {4 * markets[0].share.space.size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    way, sets = ways_of(settings)[0], []
    for before in (0, days // 3, 2 * days // 3):
        cut = []
        for market in markets:
            marks = market.share.inputs.marks.time
            ended = inputs_between(
                market.share.inputs, int(marks[0]), int(marks[-1]) - before * DAY
            )
            cut.append(seen(ended, market))
        sets.append([own.tolist() for own in pick(way, cut)])
    assert [[own.tolist() for own in design.sets] for design in found] == sets
    assert sets[0] != sets[1]
    assert shares_of(found).sum() == pytest.approx(1.0)


# Days


def test_a_market_stands_still_where_it_has_no_day() -> None:
    edges = day_edges(DAY // 2, 4 * DAY)
    assert edges.tolist() == [DAY // 2, DAY, 2 * DAY, 3 * DAY, 4 * DAY]
    marks = np.array([2 * DAY, 3 * DAY])
    assert on_days(np.array([[0.5]]), marks, edges).tolist() == [[0.0, 0.0, 0.5, 0.0]]


def test_an_account_that_a_day_emptied_earns_nothing_after_it() -> None:
    marks, edges = np.arange(4) * DAY, np.arange(5) * DAY
    assert on_days(np.array([[0.5, -1.0, 0.2]]), marks, edges).tolist() == [[0.5, -1.0, 0.0, 0.0]]


def test_holding_pays_for_buying(world: World) -> None:
    first, last = common_span(world.markets)
    marks = held(world.markets[:1], first, last)
    inputs = world.inputs[0]
    candles, costs = inputs.candles, world.settings.costs
    paid = candles.open[inputs.start] * (1.0 + costs.slippage) * (1.0 + costs.taker_fee)
    assert marks[-1] == pytest.approx(candles.close[-1] / paid, rel=1e-4)
    assert marks[0] == 1.0
    # A market without a candle in that time is cash.
    assert held(world.markets[:1], last + DAY, last + 3 * DAY).tolist() == [1.0, 1.0, 1.0]


# What is told


def test_the_table_tells_the_book_beside_its_markets(world: World) -> None:
    ways = ways_of(world.settings)
    table = book_table(world.walked, world.markets, ways, 1)
    sharpes = []
    for walk in world.walked:
        returns = walk.of(0)
        sharpes.append(returns.mean() / returns.std(ddof=1) * 365**0.5)
    assert table["sharpes"] == pytest.approx(sharpes)
    assert table["mean"] == pytest.approx(np.mean(sharpes))
    assert table["range"] == pytest.approx(max(sharpes) - min(sharpes))
    assert [row["sharpe"] for row in table["phases"]] == pytest.approx(sharpes)
    assert table["tranches"] == 3
    assert [row["tranche"] for row in table["windows"]] == sorted(
        number for number in (1, 2, 3) for _ in world.walked[0].tranches[number - 1].windows
    )
    first = world.walked[0]
    equity = np.cumprod(np.concatenate(([1.0], 1.0 + first.of(0))))
    falls = 1.0 - equity / np.maximum.accumulate(equity)
    assert table["out_of_sample"]["max_daily_drawdown"] == pytest.approx(falls.max())
    assert falls[-1] < falls.max()
    earned = [
        np.prod([1.0 + day for day in (one.shares[0][:, None] * one.returns[0]).sum(axis=0)]) - 1.0
        for tranche in first.tranches
        for one in tranche.found
    ]
    assert [row["net_return"] for row in table["windows"]] == pytest.approx(earned)
    one = first.tranches[0].found[0]
    for way in range(len(ways)):
        days = (one.shares[way][:, None] * one.returns[way]).sum(axis=0)
        np.testing.assert_allclose(first.tranches[0].of(way)[: len(days)], days, atol=1e-15)
    assert not np.array_equal(one.shares[0], one.shares[-1])
    bought = held(world.markets, *common_span(world.markets))
    assert table["buy_and_hold"]["net_return"] != pytest.approx(bought[-1] - 1.0)  # of test days
    assert table["out_of_sample"]["sharpe"] == pytest.approx(sharpes[0])
    assert table["interval"]["low"] < sharpes[0] < table["interval"]["high"]
    singles = [row["mean"] for row in table["singles"]]
    assert table["mean_of_singles"] == pytest.approx(np.mean(singles))
    assert table["best_single"]["mean"] == max(singles)
    alone = world.walked[0].alone(ways.index(BookChoice(EACH, "best:4")), 1)
    own = table["singles"][1]["sharpes"][0]
    assert own == pytest.approx(alone.mean() / alone.std(ddof=1) * 365**0.5)
    assert set(table["selections"]) == {way.name for way in ways}
    assert len(table["equity"]) == table["out_of_sample"]["days"] + 1
    assert [sum(row["shares"].values()) for row in table["windows"]] == pytest.approx(
        [1.0] * len(table["windows"])
    )
