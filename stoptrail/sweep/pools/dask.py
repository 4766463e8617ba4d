"""Workers of a Dask cluster."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from stoptrail.core.errors import ConfigError, RunError
from stoptrail.core.files import reason_of
from stoptrail.sweep.pools.pool import Task, endpoint, loss, numbered

_TRIES = 3
"""How often work that a cluster lost is sent again before giving up."""
_CONNECT_SECONDS = 10
_SECONDS = 120
"""How long it may take to send candles to all workers."""


@contextmanager
def dask_cluster(address: str) -> Iterator[DaskCluster]:
    """The workers of the scheduler at `address`.

    Raises ConfigError where Dask is not installed, where that is no address of one or
    something else listens there, RunError where it cannot be reached or has no workers.
    """
    place = endpoint(address)
    connect = _library()
    try:
        socket.create_connection(place, _CONNECT_SECONDS).close()
    except OSError as error:
        reason = reason_of(error)
        raise RunError(f"sweep.cluster {address} cannot be reached ({reason})") from None
    _require_certificates(address)
    client = _client(connect, address)
    with client:
        if not client.ncores():
            raise RunError(f"sweep.cluster {address} has no workers; start some: dask worker")
        yield DaskCluster(client)


def _library() -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError(
            "sweep.cluster needs Dask: install the extra with pip install -e '.[cluster]'"
        ) from None
    for name in ("distributed", "tornado"):  # what went wrong is said in one line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return Client


def _require_certificates(address: str) -> None:
    """Raise ConfigError where tls:// has no certificates that can be read: a client that finds
    out by itself tells of it again when it is collected, in Dask's words."""
    from distributed import security

    if not address.startswith("tls://"):
        return
    make, reason = cast(Any, security.Security), ""
    try:
        if make().get_connection_args("client").get("ssl_context") is not None:
            return
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = f" ({reason_of(error)})"
    raise ConfigError(
        f"sweep.cluster {address} needs certificates{reason}: set distributed.comm.tls (ca-file, "
        "client.cert, client.key) in Dask's configuration"
    )


def _client(connect: Any, address: str) -> Any:
    """A connection to the scheduler. Raises ConfigError where what listens is none."""
    try:
        return connect(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # whatever the other side makes of Dask's words, and back
        raise ConfigError(
            f"sweep.cluster {address}: what listens there does not answer as a Dask scheduler "
            f"({type(error).__name__}); check host, port and versions"
        ) from None


class DaskCluster:
    """Workers of a Dask cluster. What tasks share travels to each of them once, however
    often it is used; work that a lost worker had is done again by the others."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sent: dict[int, tuple[Any, Any]] = {}

    def spread(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        """See Pool. Raises RunError where the cluster loses the work again and again."""
        left = dict(tasks)
        lost: Exception | None = None
        for _ in range(_TRIES):
            try:
                for number, result in self._once(function, shared, list(left.items())):
                    del left[number]
                    yield number, result
                return
            except _losses() as error:
                lost = error
                self._sent.clear()
        raise loss(f"its workers {_TRIES} times ({type(lost).__name__})")

    def _once(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        from joblib import Parallel, delayed, parallel_config
        from joblib._dask import DaskDistributedBackend

        backend = DaskDistributedBackend(client=self._client)
        backend.data_futures.update({id(part): self._future(part) for part in shared})
        with parallel_config(backend=backend):
            pool = Parallel(n_jobs=-1, return_as="generator_unordered")
        yield from pool(delayed(numbered)(function, task, *shared) for task in tasks)

    def _future(self, part: Any) -> Any:
        """The copy of `part` on the workers; a reference keeps its identity its own."""
        if id(part) not in self._sent:
            self._sent[id(part)] = (part, self._scattered(part))
        return self._sent[id(part)][1]

    def _scattered(self, part: Any) -> Any:
        """Every worker has a copy, so that one alone can be lost."""
        try:
            return self._client.scatter([part], broadcast=True, hash=False, timeout=_SECONDS)[0]
        except (KeyError, OSError, TimeoutError) as error:  # a worker went away meanwhile
            raise _LostWorkerError(str(error)) from error


class _LostWorkerError(Exception):
    """A worker went away while it was sent something."""


def _losses() -> tuple[type[Exception], ...]:
    """What Dask raises where workers and the data on them are gone."""
    from concurrent.futures import CancelledError

    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    return (_LostWorkerError, CancelledError, FutureCancelledError, KilledWorker, CommClosedError)
