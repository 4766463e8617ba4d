"""Plant faults, one at a time, in a throwaway clone, and count those that no test sees.

    python -m tests.mutants [--count 300] [--seed 1] [--only PART] [--anew]

Each fault is met by the tests that run its line, those of its own module first, then file after
file the quickest first, until one fails. What lines a test runs is written down when the first
fault needs its file, in a run without any. All runs as plain Python: compiled code is kept on
disk, and would hide a fault. Uncommitted changes are not in the clone. What was found is kept in
build/mutants, so that a run that was stopped goes on; a survivor is tried again where tests have
changed.

Exits with 1 below a share of 90 %, or where a survivor is not among those that
tests/mutants/survivors.txt gives a reason for. Those that it proves to be equivalent, by a
reason that begins with "Equivalent", are not counted.
"""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.arguments import Arguments, count, whole
from tests.mutants import warm
from tests.mutants.operators import Mutant, mutants_of, mutated
from tests.mutants.targets import modules, nearest, tests_of

ROOT = Path(__file__).parents[2]
REASONS = Path(__file__).parent / "survivors.txt"
KEPT = ROOT / "build" / "mutants"
NEEDED = 0.9
_MOST_SECONDS = 20.0
"""Of processor time of the tests in one file for one fault, as long as they take without it: what
is slower comes last, and is left out."""


def main() -> int:
    parser = Arguments(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=whole, default=300)
    parser.add_argument("--seed", type=count, default=1)
    parser.add_argument("--only", default="", help="part of the modules' names")
    parser.add_argument("--anew", action="store_true", help="forget what was found before")
    options = parser.parse_args()
    if not any(options.only in module for module in modules(ROOT)):
        parser.error(f"argument --only: {options.only!r} is part of no module's name")
    if options.anew:
        shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    with clone() as place:
        drawn = draw(place, options.only, options.count, options.seed)
        print(f"{len(drawn)} mutants in {len({m.file for m in drawn})} modules", flush=True)
        warm.load()
        drawn.sort(key=lambda mutant: mutant.file)  # a file of tests is needed by many in turn
        survivors = [mutant for mutant, lives in tried(place, drawn) if lives]
        return told(place, drawn, survivors)


@contextmanager
def clone() -> Iterator[Path]:
    """A copy of what is committed, compiled so that a changed module is seen to be changed."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as top:
        place = Path(top).resolve() / "project"
        subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), str(place)], check=True)
        by_hash = ["-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
        subprocess.run([sys.executable, *by_hash], cwd=place, check=True)
        yield place


def draw(root: Path, only: str, count: int, seed: int) -> list[Mutant]:
    """So many of all mutants, by chance, a part of them being a sample too.

    Each mutant has its lot by what it is, so that a change of one module leaves the draw of the
    others as it was.
    """
    lots: dict[str, Mutant] = {}
    for module in modules(root):
        for mutant in mutants_of(module, (root / module).read_text()) if only in module else ():
            name, times = f"{seed} {mutant.file}: {mutant.change}", 0
            while (lot := hashlib.sha256(f"{name} {times}".encode()).hexdigest()) in lots:
                times += 1
            lots[lot] = mutant
    return [lots[lot] for lot in sorted(lots)[:count]]


class Faultless:
    """What the tests do while there is no fault, file by file, kept on disk. Those that need
    compiled code fail, and are left out by name."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._modules = modules(place)
        self._seen: dict[str, warm.Seen] = {}

    def of(self, name: str) -> warm.Seen:
        """What the tests of a file do; no fault may be in place."""
        if name not in self._seen:
            out = KEPT / f"{digest_of(self._place, 'stoptrail', name)}.json"
            if not out.is_file():
                print(f"without any fault: {name}", flush=True)
                warm.look(self._place, name, self._modules, out)
            self._seen[name] = warm.seen(out)
            for test in self._seen[name].failed:
                print(f"left out, as it fails in plain Python without any fault: {test}")
        return self._seen[name]


def digest_of(place: Path, *names: str) -> str:
    """Of committed files and folders."""
    named = [f"HEAD:{name}" for name in names]
    found = subprocess.run(
        ["git", "rev-parse", *named], cwd=place, check=True, capture_output=True
    ).stdout
    return hashlib.sha256(found).hexdigest()[:16]


def tried(place: Path, drawn: list[Mutant]) -> Iterator[tuple[Mutant, bool]]:
    """Every mutant, and whether it lives."""
    kept, tests, begin = Kept(place), Faultless(place), time.monotonic()
    for done, mutant in enumerate(drawn, 1):
        by = kept.found(mutant)
        if by is None:
            by = fault_found_by(place, mutant, tests)
            kept.write(mutant, by)
        where, spent = f"{mutant.file}:{mutant.line}", time.monotonic() - begin
        print(f"{done:4} {spent:6.0f} s {where} {mutant.change}: {by or 'SURVIVES'}", flush=True)
        yield mutant, not by


