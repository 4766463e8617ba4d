import json
import subprocess
import sys

import numpy as np
import pytest

import runner
from stoptrail.rules.jit import _made, compiled, is_cached
from stoptrail.rules.market import steps_down
from stoptrail.sweep.compile_all import alone, compile_all, compile_run
from stoptrail.sweep.kernel import precompile, rows
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.results import part, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import rule_row
from stoptrail.sweep.kernel.screen import screen
from tests.sweep.kernel.test_screen import Case


def test_what_is_compiled_ahead_is_what_a_sweep_calls():
    compile_all()
    known = set(compiled(screen).signatures)
    case = Case(2)
    rows = [rule_row(run_rules._replace(exits=0, path=0)) for run_rules in case.rule_sets]
    table, results = np.array(rows), results_for(len(rows), 16)
    nodes = nodes_of(case.candles, case.atr)
    slots = part(results, 3, 9)
    screen_rows(case.candles, nodes, case.setups, case.marks, table[3:9], slots)
    assert set(compiled(screen).signatures) == known
    assert results.trades.sum() > 0


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_run_in_plain_python_are_the_same(monkeypatch, seed):
    case = Case(seed, 6)
    fast = case.screened()
    monkeypatch.setattr(precompile, "is_running", lambda: True)
    monkeypatch.setattr(rows, "compiled", None)
    slow = case.screened()
    assert fast.trades.sum() > 0
    for one, other in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_rest_is_compiled_as_soon_as_that_is_possible(monkeypatch):
    case = Case(2, 9)
    fast, told = case.screened(), []
    running = iter([True, True, True, True, False])
    monkeypatch.setattr(precompile, "is_running", lambda: next(running))
    table = np.array([rule_row(run_rules) for run_rules in case.rule_sets])
    results = results_for(9, 16, len(case.marks.time))
    nodes = nodes_of(case.candles, case.atr)
    slow = screen_rows(case.candles, nodes, case.setups, case.marks, table, results, told.append)
    assert (slow, told) == (4, [1] * 4)
    for one, other in zip(fast, results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_process_is_started_for_code_that_is_on_disk(monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: started.append(1))
    monkeypatch.setattr("stoptrail.rules.jit.is_cached", lambda _: True)
    assert not precompile.start()
    assert not started


def test_what_is_compiled_for_runs_is_what_a_run_calls(tmp_path, monkeypatch):
    compile_run()
    called = set()

    def heard(function, **options):
        made = compiled(function, **options)
        called.add((made, len(made.signatures)))
        return made

    for name, module in list(sys.modules.items()):
        if name.startswith("stoptrail.") and getattr(module, "compiled", None) is compiled:
            monkeypatch.setattr(module, "compiled", heard)
    out = tmp_path / "run"
    span = ["--set", "data.start=2024-01-01", "--set", "data.end=2026-01-01"]
    command = ["backtest", "--set", "data.source=synthetic", *span, "--out", str(out), "--quiet"]
    assert runner.main(command) == 0
    assert json.loads((out / "summary.json").read_text())["metrics"]["trades"] > 0
    assert len(called) >= 15
    assert all(known == len(made.signatures) > 0 for made, known in called)


def test_a_first_run_is_the_same_in_plain_python(tmp_path, monkeypatch):
    span = ["--set", "data.start=2025-06-01", "--set", "data.end=2026-01-01"]
    command = ["backtest", "--set", "data.source=synthetic", *span, "--quiet", "--out"]
    assert runner.main([*command, str(tmp_path / "warm")]) == 0
    started = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(precompile, "_begin", started.append)
    monkeypatch.setattr(precompile, "is_running", lambda: False)
    monkeypatch.setattr("stoptrail.rules.jit._made", None)
    assert runner.main([*command, str(tmp_path / "cold")]) == 0
    assert started == [precompile.RUN]
    for name in ("trades.csv", "stops.csv", "equity.csv", "fills.csv", "baseline_trades.csv"):
        content = (tmp_path / "warm" / name).read_bytes()
        assert content.count(b"\n") > 2
        assert (tmp_path / "cold" / name).read_bytes() == content


def test_one_process_at_a_time_compiles_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with alone("run") as first, alone("run") as second, alone("screen") as other:
        assert (first, second, other) == (True, False, True)
    with alone("run") as again:
        assert again


def test_a_function_is_on_disk_once_it_was_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not is_cached(steps_down)
    _made.__wrapped__(steps_down)(3.5, 1.0, 1.0)
    assert is_cached(steps_down)
    assert not is_cached(screen)
