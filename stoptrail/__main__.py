"""`python -m stoptrail`, and what the console script and runner.py call."""

from __future__ import annotations

import signal


def run() -> None:
    """The program. Ctrl-C while it is still being loaded ends it at once, without a traceback."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:  # and is not ignored, as in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from stoptrail.cli.main import run as program

    signal.signal(signal.SIGINT, heard)
    program()


if __name__ == "__main__":
    run()
