"""Independent work spread over processes or a cluster, results as they come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from errors import ConfigError, RunError


def cores(jobs: int) -> int:
    """Processes for `jobs`; 0 is one a core that this process may use."""
    return jobs or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@contextmanager
def workers(jobs: int, cluster: str = "") -> Iterator[Any]:
    """A joblib pool: processes on this machine, or the workers of a Dask cluster.

    Raises ConfigError where the cluster's engine is not installed, RunError where it
    cannot be reached.
    """
    from joblib import Parallel, parallel_config

    if not cluster:
        # Copy-on-write maps: the candles exist once, and compiled code takes them as they are.
        yield Parallel(
            n_jobs=cores(jobs), backend="loky", return_as="generator_unordered", mmap_mode="c"
        )
        return
    with _dask(cluster), parallel_config(backend="dask"):
        yield Parallel(n_jobs=-1, return_as="generator_unordered")


@contextmanager
def _dask(cluster: str) -> Iterator[None]:
    if not cluster.startswith(("tcp://", "tls://")):
        raise ConfigError(
            f"sweep.cluster {cluster!r} must be the address of a Dask scheduler, tcp://host:8786"
        )
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError(
            "sweep.cluster needs Dask: install the extra with pip install -e '.[cluster]'"
        ) from None
    try:
        client = Client(cluster, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError) as error:
        raise RunError(f"sweep.cluster {cluster} cannot be reached ({error})") from None
    with client:
        yield


def spread(
    pool: Any,
    function: Callable[..., Any],
    shared: Any,
    tasks: Sequence[tuple[int, Any]],
) -> Iterator[tuple[int, Any]]:
    """`function(shared, task)` for every numbered task, with its number, in any order."""
    from joblib import delayed

    calls: Iterable[Any] = (
        delayed(_numbered)(function, shared, number, task) for number, task in tasks
    )
    yield from pool(calls)


def _numbered(function: Callable[..., Any], shared: Any, number: int, task: Any) -> tuple[int, Any]:
    return number, function(shared, task)