class Kept:
    """What earlier runs have found, a line of JSON each."""

    def __init__(self, place: Path) -> None:
        self._file = KEPT / "found.jsonl"
        self._place = place
        self._tests = digest_of(place, "tests")
        lines = self._file.read_text().splitlines() if self._file.is_file() else []
        self._rows = {self._key(row): row for row in map(json.loads, lines)}

    def found(self, mutant: Mutant) -> str | None:
        """Which test fails, empty where none does; None where that has to be tried."""
        row = self._rows.get(self._key(self._row(mutant)))
        if row is None or (not row["by"] and row["tests"] != self._tests):
            return None
        return str(row["by"])

    def write(self, mutant: Mutant, by: str) -> None:
        """Keep what was found."""
        with self._file.open("a") as file:
            file.write(json.dumps({**self._row(mutant), "by": by, "tests": self._tests}) + "\n")

    def _row(self, mutant: Mutant) -> dict[str, Any]:
        source = (self._place / mutant.file).read_bytes()
        return {**mutant._asdict(), "source": hashlib.sha256(source).hexdigest()[:16]}

    @staticmethod
    def _key(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["file"], row["number"], row["source"]


def fault_found_by(place: Path, mutant: Mutant, tests: Faultless) -> str:
    """The test that fails with the fault in place; empty where none does."""
    file = place / mutant.file
    source, near = file.read_text(), nearest(place, mutant.file)
    for name in sorted(tests_of(place, mutant.file), key=lambda name: (name != near, name)):
        seen = tests.of(name)
        chosen = tests_for(mutant, source, seen, whole=name == near)
        longest = 20.0 + 4.0 * sum(seen.seconds[test] for test in chosen)
        try:
            file.write_text(mutated(source, mutant.number))
            if chosen and (by := warm.killed_by(place, chosen, longest)):
                return by
        finally:
            file.write_text(source)
    return ""


def tests_for(mutant: Mutant, source: str, tests: warm.Seen, *, whole: bool) -> list[str]:
    """Tests of a file that run the line of a mutant, the quickest first.

    What is worked out at the import of a module may matter to every test that enters it, and
    to the `whole` file that mirrors it.
    """
    by_line = tests.lines.get(mutant.file, {})
    imported = not any(mutant.line in body for body in bodies_of(source))
    lines = by_line if imported else statement_at(source, mutant.line)
    names = {name for line in lines for name in by_line.get(line, ())}
    if imported and whole:
        names |= set(tests.seconds)
    order = sorted(names & set(tests.seconds), key=lambda name: (tests.seconds[name], name))
    chosen, seconds = [], 0.0
    for name in order:
        seconds += tests.seconds[name]
        if chosen and seconds > _MOST_SECONDS:
            break
        chosen.append(name)
    return chosen


def bodies_of(source: str) -> list[range]:
    """The lines of every function, but for what is worked out when it is defined."""
    return [
        range(node.body[0].lineno, (node.end_lineno or 0) + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def statement_at(source: str, line: int) -> Iterable[int]:
    """The lines of the innermost statement there; of one that holds others, its head."""
    spans = [
        range(node.lineno, (body[0].lineno if body else (node.end_lineno or 0) + 1))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt)
        for body in [getattr(node, "body", [])]
    ]
    inside = [span for span in spans if line in span]
    return min(inside, key=len) if inside else range(line, line + 1)


def told(place: Path, drawn: list[Mutant], survivors: list[Mutant]) -> int:
    """The exit code, after the figures are printed."""
    names = {mutant: name_of(place, mutant) for mutant in survivors}
    by_name = reasons()
    equivalent = [m for m in survivors if by_name.get(names[m], "").startswith("Equivalent")]
    counted = len(drawn) - len(equivalent)
    killed = len(drawn) - len(survivors)
    print(
        f"{killed} of {counted} killed ({killed / max(counted, 1):.1%}); "
        f"{len(equivalent)} equivalent ones are not counted"
    )
    unknown = [m for m in survivors if names[m] not in by_name]
    for mutant in unknown:
        print(f"without a reason:\n{names[mutant]}")
    return 1 if unknown or killed < NEEDED * counted else 0


def reasons() -> dict[str, str]:
    """Why a mutant lives, by its name: survivors.txt, in which the name and the line that it
    stands in come first, the reason below, and an empty line between two of them."""
    parts = REASONS.read_text().strip().split("\n\n") if REASONS.is_file() else []
    found = {}
    for part in parts:
        name, line, *why = part.split("\n")
        found[f"{name}\n{line}"] = " ".join(" ".join(why).split())
    return found


def name_of(place: Path, mutant: Mutant) -> str:
    """As survivors.txt calls it: file and change, and below the line of the source."""
    line = (place / mutant.file).read_text().splitlines()[mutant.line - 1].strip()
    return f"{mutant.file}: {mutant.change}\n  {line}"


if __name__ == "__main__":
    if shutil.which("git") is None:
        sys.exit("git is needed to make a clone")
    sys.exit(main())
