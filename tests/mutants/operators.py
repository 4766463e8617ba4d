"""Small faults that a person might make, as changes of a module's syntax tree."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_PAIRS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("any", "all"),
    ("floor", "ceil"),
    ("high", "low"),
    ("open", "close"),
    ("entry", "exit"),
    ("fill", "initial"),
    ("sharpe", "sortino"),
    ("wins", "losses"),
    ("gross_profit", "gross_loss"),
    ("net_return", "cagr"),
    ("profit_factor", "payoff_ratio"),
    ("adverse", "favourable"),
    ("taker_fee", "slippage"),
    ("train", "test"),
    ("first", "last"),
)
_NAMES = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
"""Names of functions and fields, and what they are easily mistaken for."""
_WORDS = {"left": "right", "right": "left"}


class Mutant(NamedTuple):
    """One fault."""

    file: str
    """From the root of the project."""
    number: int
    """Among the mutants of the file."""
    line: int
    change: str
    """The changed expression or statement, before and after."""


class _Site(NamedTuple):
    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST

    @property
    def line(self) -> int:
        """Where it stands."""
        return int(getattr(self.node, "lineno", 0))


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Every mutant of a module."""
    return [
        Mutant(
            file, number, getattr(site.node, "lineno", 0), f"{_shown(site.node)} -> {_shown(new)}"
        )
        for number, (site, new) in enumerate(_changes(ast.parse(source)))
    ]


def mutated(source: str, number: int) -> str:
    """The module with the mutant of that number in it."""
    tree = ast.parse(source)
    for place, (site, new) in enumerate(_changes(tree)):
        if place == number:
            ast.copy_location(new, site.node)
            if site.index is None:
                setattr(site.parent, site.field, new)
            else:
                getattr(site.parent, site.field)[site.index] = new
            return ast.unparse(ast.fix_missing_locations(tree))
    raise IndexError(f"there is no mutant {number}")


def _changes(tree: ast.AST) -> Iterator[tuple[_Site, ast.AST]]:
    for site in _sites(tree):
        for new in _faults(site.node):
            yield site, new


def _sites(node: ast.AST) -> Iterator[_Site]:
    """Every node that runs and whose value somebody may rely on."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases", "type_params"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_said(child):
                continue
            yield _Site(node, field, index, child)
            yield from _sites(child)


def _is_said(node: ast.AST) -> bool:
    """What people read, and what only the type checker sees."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Raise | ast.JoinedStr | ast.Assert):
        return True
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _faults(node: ast.AST) -> Iterator[ast.AST]:
    kind = type(node)
    if kind in _FAULTS:
        yield from _FAULTS[kind](node)


def _calculated(node: Any) -> Iterator[ast.AST]:
    if type(node.op) in _ARITHMETIC:
        yield _with(node, op=_ARITHMETIC[type(node.op)]())


def _joined(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())


def _signed(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield copy.deepcopy(node.operand)


def _named(node: ast.Name) -> Iterator[ast.AST]:
    if node.id in ("min", "max", "any", "all"):
        yield _with(node, id=_NAMES[node.id])


def _read(node: ast.Attribute) -> Iterator[ast.AST]:
    if node.attr in _NAMES:
        yield _with(node, attr=_NAMES[node.attr])


def _chosen(node: ast.IfExp) -> Iterator[ast.AST]:
    yield _with(node, body=node.orelse, orelse=node.body)


def _done(node: ast.Expr) -> Iterator[ast.AST]:
    if isinstance(node.value, ast.Call):
        yield ast.Pass()


def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for place, op in enumerate(node.ops):
        for other in _COMPARISONS[type(op)]:
            yield _with(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(value * 2.0 if value else 1.0)
    elif isinstance(value, str) and value in _WORDS:
        yield ast.Constant(_WORDS[value])


_FAULTS: dict[type[ast.AST], Callable[[Any], Iterator[ast.AST]]] = {
    ast.Compare: _compared,
    ast.BinOp: _calculated,
    ast.AugAssign: _calculated,
    ast.BoolOp: _joined,
    ast.UnaryOp: _signed,
    ast.Constant: _constants,
    ast.Name: _named,
    ast.Attribute: _read,
    ast.IfExp: _chosen,
    ast.Continue: lambda _: iter((ast.Break(),)),
    ast.Expr: _done,
}


def _with(node: ast.AST, **changed: object) -> ast.AST:
    new = copy.deepcopy(node)
    for field, value in changed.items():
        setattr(new, field, copy.deepcopy(value))
    return new


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 90 else f"{text[:87]}..."
