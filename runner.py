"""The command line, run from a checkout: `python runner.py --help`."""

from __future__ import annotations

from stoptrail.cli.main import main, run

__all__ = ["main", "run"]

if __name__ == "__main__":
    run()
