"""Workers of a Ray cluster, reached through Ray Client.

joblib's Ray backend yields no results before the last one, sends what tasks share with each
of them, and does not replace a lost worker: this speaks to Ray itself.
"""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from stoptrail.core.errors import ConfigError, RunError
from stoptrail.sweep.pools.pool import Task, endpoint, loss, numbered

_RETRIES = 3
"""How often Ray does a task again whose worker was lost."""
_TRIES = 3
"""How often a connection is asked for that the head gives up."""
_AHEAD = 3
"""Tasks for each core that the cluster is given before it has answered the first."""
_SECONDS = 10
"""How long a connection may take."""
_ENVIRONMENT = {
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "2",  # it tries three times: 10 s in all
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": "4",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` it would upload this folder
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Read by Ray when it is imported; what the user has set stays."""


@contextmanager
def ray_cluster(address: str) -> Iterator[RayCluster]:
    """The workers of the cluster whose Ray Client server is at `address`.

    Raises ConfigError where that is no address or Ray is not installed, RunError where the
    cluster cannot be reached, runs other versions, or has no cores.
    """
    place = endpoint(address)
    ray = _library()
    try:
        socket.create_connection(place, _SECONDS).close()
        connection = _connected(ray, address)
    except Exception as error:  # Ray raises RuntimeError, OSError and gRPC's own
        reason = " ".join(str(error).rpartition("Error: ")[2].split())
        raise RunError(f"sweep.cluster {address} cannot be reached ({reason})") from None
    with connection:
        count = int(ray.cluster_resources().get("CPU", 0))
        if not count:
            raise RunError(f"sweep.cluster {address} has no cores; start some: ray start")
        yield RayCluster(ray, count)


class RayCluster:
    """Workers of a Ray cluster. What tasks share travels to each machine once, and each
    worker unpacks it once; Ray does the work of a lost worker again."""

    def __init__(self, ray: Any, count: int) -> None:
        self._ray = ray
        self._most = _AHEAD * count
        self._sent: dict[int, tuple[Any, Any]] = {}

    def spread(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        """See Pool. Raises RunError where the cluster loses the work again and again."""
        from ray.exceptions import RayError, RayTaskError

        try:
            yield from self._results(function, shared, tasks)
        except (RayTaskError, ModuleNotFoundError) as error:
            raise _own(error) from None
        except (RayError, ConnectionError) as error:
            raise loss(f"its workers or the connection ({type(error).__name__})") from None

    def _results(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        run = self._ray.remote(_on_worker).options(num_cpus=1, max_retries=_RETRIES)
        parts = [self._part(part) for part in shared]
        names = [part.hex() for part in parts]
        later = iter(tasks)
        waiting: set[Future[tuple[int, Any]]] = set()
        while True:
            for task in islice(later, self._most - len(waiting)):
                waiting.add(run.remote(function, task, names, *parts).future())
            if not waiting:
                return
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()

    def _part(self, part: Any) -> Any:
        """What Ray knows `part` by; a reference keeps its identity its own."""
        if id(part) not in self._sent:
            packed = np.frombuffer(pickle.dumps(part, pickle.HIGHEST_PROTOCOL), np.uint8)
            self._sent[id(part)] = (part, self._ray.put(packed))
        return self._sent[id(part)][1]


_PARTS: dict[str, Any] = {}
"""What a worker has unpacked, by Ray's name. A worker serves one connection only."""


def _on_worker(
    function: Callable[..., Any], task: Task, names: Sequence[str], *packed: Any
) -> tuple[int, Any]:
    """One task on a worker. Ray shares the bytes among the workers of a machine, read-only;
    compiled code takes arrays that can be written, so each worker has its own."""
    for name, content in zip(names, packed, strict=True):
        if name not in _PARTS:
            _PARTS[name] = pickle.loads(content)
    return numbered(function, task, *(_PARTS[name] for name in names))


def _own(error: Exception) -> Exception:
    """What the work itself raised, without Ray's traceback of several lines."""
    cause: Exception = getattr(error, "cause", None) or error
    if isinstance(cause, ModuleNotFoundError):
        return RunError(f"a worker of sweep.cluster lacks a module: {cause}; install it there")
    return cause


def _connected(ray: Any, address: str) -> Any:
    """The head starts a process for each connection, in a way that fails now and then
    (ray-project/ray#63202)."""
    connect = partial(ray.init, address, logging_level="CRITICAL", log_to_driver=False)
    for _ in range(_TRIES - 1):
        with suppress(ConnectionAbortedError):
            return connect()
    return connect()


def _library() -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray.util.client.worker  # needs what only the extra brings
        import ray.util.debug
    except ImportError:
        raise ConfigError(
            "sweep.cluster needs Ray: install the extra with pip install -e '.[ray]'"
        ) from None
    library: Any = ray
    library.util.debug.disable_log_once_globally()  # advice for programmers
    return library
