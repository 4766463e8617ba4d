"""docs/fills.md has every rule once, and its table of tests is complete."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "fills.md"
RULES = [f"C{number}" for number in range(1, 23)]


def sections() -> dict[str, str]:
    """The text of each rule's section, by the rule's number."""
    parts = re.split(r"^## (?=C\d+ )", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {part.split()[0]: re.split(r"^## ", part, flags=re.MULTILINE)[0] for part in parts}


def test_every_rule_has_one_section_in_order() -> None:
    assert list(sections()) == RULES
    headings = re.findall(r"^## (C\d+) ", PAGE.read_text("utf-8"), re.MULTILINE)
    assert headings == RULES


def test_every_rule_says_what_was_decided() -> None:
    without = [rule for rule, text in sections().items() if "*Decision" not in text]
    assert without == []


def test_every_rule_has_tables_and_every_table_a_rule() -> None:
    text = PAGE.read_text("utf-8").split("## Where the tests are")[1]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    named = {rule for rules, _ in rows for rule in re.findall(r"C\d+", rules)}
    assert named == set(RULES)
    files = {Path(name).name for name in re.findall(r"`(tests/contract/\S+?)`", text)}
    here = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert files == here - {Path(__file__).name}
