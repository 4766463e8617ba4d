"""Workers on this machine end with the process that they work for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from stoptrail.sweep.pools.processes import Processes
from tests.sweep.small import ROOT

SCRIPT = """
import time, sys
import numpy as np
from stoptrail.sweep.pools.processes import Processes
from tests.sweep.pools.test_processes import linger

print("go", flush=True)
list(Processes(2).spread(linger, (np.zeros(1_000_000),), [(k, sys.argv[1]) for k in range(4)]))
"""


def linger(shared: object, folder: str) -> None:
    """A task that says that it runs, and takes long."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


def double(shared: object, work: int) -> int:
    return 2 * work


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_with_their_numbers(jobs: int) -> None:
    found = dict(Processes(jobs).spread(double, (np.zeros(3),), [(k, 10 * k) for k in range(5)]))
    assert found == {k: 20 * k for k in range(5)}


@pytest.mark.slow
def test_workers_and_shared_memory_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    before = shared_folders()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: len(list(tmp_path.iterdir())) >= 2)
    workers = [psutil.Process(int(file.name)) for file in tmp_path.iterdir()]
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(worker.is_running() for worker in workers))
    wait_until(lambda: shared_folders() <= before)


def shared_folders() -> set[Path]:
    """Where joblib puts what processes share."""
    return set(Path("/dev/shm").glob("joblib_memmapping_folder_*"))


def wait_until(so: object, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not so():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)
