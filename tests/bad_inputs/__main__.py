"""python -m tests.bad_inputs [COUNT] [SEED]: make bad inputs, and list what is answered badly."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.arguments import Arguments, count, whole
from tests.bad_inputs.cases import cases
from tests.bad_inputs.judge import judged, told
from tests.bad_inputs.material import make


def main() -> int:
    """Exit code 0 where every input was answered well."""
    parser = Arguments(description="Make bad inputs, and list what is answered badly.")
    parser.add_argument("count", nargs="?", type=whole, default=5000)
    parser.add_argument("seed", nargs="?", type=count, default=20_260_622)
    given = parser.parse_args()
    return tell_of(given.count, given.seed)


def tell_of(inputs: int, seed: int) -> int:
    """The exit code, after the figures are printed."""
    bad: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="stoptrail-") as name:
        root = Path(name)
        for part in ("material", "cases"):
            (root / part).mkdir()
        material = make(root / "material")
        began = time.monotonic()
        for number, (folder, case) in enumerate(cases(seed, material, inputs, root / "cases")):
            wrong, found = judged(folder, case)
            kinds[case.kind] += 1
            if wrong:
                bad[case.kind] += 1
                print(told(number, case, wrong, found), flush=True)
    took = time.monotonic() - began
    print(f"{inputs:,} bad inputs of seed {seed} in {took:.0f} s, {bad.total()} answered badly")
    for kind, tried in kinds.items():
        print(f"  {kind}: {tried:,}, {bad[kind]} badly")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
