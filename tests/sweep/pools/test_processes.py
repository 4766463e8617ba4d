"""Workers on this machine end with the process that they work for, and what they share."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from stoptrail.core import program
from stoptrail.core.errors import RunError
from stoptrail.core.program import PLAIN
from stoptrail.sweep.pools import processes
from stoptrail.sweep.pools.processes import Copies, Processes, workers
from tests.sweep.small import ROOT

DEAD = 2**22 + 1
"""More than the number of any process."""

SCRIPT = """
import time, sys
import numpy as np
from stoptrail.sweep.pools.processes import Processes
from tests.sweep.pools.test_processes import linger

print("go", flush=True)
list(Processes(2).spread(linger, (np.zeros(1_000_000),), [(k, sys.argv[1]) for k in range(4)]))
"""


POOLS = [("", True, Copies), ("1", True, Processes), ("", False, Processes)]


def linger(shared: object, folder: str) -> None:
    """A task that says that it runs, and takes long."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


def double(shared: object, work: int) -> int:
    return 2 * work


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize("pool", [Processes, Copies])
def test_results_come_with_their_numbers(pool: Any, jobs: int) -> None:
    for count in (0, 1, 2, 5, 9) if pool is Copies else (5,):
        tasks = [(k, 10 * k) for k in range(count)]
        found = dict(pool(jobs).spread(double, (np.zeros(3),), tasks))
        assert found == {k: 20 * k for k in range(count)}


def test_copies_know_what_was_there_before_they_were_made() -> None:
    found = list(Copies(2).spread(lambda task: (task, os.getpid()), (), [(7, KNOWN), (8, KNOWN)]))
    assert sorted(number for number, _ in found) == [7, 8]
    assert all(known == KNOWN for _, (known, _) in found)
    assert len({process for _, (_, process) in found} | {os.getpid()}) == 3


KNOWN = "no process that loads this file has another"


def test_what_a_task_raises_is_raised_here_and_ends_the_copies() -> None:
    before = psutil.Process().children()
    running = Copies(2).spread(refuse, (), [(1, "x"), (2, "y"), (3, "z")])
    children = [child for child in psutil.Process().children() if child not in before]
    with pytest.raises(RunError, match="of no use"):
        list(running)
    wait_until(lambda: not any(child.is_running() for child in children))


def test_an_error_that_no_pipe_carries_is_told() -> None:
    with pytest.raises(RunError, match="StubbornError: 1 and 2"):
        list(Copies(2).spread(stumble, (), [(1, "x"), (2, "y")]))


def test_copies_that_nobody_waits_for_end() -> None:
    before = psutil.Process().children()
    running = Copies(2).spread(linger_long, (), [(1, 1), (2, 2)])
    children = [child for child in psutil.Process().children() if child not in before]
    assert len(children) == 2
    del running
    wait_until(lambda: not any(child.is_running() for child in children))


def test_a_copy_that_is_killed_before_it_is_told_more_is_named() -> None:
    """A pipe without a reader is an error of its own, which commands take for a closed output."""
    works = ["say", "say", "die", "die", "say"]
    before = psutil.Process().children()
    running = Copies(2).spread(say_or_die, (), list(enumerate(works)))
    wait_until(lambda: {child.status() for child in since(before)} == {psutil.STATUS_ZOMBIE})
    with pytest.raises(RunError, match="a worker process was ended from outside"):
        list(running)


def test_a_copy_that_is_killed_within_its_answer_is_named() -> None:
    before = psutil.Process().children()
    running = Copies(2).spread(say_or_die, (), [(1, "much"), (2, "much")])
    wait_until(lambda: {child.status() for child in since(before)} == {psutil.STATUS_SLEEPING})
    for child in since(before):
        child.kill()
    with pytest.raises(RunError, match="a worker process was ended from outside"):
        list(running)


def since(before: list[psutil.Process]) -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child not in before]


def say_or_die(work: str) -> bytes:
    if work == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return bytes(5_000_000 if work == "much" else 1)


def refuse(work: str) -> None:
    raise RunError(f"{work} is of no use")


class StubbornError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def stumble(work: str) -> None:
    raise StubbornError(1, 2)


