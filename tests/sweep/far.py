"""Work for a cluster that tells where it was done, and what must be the same as here."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tests.sweep.small import RESULTS, contents, summary


class Parcel:
    """Something shared, which notes every process that unpacks it."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __reduce__(self) -> Any:
        return _unpacked, (self.log,)


def _unpacked(log: Path) -> Parcel:
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return Parcel(log)


def slowly(parcel: Parcel, other: Parcel, task: float) -> tuple[float, int]:
    """Twice the task after that many seconds, and the process."""
    assert parcel.log != other.log
    time.sleep(task)
    return 2.0 * task, os.getpid()


def assert_same_bytes(here: Path, there: Path) -> None:
    """The results of two sweeps of which the second ran on a cluster."""
    ours, theirs = contents(here), contents(there)
    for name in RESULTS:
        if name != "config.toml":  # it names the cluster
            assert ours[name] == theirs[name], name
    tables = [summary(folder) for folder in (here, there)]
    for table in tables:
        del table["params"]["sweep"]["cluster"]
        # The second knows of the first: they share a database.
        del table["evidence"]["deflated_sharpe"]["with_earlier"]
    assert tables[0] == tables[1]
