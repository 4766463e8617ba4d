"""Processes of this machine, and the choice between them and a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from stoptrail.core.errors import ConfigError
from stoptrail.sweep.pools.pool import Pool, Task, numbered


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
        yield from pool(delayed(numbered)(function, task, *shared) for task in tasks)


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
