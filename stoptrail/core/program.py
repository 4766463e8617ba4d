"""How the program was called: hints and usage lines repeat it."""

from __future__ import annotations

import sys
from pathlib import Path

NAME = "stoptrail"
"""The console script, and what the program is called where nobody called it from a shell."""


def program_name(argv0: str | None = None) -> str:
    """What to type before a command: "stoptrail", "python runner.py", "python -m stoptrail".

    argv0: the program's path as Python was given it; `sys.argv[0]` by default.
    """
    called = Path(sys.argv[0] if argv0 is None else argv0)
    if called.name == "runner.py":
        return f"python {called}"
    if called.name == "__main__.py" and called.parent.name == NAME:
        return f"python -m {NAME}"
    return NAME
