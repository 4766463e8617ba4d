"""What the evidence says of a chosen set, from the results of a small search."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from stoptrail.backtest.inputs import prepare
from stoptrail.backtest.outcome import Outcome, metrics_table
from stoptrail.backtest.plan import Record
from stoptrail.config.grid import build_grid
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.rules.candles import Candles
from stoptrail.rules.measure import equity_of
from stoptrail.rules.metrics import (
    ANNUAL_ROOT,
    drawdowns,
)
from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST
from stoptrail.rules.types import OPEN, close_marks, fill_log, stop_log
from stoptrail.sweep.breakdown import concentration, of_one_run
from stoptrail.sweep.evidence import (
    fees,
    judged,
    odd_candles,
    selection,
    sides,
)
from stoptrail.sweep.exit_ablation import management, variants
from stoptrail.sweep.kernel.results import COLUMN, Results
from stoptrail.sweep.objective import Scored
from stoptrail.sweep.plain_run import Ready, make_ready, quick_record, quick_run
from stoptrail.sweep.price_paths import along, envelope, worst_objectives
from stoptrail.sweep.screen import BLOCKS, Share, screen_all, shared
from stoptrail.sweep.search import Ranked, trials_of
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.bootstrap import profit_factor_interval
from tests.rules.runs import trades
from tests.sweep.small import small_settings


class World(NamedTuple):
    share: Share
    results: Results
    best: int
    outcome: Outcome


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder: Path = tmp_path_factory.mktemp("evidence")
    settings = small_settings(folder, "market.tick=0.01", "market.lot=0.00001")
    file = folder / "candles.parquet"
    start, interval = settings.data.start_ms, settings.data.interval
    market = load_market(Wanted("SMALL/USDT", interval, start, None, "file", file), None, None)
    inputs = prepare(market, settings)
    space = Space(settings, build_grid(settings), inputs)
    share = shared(space, inputs, BLOCKS)
    results = screen_all(share, 1)
    best = int(np.nanargmax(results.metrics[:, COLUMN.sharpe]))
    return World(share, results, best, quick_run(space.plan(best), inputs))


def test_the_deflated_sharpe_ratio_is_fed_with_sharpe_ratios(world: World) -> None:
    sharpes = world.results.metrics[:, COLUMN.sharpe]
    trials = trials_of(world.share, Ranked(world.results, Scored(sharpes, sharpes, sharpes)))
    found = selection(world.share, trials, world.best, world.outcome, 1)
    spread = (np.nan_to_num(sharpes) / ANNUAL_ROOT).std(ddof=1)
    returns = world.outcome.equity[1:] / world.outcome.equity[:-1] - 1.0
    deflated = found["deflated_sharpe"]
    assert deflated["all"]["spread"] == pytest.approx(spread)
    assert deflated["all"]["trials"] == world.share.space.size
    assert deflated["best"]["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert found["plateau"]["objective"] == sharpes[world.best]
    crossed = found["cross_validation"]
    assert (crossed["folds"], len(crossed["sharpes"])) == (10, 9)
    assert crossed["low"] <= crossed["median"] <= crossed["high"]


def test_the_bootstrap_draws_from_closed_trades(world: World) -> None:
    sharpes = world.results.metrics[:, COLUMN.sharpe]
    trials = trials_of(world.share, Ranked(world.results, Scored(sharpes, sharpes, sharpes)))
    record = world.outcome.record
    exits = record.trades.exit.copy()
    exits[-1] = OPEN
    still_open = record._replace(trades=record.trades._replace(exit=exits))
    outcome = world.outcome._replace(record=still_open)
    found = selection(world.share, trials, world.best, outcome, 1)
    closed = record.trades.pnl[:-1]
    assert len(closed) > 3
    assert found["bootstrap"]["profit_factor"] == asdict(profit_factor_interval(closed, 1))


def test_the_envelope_has_the_run_itself_and_two_paths(world: World) -> None:
    inputs, plan = world.share.inputs, world.outcome.plan
    ready = make_ready(plan, inputs)
    found = envelope(world.outcome, inputs, ready)
    assert list(found) == ["candle", "high_first", "low_first"]
    for name, path in (("candle", CANDLE), ("high_first", HIGH_FIRST), ("low_first", LOW_FIRST)):
        assert found[name] == metrics_table(along(plan, inputs, ready, path))
    assert found["high_first"] != found["candle"]


def test_the_fee_that_was_paid_gives_the_figures_of_the_run(world: World) -> None:
    inputs, plan = world.share.inputs, world.outcome.plan
    found = fees(plan, inputs, make_ready(plan, inputs))
    rows = {row["fee"]: row for row in found["rows"]}
    own, run = rows[found["taker_fee"]], world.outcome.metrics
    for name in ("profit_factor", "sharpe", "net_return", "trades"):
        assert own[name] == getattr(run, name)
    assert rows[0.005]["net_return"] < rows[0.0]["net_return"]


def test_each_side_alone_has_trades_of_that_side_only(world: World) -> None:
    inputs, plan = world.share.inputs, world.outcome.plan
    both = plan._replace(sides=0)
    found = sides(both, inputs)
    assert set(found) == {"long", "short"}
    for name, side in (("long", 1), ("short", -1)):
        alone = quick_run(plan._replace(sides=side), inputs)
        assert (alone.record.trades.side == side).all()
        assert found[name] == metrics_table(alone)
    assert set(sides(plan._replace(sides=1), inputs)) == {"long"}


def test_concentration_is_told_in_shares_of_the_net_profit() -> None:
    profits = (8.0, -2.0, 1.0, 4.0, -3.0, 2.0, 0.5, -0.5)
    rows = [(1, 2, 1, 1.0, 100.0, 100.0 + profit) for profit in profits]
    log = trades(*rows, (5, OPEN, 1, 1.0, 100.0, 900.0))
    outcome = Outcome(
        None, Record(log, stop_log(0), np.zeros(6, np.int64), fill_log(0)), None, None, None
    )  # type: ignore[arg-type]
    assert concentration(outcome) == {
        "best_trade": pytest.approx(8.0 / 10.0),
        "best_five_trades": pytest.approx(15.5 / 10.0),
        "profit_factor_without_best": pytest.approx(7.5 / 5.5),
        "profit_factor_without_best_three": pytest.approx(1.5 / 5.5),
    }


def test_a_loss_has_no_concentration() -> None:
    log = trades((1, 2, 1, 1.0, 100.0, 99.0))
    outcome = Outcome(
        None, Record(log, stop_log(0), np.zeros(6, np.int64), fill_log(0)), None, None, None
    )  # type: ignore[arg-type]
    found = concentration(outcome)
    assert (found["best_trade"], found["best_five_trades"]) == (None, None)


def test_managing_the_same_entries_tells_of_all_of_them_on_one_cash(world: World) -> None:
    inputs, plan = world.share.inputs, world.outcome.plan
    found = management(plan, inputs, make_ready(plan, inputs))
    entries = world.outcome.record.trades.signal
    assert found["entries"] == len(entries)
    assert [row["name"] for row in found["rows"]] == [row["name"] for row in found["paired"]]
    assert len({row["name"] for row in found["rows"]}) == 17
    for row in found["paired"]:
        closed = row["trades"]
        assert 0 < closed <= len(entries)
        assert row["max_drawdown"] >= max(0.0, -row["net_return"])
        assert row["max_drawdown"] > 0.0
    own = next(row for row in found["rows"] if row["name"] == "dynamic ATR trail + breakeven, risk")
    if plan.run_rules.trade_rules.stop.breakeven_trigger:
        assert {k: own[k] for k in ("net_return", "sharpe")} == {
            "net_return": world.outcome.metrics.net_return,
            "sharpe": world.outcome.metrics.sharpe,
        }


def test_entries_managed_alone_fall_as_deep_as_their_closes_together(world: World) -> None:
    inputs, plan = world.share.inputs, world.outcome.plan
    ready = make_ready(plan, inputs)
    variant = next(own for own in variants(plan.run_rules) if own.name == "no trail")
    managed = plan._replace(run_rules=variant.run_rules)
    cash, every = plan.run_rules.cash, close_marks(inputs.candles, inputs.start)
    closes = np.full(len(every.time), cash)
    for signal in world.outcome.record.trades.signal.tolist():
        one = ready.setups._replace(first=signal)
        at = np.flatnonzero(ready.setups.candle == signal)
        one = one._replace(candle=one.candle[at], side=one.side[at])
        record = quick_record(managed, inputs, Ready(one, ready.atr))
        given = inputs.candles, every, managed.run_rules
        closes += equity_of(record.trades, record.fills, *given).marks - cash
    paired = {row["name"]: row for row in management(plan, inputs, ready)["paired"]}
    assert paired["no trail"]["max_drawdown"] == pytest.approx(drawdowns(closes).max())


def test_entries_that_lose_more_than_one_cash_have_no_figures_of_an_account(world: World) -> None:
    """Each begins with all of it, so that their sum may be below nothing."""
    inputs, plan = world.share.inputs, world.outcome.plan
    trade_rules = plan.run_rules.trade_rules
    levered = trade_rules._replace(sizing=trade_rules.sizing._replace(max_leverage=20.0))
    plan = plan._replace(run_rules=plan.run_rules._replace(trade_rules=levered))
    rows = management(plan, inputs, make_ready(plan, inputs))["paired"]
    lost = [row for row in rows if row["net_return"] <= -1.0]
    assert 0 < len(lost) < len(rows)
    for row in rows:
        known = {row[name] is not None for name in ("sharpe", "sortino", "cagr", "max_drawdown")}
        assert len(known) == 1
        assert row not in lost or known == {False}
        assert known == {False} or row["max_drawdown"] < 1.0


def test_nothing_undefined_is_left_in_what_is_written(world: World, tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    found = judged({"metrics": {"sharpe": float("nan")}, "list": [float("inf")]}, settings, True)
    assert found["metrics"] == {"sharpe": None}
    assert found["list"] == [None]
    assert found["synthetic"] is True
    assert found["verdict"]["level"]


def test_a_single_run_tells_its_range_and_what_paper_trading_would_do(
    world: World, tmp_path: Path
) -> None:
    found = of_one_run(world.outcome, world.share.inputs, small_settings(tmp_path))
    assert set(found["envelope"]) == {"candle", "high_first", "low_first"}
    assert found["envelope"]["candle"] == metrics_table(world.outcome)
    assert found["paper"] == {"ratchet": "tick", "paths": ["high_first", "low_first"]}


def test_the_worst_path_is_the_lowest_of_the_three(world: World) -> None:
    inputs, plan = world.share.inputs, world.outcome.plan
    paths = envelope(world.outcome, inputs, make_ready(plan, inputs))
    worst = worst_objectives("sharpe", [plan], inputs)
    assert worst.tolist() == [min(figures["sharpe"] for figures in paths.values())]
    assert len({figures["sharpe"] for figures in paths.values()}) > 1


def test_a_set_without_a_figure_along_some_path_comes_last(world: World) -> None:
    plan, rules = world.outcome.plan, world.outcome.plan.run_rules
    sizing = rules.trade_rules.sizing._replace(risk_per_trade=1e-12)
    idle = rules._replace(trade_rules=rules.trade_rules._replace(sizing=sizing))
    found = worst_objectives("sharpe", [plan._replace(run_rules=idle)], world.share.inputs)
    assert found.tolist() == [-np.inf]


def test_closes_of_the_next_candle_are_in_question() -> None:
    random = np.random.default_rng(1)
    prices = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.002, 4 * 600 + 1)))
    parts = np.lib.stride_tricks.sliding_window_view(prices, 5)[::4]
    close, last = parts[:, 4], np.append(parts[1:, 4], parts[-1, 4])
    time, volume = 3_600_000 * np.arange(600), np.ones(600)
    made = [
        Candles(
            time,
            parts[:, 0],
            np.maximum(parts.max(axis=1), own),
            np.minimum(parts.min(axis=1), own),
            own,
            volume,
            3_600_000,
        )
        for own in (close, last)
    ]
    assert odd_candles(made[0]) == []
    (line,) = odd_candles(made[1])
    assert "beside the close before" in line
