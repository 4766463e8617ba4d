import subprocess

import numpy as np

from rules.jit import compiled, is_cached
from rules.market import steps_down
from sweep.kernel import ahead
from sweep.kernel.nodes import nodes_of
from sweep.kernel.results import part, results_for
from sweep.kernel.screen import rows_turn, screen
from sweep.kernel.terms import conduct_row
from tests.sweep.test_kernel import Case


def test_what_is_compiled_ahead_is_what_a_sweep_calls():
    ahead.compile_now()
    known = set(compiled(screen).signatures)
    case = Case(2)
    rows = [conduct_row(conduct._replace(exits=0, path=0)) for conduct in case.conducts]
    table, results = np.array(rows), results_for(len(rows), 16)
    turn = rows_turn(table, case.setups)
    nodes = nodes_of(case.candles, case.atr)
    slots = part(results, 3, 9)
    compiled(screen)(case.candles, nodes, case.setups, case.marks, table[3:9], slots, turn)
    assert set(compiled(screen).signatures) == known
    assert results.trades.sum() > 0


def test_no_process_is_started_for_code_that_is_on_disk(monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: started.append(1))
    monkeypatch.setattr("rules.jit.is_cached", lambda _: True)
    assert not ahead.start()
    assert not started


def test_a_function_is_on_disk_once_it_was_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not is_cached(steps_down)
    compiled.__wrapped__(steps_down)(3.5, 1.0, 1.0)
    assert is_cached(steps_down)
    assert not is_cached(screen)
