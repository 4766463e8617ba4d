import pytest

from stoptrail.core.program import part_of, program_name


@pytest.mark.parametrize(
    ("called", "said"),
    [
        ("/usr/bin/stoptrail", "stoptrail"),
        ("runner.py", "python runner.py"),
        ("../there/runner.py", "python ../there/runner.py"),
        ("/x/site-packages/stoptrail/__main__.py", "python -m stoptrail"),
        ("/x/site-packages/pytest/__main__.py", "stoptrail"),
        ("", "stoptrail"),
    ],
)
def test_hints_repeat_how_the_program_was_called(called: str, said: str) -> None:
    assert program_name(called) == said


def test_a_part_counts_on_from_what_was_done_before() -> None:
    told: list[tuple[int, int]] = []
    part = part_of(lambda done, total: told.append((done, total)), 20, 50)
    part(3, 10)
    part(10, 10)
    assert told == [(23, 50), (30, 50)]
