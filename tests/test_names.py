"""Names in the field's words, each for one thing; functions and files that one sees whole."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("stoptrail", "strategies", "sizers", "feeds", "live")
BESIDE = ("benchmarks", "examples")
RETIRED = {
    "Chronicle",
    "Conduct",
    "Desk",
    "Standing",
    "Ticket",
    "Troubles",
    "Way",
    "conduct",
    "desk",
    "otherwise",
    "parties",
    "troubles",
}
RETIRED_INSIDE = {"ahead", "asked"}
"""Columns of the ledger are called so, and no variable or parameter is."""
LONGEST_FUNCTION = 60
LONGEST_FILE = 350


@cache
def sources(folders: tuple[str, ...] = FOLDERS) -> list[tuple[Path, str, ast.Module]]:
    """Every module once: links in the package lead to the folders beside it."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(parent.is_symlink() for parent in path.parents):
                text = path.read_text()
                found.append((path.relative_to(ROOT), text, ast.parse(text)))
    return found


def test_a_class_name_stands_for_one_thing() -> None:
    places = defaultdict(list)
    for path, _text, tree in sources():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_retired_names_stay_away() -> None:
    found = set()
    for path, _text, tree in sources():
        nodes = list(ast.walk(tree))
        names = {path.stem} | {
            getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
            for node in nodes
            if isinstance(node, ast.Name | ast.Attribute | ast.ClassDef | ast.FunctionDef)
        }
        fields = {
            target
            for node in nodes
            if isinstance(node, ast.ClassDef)
            for line in node.body
            if isinstance(line, ast.Assign | ast.AnnAssign)
            for target in (line.targets if isinstance(line, ast.Assign) else [line.target])
        }
        variables = {node.id for node in nodes if isinstance(node, ast.Name) and node not in fields}
        variables |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        retired = (names & RETIRED) | (variables & RETIRED_INSIDE)
        found |= {f"{path}: {name}" for name in retired}
    assert found == set()


def test_functions_and_files_can_be_seen_whole() -> None:
    long = set()
    for path, text, tree in sources(FOLDERS + BESIDE):
        if len(text.splitlines()) > LONGEST_FILE:
            long.add(f"{path}: {len(text.splitlines())} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.add(f"{path}: {node.name} has {length} lines")
    assert long == set()


def test_the_lanes_of_tests_name_what_is_there() -> None:
    """A file that was moved would silently be in another lane."""
    tree = ast.parse((ROOT / "tests/conftest.py").read_text())
    lanes = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("SLOW", "COMPILING", "UNCOMPILED")
    }
    assert len(lanes) == 3
    places = [place for lane in lanes.values() for place in lane]
    assert [place for place in places if not (ROOT / "tests" / place).exists()] == []
