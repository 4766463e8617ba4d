"""Names in the field's words, each for one thing; functions and files that one sees whole."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("stoptrail", "strategies", "sizers", "feeds", "live")
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


def sources() -> Iterator[tuple[Path, str]]:
    """Every module once: links in the package lead to the folders beside it."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(parent.is_symlink() for parent in path.parents):
                yield path.relative_to(ROOT), path.read_text()


def test_a_class_name_stands_for_one_thing() -> None:
    places = defaultdict(list)
    for path, text in sources():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_retired_names_stay_away() -> None:
    found = set()
    for path, text in sources():
        names = {path.stem} | {
            getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Name | ast.Attribute | ast.ClassDef | ast.FunctionDef)
        }
        found |= {f"{path}: {name}" for name in names & RETIRED}
        inside = {
            name
            for function in ast.walk(ast.parse(text))
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
            for name in [getattr(node, "arg", None), getattr(node, "id", None)]
            if isinstance(node, ast.arg | ast.Name)
        }
        found |= {f"{path}: {name}" for name in inside & RETIRED_INSIDE}
    assert found == set()


def test_functions_and_files_can_be_seen_whole() -> None:
    long = set()
    for path, text in sources():
        if len(text.splitlines()) > LONGEST_FILE:
            long.add(f"{path}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.add(f"{path}: {node.name} has {length} lines")
    assert long == set()