def linger_long(work: int) -> None:
    time.sleep(60)


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["Processes", "Copies"])
def test_workers_and_shared_memory_end_with_a_parent_that_is_killed(
    pool: str, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("Processes", pool), str(tmp_path)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(list(tmp_path.iterdir())) >= 2)
    workers = [psutil.Process(int(file.name)) for file in tmp_path.iterdir()]
    assert bool(shared_folders(process.pid)) == (pool == "Processes")
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(worker.is_running() for worker in workers))
    wait_until(lambda: not shared_folders(process.pid))


def shared_folders(process: int) -> list[Path]:
    """Where joblib puts what `process` shares with its workers."""
    return list(Path("/dev/shm").glob(f"stoptrail-shared-{process}-*"))


@pytest.mark.slow
def test_workers_whose_parent_is_killed_before_there_was_work_end() -> None:
    script = """
import time
from stoptrail.sweep.pools.processes import Processes
from tests.sweep.pools.test_processes import double

class Slow:
    def __reduce__(self):
        print("workers wait", flush=True)
        time.sleep(60)

list(Processes(2).spread(double, (1,), [(1, Slow())]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = psutil.Process(process.pid).children()
        workers = [child for child in children if "--process-name" in child.cmdline()]
        process.kill()
    assert len(workers) == 2
    wait_until(lambda: not any(worker.is_running() for worker in workers), 20.0)


def test_the_next_start_takes_away_what_a_dead_process_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where workers and all were killed: nobody was left to do it."""
    monkeypatch.setattr(processes, "_MEMORY", tmp_path / "memory")
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    (tmp_path / "memory").mkdir()
    dead = tmp_path / f"stoptrail-shared-{DEAD}-abcdefgh"
    (dead / f"joblib_memmapping_folder_{DEAD}_a_b").mkdir(parents=True)
    (dead / f"joblib_memmapping_folder_{DEAD}_a_b" / "1.pkl").write_bytes(b"x")
    own = tmp_path / f"stoptrail-shared-{DEAD}-notes"
    own.mkdir()
    (own / "mine.txt").touch()
    for process in (DEAD, os.getpid()):
        (tmp_path / "memory" / f"sem.loky-{process}-x").touch()
    held, descriptor = processes._made(tmp_path, DEAD)
    processes.shared_folder.cache_clear()
    try:
        made = processes.shared_folder(os.getpid())
        assert {path.name for path in tmp_path.iterdir()} == {
            *("memory", own.name, held.name, made.name)
        }
        left = [path.name for path in (tmp_path / "memory").iterdir()]
        assert left == [f"sem.loky-{os.getpid()}-x"]
    finally:
        os.close(descriptor)
        processes.shared_folder.cache_clear()


def test_a_full_place_of_what_is_shared_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process whose files may have 100 kB; so that workers cannot be sent 800 kB."""
    script = """
import resource, sys
import numpy as np
from stoptrail.sweep.pools.processes import Processes
from tests.sweep.pools.test_processes import double
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    list(Processes(2).spread(double, (np.zeros(200_000),), [(1, 2)]))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "JOBLIB_TEMP_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = f"RunError {tmp_path}: what workers share has no room (File too large); make room there"
    assert done.stdout.startswith(told)
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pool", [Processes, Copies])
def test_a_worker_that_is_ended_from_outside_is_told(pool: Any) -> None:
    with pytest.raises(RunError, match="a worker process was ended from outside"):
        list(pool(2).spread(end, (), [(1, 2), (2, 2)]))


def test_a_system_without_room_for_a_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    told = r"^no process can be started \(Resource temporarily unavailable\): set --jobs 1; what"
    with pytest.raises(RunError, match=told):
        Copies(2).spread(double, (0,), [(1, 2), (2, 2)])


@pytest.mark.parametrize(("plain", "alone", "kind"), POOLS)
def test_only_the_program_s_own_process_is_copied(
    plain: str, alone: bool, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN, plain)
    monkeypatch.setattr(program, "_ALONE", [True] * alone)
    monkeypatch.setattr(sys, "platform", "linux")
    with workers(2) as pool:
        assert type(pool) is kind


def end(work: int) -> None:
    """As the system does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait_until(so: object, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not so():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)
