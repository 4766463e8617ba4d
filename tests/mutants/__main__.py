"""Plant faults, one at a time, in a throwaway clone, and count those that no test sees.

    python -m tests.mutants [--count 300] [--seed 1] [--only PART] [--jobs 1]

Everything runs as plain Python: compiled code is kept on disk, and would hide a fault.
Uncommitted changes are not in the clone. Exits with 1 below a share of 90 %, or where a
survivor is not among those that tests/mutants/survivors.txt gives a reason for.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from tests.mutants.operators import Mutant, mutants_of, mutated
from tests.mutants.targets import modules, tests_of

ROOT = Path(__file__).parents[2]
REASONS = Path(__file__).parent / "survivors.txt"
NEEDED = 0.9
_LIBRARIES = ("backtrader", "numba", "pandas", "pyarrow", "pydantic", "scipy.stats")
"""Read once, before the processes part."""
_LONGEST = 240.0
"""Seconds after which tests are stopped: the fault made something endless."""
_OPTIONS = (
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "--hypothesis-seed=0",
    "-W",
    "ignore:overflow encountered:RuntimeWarning",  # fingerprints count modulo 2^64
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="part of the modules' names")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    for library in _LIBRARIES:
        import_module(library)
    with clones(asked.jobs) as places:
        drawn = draw(places[0], asked.only, asked.count, asked.seed)
        print(f"{len(drawn)} mutants in {len({m.file for m in drawn})} modules", flush=True)
        check_sound(places[0], {m.file for m in drawn})
        survivors = list(surviving(places, drawn))
    killed = len(drawn) - len(survivors)
    print(f"{killed} of {len(drawn)} killed ({killed / len(drawn):.1%})")
    reasons = REASONS.read_text() if REASONS.is_file() else ""
    unknown = [m for m in survivors if f"{m.file}: {m.change}" not in reasons]
    for mutant in unknown:
        print(f"without a reason: {mutant.file}: {mutant.change} (line {mutant.line})")
    return 1 if unknown or killed < NEEDED * len(drawn) else 0


@contextmanager
def clones(count: int) -> Iterator[list[Path]]:
    """Copies of what is committed, one for each job."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as top:
        places = [Path(top) / str(number) for number in range(count)]
        for place in places:
            subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), str(place)], check=True)
        yield places


def draw(root: Path, only: str, count: int, seed: int) -> list[Mutant]:
    """So many of all mutants, by chance and in that order: a part of them is a sample too."""
    every = [
        mutant
        for module in modules(root)
        if only in module
        for mutant in mutants_of(module, (root / module).read_text())
    ]
    return random.Random(seed).sample(every, min(count, len(every)))


def check_sound(root: Path, files: Iterable[str]) -> None:
    """The tests have to pass while there is no fault."""
    files = {name for file in files for tests in tests_of(root, file) for name in tests}
    code = run_tests(root, sorted(files), longest=1800.0)
    if code != 0:
        sys.exit(f"without any fault these tests end with {code}: {' '.join(sorted(files))}")


def surviving(places: list[Path], drawn: list[Mutant]) -> Iterator[Mutant]:
    """Those that no test sees, as they are found."""
    free, running = list(places), {}
    waiting = list(reversed(drawn))
    begin, done = time.monotonic(), 0
    while waiting or running:
        while waiting and free:
            place, mutant = free.pop(), waiting.pop()
            running[_started(place, mutant)] = (place, mutant)
        pid, status = os.wait()
        if pid not in running:
            continue
        place, mutant = running.pop(pid)
        free.append(place)
        done += 1
        lives = os.waitstatus_to_exitcode(status) == 0
        spent = time.monotonic() - begin
        mark = "SURVIVES" if lives else "killed"
        print(
            f"{done:4} {spent:6.0f} s {mark:8} {mutant.file}:{mutant.line} {mutant.change}",
            flush=True,
        )
        if lives:
            yield mutant


def _started(place: Path, mutant: Mutant) -> int:
    """A process that ends with 0 if the mutant survives all of its tests."""
    pid = os.fork()
    if pid:
        return pid
    file = place / mutant.file
    source = file.read_text()
    code = 1
    try:
        file.write_text(mutated(source, mutant.number))
        ends = (run_tests(place, tests) for tests in tests_of(place, mutant.file))
        code = 0 if all(end == 0 for end in ends) else 1
    finally:
        file.write_text(source)
        os._exit(code)


def run_tests(root: Path, tests: list[str], longest: float = _LONGEST) -> int:
    """The exit code of pytest in a process of its own, -1 where it takes too long."""
    pid = os.fork()
    if pid == 0:
        _become_pytest(root, tests)
    end = time.monotonic() + longest
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return -1


def _become_pytest(root: Path, tests: list[str]) -> None:
    """Run pytest in this process, which ends with its exit code and says nothing."""
    code = 3
    try:
        os.chdir(root)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "stoptrail")]:
            del sys.modules[name]
        sys.path[:] = [str(root), *(path for path in sys.path if path not in ("", str(ROOT)))]
        import pytest

        code = int(pytest.main([*_OPTIONS, *tests]))
    finally:
        os._exit(code)


if __name__ == "__main__":
    if shutil.which("git") is None:
        sys.exit("git is needed to make a clone")
    sys.exit(main())
