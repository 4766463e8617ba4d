"""What benchmarks and the tools of the tests are called with: one line where it is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from stoptrail.core.errors import UsageError


class Arguments(argparse.ArgumentParser):
    """A parser whose refusal is one line, with exit code 2, as the program's own."""

    def __init__(self, description: str = "", prog: str = "") -> None:
        module = getattr(sys.modules["__main__"], "__spec__", None)
        name = module.name.removesuffix(".__main__") if module else Path(sys.argv[0]).name
        super().__init__(prog=prog or f"python -m {name}", description=description)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


def count(text: str) -> int:
    """A whole number, 0 included."""
    return _at_least(0, text)


def whole(text: str) -> int:
    """A whole number of at least 1."""
    return _at_least(1, text)


def _at_least(least: int, text: str) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
    return int(text)


def existing(text: str) -> Path:
    """The path of a file that is there."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is no file")
    return Path(text)


def answered(work: Callable[[], int]) -> int:
    """Its exit code; 2 after one line where a file that it was given cannot be used."""
    try:
        return work()
    except (OSError, UsageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
