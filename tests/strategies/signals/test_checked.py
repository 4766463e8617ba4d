"""What a signal returns is checked; what it is given cannot be written into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.inputs import signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.cli.main import main
from stoptrail.core.errors import ConfigError
from stoptrail.rules.candles import Candles, Signals, shown, source_of
from stoptrail.strategies.signals.checked import checked_signals
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from tests.backtrader_runs import CANDLES, cerebro_of, frame_of, pandas_feed

N = len(CANDLES.time)


def with_zone(row: int, value: Any, kind: Any = np.int64) -> Any:
    """Zones of 0 with one value."""
    zone = np.zeros(N, kind)
    zone[row] = value
    return zone


NONE = np.zeros(N, np.int8)


def returning(zone: Any, exit_zone: Any = NONE, warm: Any = 0) -> Any:
    def mine(candles: Candles) -> Signals:
        return Signals(zone, exit_zone, warm)

    return mine


WHEN = r"at the candle of 2019-04-15T01:00:00Z"
"""Of row 100."""
FAULTS = [
    (with_zone(100, 100), rf"zone is 100 {WHEN}"),
    (with_zone(100, -100, np.int32), rf"zone is -100 {WHEN}"),
    (with_zone(100, 200, np.uint8), rf"zone is 200 {WHEN}"),
    (with_zone(100, np.nan, np.float64), rf"zone is nan {WHEN}"),
    (with_zone(100, 0.5, np.float64), rf"zone is 0\.5 {WHEN}"),
    (with_zone(100, np.inf, np.float64), rf"zone is inf {WHEN}"),
    (with_zone(100, "long", object), rf"zone is 'long' {WHEN}"),
    (with_zone(100, None, object), rf"zone is None {WHEN}"),
    (with_zone(100, 1j, np.complex128), rf"zone is 1j {WHEN}|zone is 0j"),
    (with_zone(100, 1.0, np.float64), r"zone must be whole numbers \(int8\), not float64"),
    (np.zeros(N - 1, np.int8), rf"one value for each of the {N} candles, shape \({N},\), not"),
    (np.zeros((N, 1), np.int8), r"not \(1728, 1\)"),
    (1, r"not \(\)"),
    (None, r"not \(\)"),
    ([[0], [0, 1]], r"not \(0,\)"),
]


@pytest.mark.parametrize(("zone", "message"), FAULTS)
@pytest.mark.parametrize("place", ["zone", "exit_zone"])
def test_what_is_no_zone_is_named_with_its_candle(zone: Any, message: str, place: str) -> None:
    signal = returning(zone) if place == "zone" else returning(NONE, zone)
    with pytest.raises(ConfigError) as failed:
        checked_signals(signal, CANDLES, {})
    line = str(failed.value)
    assert line.startswith(f"signal mine: {place}")
    assert failed.match(message)
    assert "\n" not in line
    assert failed.value.exit_code == 2


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.int64, np.bool_, list])
def test_whole_numbers_of_any_kind_are_zones(kind: Any) -> None:
    zone = [0] * (N - 1) + [1] if kind is list else with_zone(N - 1, 1, kind)
    found = checked_signals(returning(zone), CANDLES, {})
    assert found.zone.dtype == np.int8
    assert found.zone.tolist() == [0] * (N - 1) + [1]


@pytest.mark.parametrize("warm", [-1, N + 1, 1.5, float("nan"), None])
def test_a_warm_that_is_no_index_is_named(warm: Any) -> None:
    with pytest.raises(ConfigError, match=f"signal mine: warm is {warm!r}"):
        checked_signals(returning(NONE, warm=warm), CANDLES, {})


@pytest.mark.parametrize("returned", [NONE, (NONE, NONE, 0), None])
def test_what_is_no_signals_is_named_by_its_kind(returned: Any) -> None:
    with pytest.raises(ConfigError) as failed:
        checked_signals(lambda _candles: returned, CANDLES, {})
    kind = type(returned).__name__
    assert failed.match(f"must return stoptrail.Signals with {N} candles, not {kind}$")


def test_a_signal_that_quits_does_not_end_the_program() -> None:
    def quitting(candles: Candles) -> Signals:
        raise SystemExit

    with pytest.raises(ConfigError, match="signal quitting failed: SystemExit"):
        checked_signals(quitting, CANDLES, {})


@pytest.mark.parametrize("column", Candles._fields[:6])
def test_candles_cannot_be_written_into(column: str) -> None:
    before = getattr(CANDLES, column).copy()

    def greedy(candles: Candles) -> Signals:
        getattr(candles, column)[0] = 7
        raise AssertionError

    with pytest.raises(ConfigError, match=r"signal greedy failed: ValueError.*read-only"):
        checked_signals(greedy, CANDLES, {})
    np.testing.assert_array_equal(getattr(CANDLES, column), before)
    assert getattr(CANDLES, column).flags.writeable


def test_a_signal_inside_another_shares_its_lines() -> None:
    """Read-only candles are the same to what compiles for them or remembers lines."""
    given = shown(CANDLES)
    assert source_of(given) is source_of(shown(given)) is CANDLES
    direct = mtf_cycle(CANDLES)

    def wrapping(candles: Candles) -> Signals:
        return mtf_cycle(candles)

    found = checked_signals(wrapping, CANDLES, {})
    np.testing.assert_array_equal(found.zone, direct.zone)


@pytest.mark.parametrize("way", [{}, {"runonce": False}])
def test_an_own_cerebro_checks_them_too(way: dict[str, Any]) -> None:
    def patterns(candles: Candles) -> Signals:
        zone = np.zeros(len(candles.time), np.int32)
        zone[100:] = 100
        return Signals(zone, zone, 0)

    with pytest.raises(ConfigError, match=rf"signal patterns: zone is 100 {WHEN}"):
        cerebro_of(pandas_feed(), signal=patterns, cerebro=way).run()


def test_a_stepper_that_says_something_else_is_named() -> None:
    def stepping(candles: Candles) -> Signals:
        none = np.zeros(len(candles.time), np.int8)
        return Signals(none, none, 0)

    class Step:
        def __init__(self, interval: int) -> None:
            self.count = 0

        def step(self, *candle: float) -> tuple[float, float]:
            self.count += 1
            return (float("nan") if self.count == 101 else 0.0), 0.0

    stepping.stepper = Step  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=rf"signal stepping: zone is nan {WHEN}"):
        cerebro_of(pandas_feed(), signal=stepping, cerebro={"runonce": False}).run()


@pytest.mark.parametrize("command", [["backtest"], ["backtest", "--sweep"], ["audit"]])
def test_the_command_line_says_it_in_one_line(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    frame_of(CANDLES).rename_axis("time").to_csv(tmp_path / "candles.csv")
    (tmp_path / "candle_patterns.py").write_text(
        "import numpy as np\n"
        "from stoptrail.rules.candles import Candles, Signals\n"
        "def engulfing(candles: Candles) -> Signals:\n"
        "    zone = np.where(candles.close > candles.open, 100, -100)\n"
        "    return Signals(zone, zone, 0)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    chosen = ["--set", "strategy.signal=candle_patterns:engulfing", "--data", "candles.csv"]
    grid = ["--set", "sweep.grid.stop.atr_period=[7, 14]"]
    code = main([*command, *chosen, *(grid if "--sweep" in command else [])])
    *_, line = capsys.readouterr().err.strip().splitlines()
    first = 100 if CANDLES.close[0] > CANDLES.open[0] else -100
    assert code == 2
    assert line.startswith(f"error: signal engulfing: zone is {first} at the candle of 2019-04-14")


def test_plans_are_checked_where_every_engine_reads_them() -> None:
    plan = Plan(returning(with_zone(3, 2)), {}, 0, 3_600_000, 14, None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="zone is 2 at the candle"):
        signals_of(plan, CANDLES)
