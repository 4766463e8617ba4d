import pytest

from stoptrail.core.program import program_name


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
