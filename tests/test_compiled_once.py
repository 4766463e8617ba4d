from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

from stoptrail.rules.jit import _made
from stoptrail.rules.market import steps_down
from tests.compiled_once import compiled_once


def compile_it(locks: Path, together: Any, told: Any) -> None:
    with compiled_once(locks):
        function: Any = _made.__wrapped__(steps_down)
        together.wait()
        function(3.5, 1.0, 1.0)
        told.put(sum(function.stats.cache_misses.values()))


def test_of_processes_that_need_the_same_code_one_compiles_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    context = multiprocessing.get_context("fork")
    together, told = context.Barrier(3), context.SimpleQueue()
    processes = [context.Process(target=compile_it, args=(tmp_path, together, told)) for _ in "123"]
    for process in processes:
        process.start()
    assert sorted(told.get() for _ in processes) == [0, 0, 1]
    for process in processes:
        process.join()
