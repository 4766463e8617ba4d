"""Processes of this machine, and the choice between them and a cluster."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

from stoptrail.core.errors import ConfigError
from stoptrail.core.program import collect_seldom
from stoptrail.sweep.pools.pool import Pool, Task, numbered

_LOOK_SECONDS = 0.5
"""How often a worker looks whether its parent is there."""


def cores(jobs: int) -> int:
    """Processes for `jobs`; 0 is one a core that this process may use."""
    if jobs:
        return jobs
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Processes:
    """Processes of this machine. Candles exist once: a copy-on-write memory map, which
    compiled code takes as it is."""

    def __init__(self, jobs: int) -> None:
        self._jobs = cores(jobs)

    def spread(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        """See Pool."""
        from joblib import Parallel, delayed

        pool = Parallel(
            n_jobs=self._jobs, backend="loky", return_as="generator_unordered", mmap_mode="c"
        )
        own = os.getpid()
        with _deaf_children():
            results = pool(delayed(_tied)(own, function, task, *shared) for task in tasks)
        yield from results


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started inside, and those that these start, never hear Ctrl-C: the
    parent does, and ends them. Python's tracker of resources unblocks the signal when it is
    started, and therefore is started before."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _tied(parent: int, function: Callable[..., Any], task: Task, *shared: Any) -> tuple[int, Any]:
    """`numbered` in a process that ends with its parent, also where that is killed: loky's
    would wait for work for minutes, and what they share would lie in memory."""
    if os.getppid() == parent:
        _follow(parent)
    return numbered(function, task, *shared)


@lru_cache(maxsize=1)
def _follow(parent: int) -> None:
    collect_seldom()

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
        yield Processes(jobs)
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
