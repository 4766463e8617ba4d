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
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from tests.mutants.operators import Mutant, mutants_of, mutated
from tests.mutants.targets import modules, tests_of

ROOT = Path(__file__).parents[2]
REASONS = Path(__file__).parent / "survivors.txt"
NEEDED = 0.9
_LONGEST = 240.0
"""Seconds after which tests are stopped: the fault made something endless."""
_ENVIRONMENT = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
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
    free: Queue[Path] = Queue()
    for place in places:
        free.put(place)
    begin = time.monotonic()
    with ThreadPoolExecutor(len(places)) as threads:
        running = {threads.submit(lives, free, mutant): mutant for mutant in drawn}
        for done, future in enumerate(as_completed(running), 1):
            mutant, mark = running[future], "SURVIVES" if future.result() else "killed"
            spent, where = time.monotonic() - begin, f"{mutant.file}:{mutant.line}"
            print(f"{done:4} {spent:6.0f} s {mark:8} {where} {mutant.change}", flush=True)
            if future.result():
                yield mutant


def lives(free: Queue[Path], mutant: Mutant) -> bool:
    """Whether all tests of the module pass with the fault in it."""
    place = free.get()
    file = place / mutant.file
    source = file.read_text()
    try:
        file.write_text(mutated(source, mutant.number))
        return all(run_tests(place, tests) == 0 for tests in tests_of(place, mutant.file))
    finally:
        file.write_text(source)
        free.put(place)


def run_tests(root: Path, tests: list[str], longest: float = _LONGEST) -> int:
    """The exit code of pytest, -1 where it takes too long."""
    command = [sys.executable, "-m", "pytest", *_OPTIONS, *tests]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=root, env=_ENVIRONMENT, stdout=quiet, stderr=quiet, start_new_session=True
    ) as process:
        try:
            return process.wait(longest)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return -1


if __name__ == "__main__":
    if shutil.which("git") is None:
        sys.exit("git is needed to make a clone")
    sys.exit(main())
