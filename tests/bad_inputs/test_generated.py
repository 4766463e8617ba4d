"""Bad inputs from a seed: each is answered with one line, exit code 2, and nothing left."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.bad_inputs.cases import KINDS, cases
from tests.bad_inputs.judge import Answer, complaints, judged, told
from tests.bad_inputs.material import Material, make

COUNT, SEED = 1000, 1
SECONDS = 60


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return make(tmp_path_factory.mktemp("material"))


@pytest.mark.slow
def test_a_thousand_bad_inputs_are_answered_well(material: Material, tmp_path: Path) -> None:
    began, bad = time.process_time(), []
    for number, (folder, case) in enumerate(cases(SEED, material, COUNT, tmp_path)):
        wrong, found = judged(folder, case)
        if wrong:
            bad.append(told(number, case, wrong, found))
    assert not bad, "\n".join(bad)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    ("code", "error", "word"),
    [
        (1, "error: x", "exit code 1"),
        (2, "", "silence"),
        (2, "error: x\nerror: y\n", "more than one line"),
        (1, "error: TypeError: x (STOPTRAIL_DEBUG=1 shows the traceback)", "a fault"),
        (2, "Traceback (most recent call last):", "a traceback"),
        (2, "error: \x1b[2J", "control characters"),
    ],
)
def test_a_bad_answer_is_seen(
    code: int, error: str, word: str, material: Material, tmp_path: Path
) -> None:
    folder, case = next(cases(SEED, material, 1, tmp_path))
    before = {"strategy.toml"}
    assert any(word in w for w in complaints(case, before, folder, Answer(code, "", error, 0.0)))
    (folder / "left").touch()
    answer = Answer(2, "", "error: x", 0.0)
    assert any("left behind" in wrong for wrong in complaints(case, before, folder, answer))


def test_the_same_seed_makes_the_same_cases(material: Material, tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        made.append([case for _, case in cases(SEED, material, 40, tmp_path / name)])
    assert made[0] == made[1]
    assert {case.kind for case in made[0]} == set(KINDS)
