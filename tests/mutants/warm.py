"""Runs of pytest in forks of one process that has loaded the libraries already."""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import coverage
import pytest

LIBRARIES = ("backtrader", "hypothesis", "matplotlib", "numba", "pandas", "plotly", "pyarrow")
LIBRARIES += ("click", "joblib", "peewee", "pydantic", "rich")
_BUSY = 10.0
"""How many times as long a busy machine may take."""
_MOST_SECONDS = 10.0
"""Of processor time; a test that takes more without a compiler is no help here."""
_MOST_WASTED = 30.0
"""Seconds that such tests of one file may take in all; then each test has one."""
_OPTIONS = (
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "--hypothesis-seed=0",
    "-W",
    "ignore:overflow encountered:RuntimeWarning",  # fingerprints count modulo 2^64
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",  # plugins that were loaded before the fork
)


class Seen(NamedTuple):
    """What tests do without any fault."""

    seconds: dict[str, float]
    """Of processor time, of every test that passes, by its name."""
    lines: dict[str, dict[int, list[str]]]
    """For every module: the tests that run a line."""
    failed: list[str]


def load() -> None:
    """The libraries that tests need; nothing of the project."""
    os.environ.update(NUMBA_DISABLE_JIT="1", OPENBLAS_NUM_THREADS="1", MPLBACKEND="Agg")
    sys.dont_write_bytecode = False  # or every fork would compile all tests again
    for name in LIBRARIES:
        importlib.import_module(name)


def look(place: Path, tests: str, modules: Collection[str], out: Path) -> None:
    """Run a test file and write to `out` which lines of `modules` each test runs."""
    code = _forked(place, lambda: _look(place, tests, modules, out), 3600.0)
    if not out.is_file():
        raise RuntimeError(f"{tests} cannot be run: pytest ends with {code}")


def seen(file: Path) -> Seen:
    """What `look` has written."""
    found = json.loads(file.read_text())
    lines = {
        module: {int(line): tests for line, tests in by_line.items()}
        for module, by_line in found["lines"].items()
    }
    return Seen(found["seconds"], lines, found["failed"])


def killed_by(place: Path, tests: Sequence[str], longest: float) -> str:
    """The first of the tests that fails, in that order; empty where all pass.

    Tests that take longer than `longest` seconds of processor time are stopped: the fault made
    something endless.
    """
    told = place / ".killed"
    told.unlink(missing_ok=True)
    code = _forked(place, lambda: _run(tests, told), longest)
    if code in (0, 5):
        return ""
    if code in (-1, -signal.SIGXCPU):
        return f"no end after {longest:.0f} s"
    return told.read_text() if told.is_file() else f"pytest ends with {code}"


def _run(tests: Sequence[str], told: Path) -> int:
    files = list(dict.fromkeys(name.partition("::")[0] for name in tests))
    return int(pytest.main([*_OPTIONS, "-x", *files], [_Chosen(tests, told)]))


def _look(place: Path, tests: str, modules: Collection[str], out: Path) -> int:
    measured = coverage.Coverage(
        data_file=None, include=[str(place / module) for module in modules], config_file=False
    )
    watch = _Watch(measured)
    measured.start()
    code = int(pytest.main([*_OPTIONS, tests], [watch]))
    measured.stop()
    data = measured.get_data()
    lines: dict[str, dict[int, list[str]]] = {}
    for path in data.measured_files():
        by_line = data.contexts_by_lineno(path)
        lines[str(Path(path).relative_to(place))] = {
            line: sorted({*names} - {""}) for line, names in by_line.items()
        }
    out.write_text(json.dumps({"seconds": watch.seconds, "lines": lines, "failed": watch.failed}))
    return code


class _Watch:
    """Tells the measurement which test runs, and how long each takes; stops what is too slow."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self._measured = measured
        self._wasted = 0.0
        self._out: set[str] = set()
        """Those that fail, are skipped or take too long."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._measured.switch_context(item.nodeid)
        signal.signal(signal.SIGPROF, _too_slow)
        most = _MOST_SECONDS if self._wasted < _MOST_WASTED else 1.0
        signal.setitimer(signal.ITIMER_PROF, most)
        begin = time.process_time()
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            self._measured.switch_context("")
            spent = time.process_time() - begin
            if item.nodeid in self._out:
                self._wasted += spent
            else:
                self.seconds[item.nodeid] = spent

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self._out.add(report.nodeid)
        if report.failed and _TooSlowError.__name__ not in report.longreprtext:
            self.failed.append(report.nodeid)


class _TooSlowError(BaseException):
    """A test has had its time."""


def _too_slow(*_: object) -> None:
    raise _TooSlowError


class _Chosen:
    """Lets only the named tests run, in their order, and says which one fails first."""

    def __init__(self, tests: Sequence[str], told: Path) -> None:
        self._order: Mapping[str, int] = {name: place for place, name in enumerate(tests)}
        self._told = told

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order),
            key=lambda item: self._order[item.nodeid],
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._told.exists():
            self._told.write_text(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self._told.exists():
            self._told.write_text(f"{report.nodeid} cannot be collected")


def _forked(place: Path, work: Any, longest: float) -> int:
    """Exit code of `work` in a process of its own that sees the project in `place`. Where it
    takes too long, by the processor, it is -SIGXCPU; and -1 where it only waits."""
    process = os.fork()
    if process == 0:
        code = 70
        try:
            os.setsid()
            os.chdir(place)
            resource.setrlimit(resource.RLIMIT_CPU, (int(longest) + 1, int(longest) + 5))
            sys.path[:] = [str(place), *sys.path[1:]]
            for name in [n for n in sys.modules if n.partition(".")[0] in ("tests", "stoptrail")]:
                del sys.modules[name]  # those of `place` are another copy
            quiet = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(quiet, number)
            code = work()
        finally:
            os._exit(code)
    try:
        return _waited(process, time.monotonic() + _BUSY * longest)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process, signal.SIGKILL)


def _waited(process: int, until: float) -> int:
    while time.monotonic() < until:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return -1
