"""Independent work spread over processes or a cluster, results as they come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from stoptrail.core.errors import ConfigError, RunError

Task = tuple[int, Any]
"""A number, and what is to be done."""


class Pool(Protocol):
    """Where work runs."""

    def spread(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        """`function(*shared, task)` of every task, with its number, in any order."""
        ...


def cores(jobs: int) -> int:
    """Processes for `jobs`; 0 is one a core that this process may use."""
    if jobs:
        return jobs
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
        yield from pool(delayed(numbered)(function, task, *shared) for task in tasks)


def loss(what: str) -> RunError:
    """A cluster lost `what` for good."""
    return RunError(f"sweep.cluster lost {what}; what is finished is kept: go on with --resume")


def numbered(function: Callable[..., Any], task: Task, *shared: Any) -> tuple[int, Any]:
    """The task's number and its result, on whichever worker this runs."""
    number, work = task
    return number, function(*shared, work)
