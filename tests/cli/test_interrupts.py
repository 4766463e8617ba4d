"""An interrupt is never lost, and children never hear it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import runner
from stoptrail.sweep.pools.processes import Copies, Processes

DROPPED = """
import ctypes, os, signal, time
from stoptrail.cli.ending import in_order
CALLBACK = ctypes.CFUNCTYPE(None)
def interrupted():
    os.kill(os.getpid(), signal.{signal})
    time.sleep(0.01)
with in_order() as came:
    try:
        CALLBACK(interrupted)()
        for _ in range(500):
            time.sleep(0.01)
        print("lost")
    except KeyboardInterrupt:
        print("heard", came)
"""


@pytest.mark.parametrize(("name", "came"), [("SIGINT", []), ("SIGTERM", [signal.SIGTERM])])
def test_an_interrupt_within_a_callback_from_c_is_raised_again(name: str, came: list[int]) -> None:
    command = [sys.executable, "-c", DROPPED.format(signal=name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == f"heard {[int(number) for number in came]}"
    assert done.stderr == ""


def test_sigterm_ends_a_command_in_order(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")  # a reader waits here for a writer
    slow = "def run():\n    print('begun', flush=True)\n    open('never').read()\n"
    (tmp_path / "slow.py").write_text(slow)
    code = (
        "import runner, sys; sys.argv = ['x']; from stoptrail.cli import main as m; import slow;"
        "m.main = lambda: __import__('stoptrail.cli.ending', fromlist=['x']).ended(slow.run);"
        "m.run()"
    )
    command = [sys.executable, "-c", code]
    root = str(Path(runner.__file__).parent)
    environment = {**os.environ, "PYTHONPATH": f"{root}:{tmp_path}"}
    heard = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, **heard) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 143
    assert said == "stopped; what is finished is kept\n"


def _deaf(task: int) -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())


@pytest.mark.parametrize("pool", [Processes, Copies])
def test_workers_never_hear_ctrl_c_and_the_parent_does(pool: Any) -> None:
    found = dict(pool(2).spread(_deaf, (), [(n, n) for n in range(4)]))
    assert found == dict.fromkeys(range(4), True)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_an_interrupt_while_the_program_is_loaded_ends_it_without_a_traceback(
    tmp_path: Path,
) -> None:
    interrupts = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"
    (tmp_path / "click.py").write_text(interrupts)
    done = subprocess.run(
        [sys.executable, runner.__file__, "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
