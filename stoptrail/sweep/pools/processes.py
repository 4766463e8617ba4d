"""Processes of this machine, and the choice between them and a cluster."""

from __future__ import annotations

import atexit
import fcntl
import gc
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from pickle import PicklingError
from typing import Any

from stoptrail.core.errors import ConfigError, RunError
from stoptrail.core.files import is_running, no_room
from stoptrail.core.program import NAME, collect_seldom, end_quickly, is_alone, is_plain
from stoptrail.sweep.pools.pool import Pool, Task, numbered

_LOOK_SECONDS = 0.5
"""How often a worker looks whether its parent is there."""
_MEMORY = Path("/dev/shm")
_LEAST_MEMORY = 2 * 2**30
"""Bytes that must be free in memory for what processes share to lie there, not on the disk."""
_SHARED = f"{NAME}-shared-"
"""Begins the name of a folder of what workers share; the number of the process follows."""
_END_WITH_PARENT = 1
"""Linux: PR_SET_PDEATHSIG, see prctl(2)."""
_ENDED = (
    "a worker process was ended from outside, perhaps for want of memory: set fewer "
    "--jobs; what is finished is kept: go on with --resume"
)
_ALONE = "set --jobs 1; what is finished is kept: go on with --resume"
_GO_ON = f"make room there, or {_ALONE}"


