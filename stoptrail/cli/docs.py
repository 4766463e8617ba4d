"""`docs`: the pages that messages point to, as they came with the program."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stoptrail.core.errors import UsageError
from stoptrail.core.program import program_name
from stoptrail.core.text import close_to

FOLDER = Path(__file__).parents[1] / "docs"


def names() -> list[str]:
    """Of all pages, in the order of the alphabet."""
    return sorted(page.stem for page in FOLDER.glob("*.md"))


def run(name: str, path: bool) -> None:
    """Show the page `name` (also docs/fills.md), page after page in a terminal, or all titles;
    `path` prints where it lies. Raises UsageError for a page that there is not."""
    page = _page(name) if name else FOLDER
    if path:
        click.echo(page)
    elif not name:
        click.echo("\n".join(_titles()))
    elif sys.stdout.isatty():
        click.echo_via_pager(page.read_text("utf-8"))
    else:
        click.echo(page.read_text("utf-8"), nl=False)


def _page(name: str) -> Path:
    """Its file, with or without the folder, the ending and the part that a link names."""
    stem = name.partition("#")[0].removeprefix("docs/").removesuffix(".md").lower()
    known = names()
    if stem not in known:
        listed = f"{program_name()} docs lists all of them"
        raise UsageError(f"there is no page {name!r}{close_to(stem, known)} ({listed})")
    return FOLDER / f"{stem}.md"


def _titles() -> list[str]:
    """A line for each page: its name and its heading."""
    width = max(map(len, names()))
    return [f"{name:{width}}  {_heading(FOLDER / f'{name}.md')}" for name in names()]


def _heading(page: Path) -> str:
    return page.read_text("utf-8").partition("\n")[0].removeprefix("# ")
