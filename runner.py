"""The command line, run from a checkout: `python runner.py --help`."""

from __future__ import annotations

from collections.abc import Sequence

from stoptrail.__main__ import run

__all__ = ["main", "run"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    from stoptrail.cli.main import main as one_command

    return one_command(arguments)


if __name__ == "__main__":
    run()