def cores(jobs: int) -> int:
    """Processes for `jobs`; 0 is one a core that this process may use."""
    if jobs:
        return jobs
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Copies:
    """Copies of this process, made anew for each piece of work. Nothing is loaded or sent again:
    what the work needs, candles and compiled code among it, is in them from the beginning."""

    def __init__(self, jobs: int) -> None:
        self._jobs = cores(jobs)

    def spread(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        """See Pool. They are made before this returns: no other thread may be at work then."""
        count = min(self._jobs, len(tasks))
        if count <= 1:
            return (numbered(function, task, *shared) for task in tasks)
        found = _by_copies(count, function, shared, tasks)
        next(found)
        return found


def _by_copies(
    count: int, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
) -> Iterator[Any]:
    """Nothing once the copies are made, then what each task has given."""
    left, given = iter(range(len(tasks))), (os.getpid(), function, shared, tasks)
    copies: dict[Any, Any] = {}
    waiting: list[Any] = []
    try:
        for _ in range(count):
            one, process = _copy(given)
            copies[one] = process
        # Two each, so that none waits for this process.
        try:
            for one, place in zip((*copies, *copies), left, strict=False):
                one.send(place)
                waiting.append(one)
        except OSError:
            raise RunError(_ENDED) from None
        yield None
        for _ in tasks:
            end: Any = wait(set(waiting))[0]
            waiting.remove(end)
            try:
                result, error = end.recv()
                for place in islice(left, 1):
                    end.send(place)
                    waiting.append(end)
            except (EOFError, OSError):
                raise RunError(_ENDED) from None
            if error is not None:
                raise error
            yield result
    finally:
        for one, process in copies.items():
            process.kill()
            process.join()
            one.close()


def _copy(given: tuple[Any, ...]) -> tuple[Any, Any]:
    """The end of a pipe to a copy of this process, and the copy. Raises RunError."""
    context = get_context("fork")
    try:
        ours, theirs = context.Pipe()
        process = context.Process(target=_obey, args=(theirs, *given), daemon=True)
        with _deaf(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: they are known
            gc.freeze()  # looking for circles would write to memory that both have
            process.start()
    except OSError as error:
        raise RunError(f"no process can be started ({error.strerror}): {_ALONE}") from None
    finally:
        gc.unfreeze()
    theirs.close()
    return ours, process


def _obey(
    end: Any,
    parent: int,
    function: Callable[..., Any],
    shared: Sequence[Any],
    tasks: Sequence[Task],
) -> None:
    """What a copy does: the tasks whose places it is told."""
    import ctypes

    ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # no display stands before them here
    while True:
        answer: tuple[Any, Exception | None]
        try:
            answer = numbered(function, tasks[end.recv()], *shared), None
        except Exception as error:
            answer = None, _carried(error)
        end.send(answer)


def _carried(error: Exception) -> Exception:
    """The error, if it comes whole through a pipe."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RunError(f"{type(error).__name__}: {error}")
    return error


class Processes:
    """Processes of this machine. Candles exist once: a copy-on-write memory map, which
    compiled code takes as it is."""

    def __init__(self, jobs: int) -> None:
        self._jobs = cores(jobs)

    def spread(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        """See Pool."""
        if self._jobs == 1:
            yield from (numbered(function, task, *shared) for task in tasks)
            return
        pool = _pool(self._jobs)
        from joblib import delayed

        with _told(shared_folder(os.getpid())):
            with _deaf_children():
                results = pool(delayed(numbered)(function, task, *shared) for task in tasks)
            yield from results


def _pool(jobs: int) -> Any:
    """joblib's processes; RunError where the system gives none, for which it would warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        from joblib import Parallel, parallel

        if parallel.mp is None and os.environ.get("JOBLIB_MULTIPROCESSING") != "0":
            raise RunError(f"{_MEMORY}: no processes can be started, is it full? {_GO_ON}")
        return Parallel(
            n_jobs=jobs,
            backend="loky",
            return_as="generator_unordered",
            mmap_mode="c",
            temp_folder=str(shared_folder(os.getpid())),
            initializer=_follow,
            initargs=(os.getpid(),),
        )


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Raise RunError where `folder` is full, or a worker was ended from outside."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        yield
    except TerminatedWorkerError:
        raise RunError(_ENDED) from None
    except (OSError, PicklingError) as error:
        reason = no_room(error.__cause__ if isinstance(error, PicklingError) else error)
        if reason is None:
            raise
        semaphore = isinstance(error, OSError) and error.__cause__ is None
        place = _MEMORY if semaphore else folder.parent
        raise RunError(f"{place}: what workers share has no room ({reason}); {_GO_ON}") from None


@lru_cache(maxsize=1)
def shared_folder(process: int) -> Path:
    """Where `process`, this one, keeps what its workers share: a folder that goes with it, be
    it killed; where workers and all were killed, the next process takes it away."""
    from joblib.externals.loky.backend.resource_tracker import register, unregister

    place = _place()
    for folder in place.glob(f"{_SHARED}*"):
        _clear(folder)
    folder, held = _made(place, process)
    register(str(folder), "folder")

    def leave() -> None:
        if os.getpid() == process:
            shutil.rmtree(folder, ignore_errors=True)
            unregister(str(folder), "folder")
            os.close(held)

    atexit.register(leave)
    return folder


def _place() -> Path:
    wanted = os.environ.get("JOBLIB_TEMP_FOLDER")
    if wanted:
        return Path(wanted)
    with suppress(OSError):
        if shutil.disk_usage(_MEMORY).free >= _LEAST_MEMORY and os.access(_MEMORY, os.W_OK):
            return _MEMORY
    return Path(tempfile.gettempdir())


def _made(place: Path, process: int) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds it as long as this process lives."""
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=f"{_SHARED}{process}-", dir=place))
        except OSError as error:
            raise RunError(f"{place}: cannot be written ({error.strerror}); {_GO_ON}") from None
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        if folder.exists():
            return folder, held
        os.close(held)  # taken for a dead one's, between its making and its holding


def _clear(folder: Path) -> None:
    """Take away what a process shared that is no more, and the semaphores named after it."""
    with suppress(OSError):
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for ours in folder.glob("joblib_memmapping_folder_*"):
                shutil.rmtree(ours)
            folder.rmdir()
        finally:
            os.close(held)
        process = folder.name.removeprefix(_SHARED).partition("-")[0]
        if process.isdigit() and not is_running(int(process)):
            for semaphore in _MEMORY.glob(f"sem.loky-{process}-*"):
                semaphore.unlink(missing_ok=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started inside, and those that these start, never hear Ctrl-C: the
    parent does, and ends them. Python's tracker of resources unblocks the signal when it is
    started, and therefore is started before."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    with _deaf():
        yield


@contextmanager
def _deaf() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow(parent: int) -> None:
    """Let this process end with its parent, also where that is killed, be it before there is
    work: loky's would wait for some for minutes, and what they share would lie in memory."""
    collect_seldom()
    atexit.register(end_quickly)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()


@contextmanager
def workers(jobs: int, cluster: str = "") -> Iterator[Pool]:
    """Processes on this machine, or the workers of the Dask or Ray cluster at that address.

    Raises ConfigError where that is no address or the cluster's engine is not installed,
    RunError where it cannot be reached.
    """
    if not cluster:
        yield Copies(jobs) if is_alone() and not is_plain() else Processes(jobs)
        return
    with _opened(cluster) as pool:
        yield pool


def _opened(cluster: str) -> AbstractContextManager[Pool]:
    from stoptrail.sweep.pools.dask import dask_cluster
    from stoptrail.sweep.pools.ray import ray_cluster

    if cluster.startswith(("tcp://", "tls://")):
        return dask_cluster(cluster)
    if cluster.startswith("ray://"):
        return ray_cluster(cluster)
    raise ConfigError(
        f"sweep.cluster {cluster!r} must be the address of a Dask scheduler, tcp://host:8786, "
        "or of a Ray cluster, ray://host:10001"
    )
