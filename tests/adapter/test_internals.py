"""The privates of Backtrader that the code uses against the list of them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import stoptrail
from stoptrail.adapter import internals
from stoptrail.core.errors import RunError

PACKAGE = Path(stoptrail.__file__).parent
_OWN = ("brokers", "adapter", "backtest", "reports")
LISTED = {name for names in internals.PRIVATES.values() for name in names}


def _files(*folders: str) -> Iterator[Path]:
    for folder in folders or ("strategies", "sizers", "feeds", "live", *_OWN):
        yield from sorted((PACKAGE / folder).glob("**/*.py"))


def _bridges() -> list[Path]:
    """The modules whose objects are Backtrader's."""
    words = ("backtrader", "feed_candles", "quick_candles")
    texts = {file: file.read_text("utf-8") for file in _files() if file.name != "internals.py"}
    return [file for file, text in texts.items() if any(word in text for word in words)]


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name.isidentifier()


def _own_names() -> set[str]:
    """Names that these modules themselves give to anything."""
    found = {"_replace", "_make", "_asdict", "_fields"}
    for file in _bridges():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found |= {node.attr} if ast.unparse(node.value) == "self" else set()
    return found


def _read(file: Path) -> set[str]:
    """Privates that a module uses of objects, or names in text."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return {name for name in found if _is_private(name)}


def _overridden(file: Path) -> set[str]:
    """Privates of Backtrader that classes of a module replace."""
    name = file.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".")
    found = set()
    for kind in vars(import_module(name)).values():
        if inspect.isclass(kind) and kind.__module__ == name:
            theirs = [base for base in kind.__mro__ if base.__module__.startswith("backtrader")]
            mine = {each for each in vars(kind) if _is_private(each) and callable(vars(kind)[each])}
            found |= {each for each in mine if any(each in vars(base) for base in theirs)}
    return found


def test_every_private_that_is_used_is_listed() -> None:
    own = _own_names()
    files = _bridges()
    assert len(files) > 10
    for file in files:
        used = (_read(file) - own) | _overridden(file)
        assert used <= LISTED, f"{file}: {sorted(used - LISTED)}"


def test_every_private_that_is_listed_is_there_and_used() -> None:
    used = {name for file in _bridges() for name in _read(file) | _overridden(file)}
    for module, names in internals.PRIVATES.items():
        source = inspect.getsource(import_module(f"backtrader.{module}"))
        for name in names:
            assert name in source, f"{module} has no {name}"
            assert name in used, f"{name} is not used"


def test_another_version_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals, "version", lambda _: "1.9.79.0")
    internals.require.cache_clear()
    with pytest.raises(RunError, match=r"backtrader 1\.9\.79\.0 is installed.*1\.9\.78\.123"):
        internals.require()
    monkeypatch.undo()
    internals.require.cache_clear()
    internals.require()
