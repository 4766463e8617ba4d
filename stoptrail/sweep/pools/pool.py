"""Independent work spread over processes or a cluster, results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from stoptrail.core.errors import ConfigError, RunError
from stoptrail.core.text import plain

Task = tuple[int, Any]
"""A number, and what is to be done."""


class Pool(Protocol):
    """Where work runs."""

    def spread(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        """`function(*shared, task)` of every task, with its number, in any order."""
        ...


def endpoint(address: str) -> tuple[str, int]:
    """Host and port of a cluster's address. Raises ConfigError where it names none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        scheme = address.partition("://")[0]
        usual = 10001 if scheme == "ray" else 8786
        raise ConfigError(
            f"sweep.cluster {plain(address)[:80]} must name host and port, such as "
            f"{scheme}://host:{usual} or {scheme}://[::1]:{usual}"
        )
    return host, port


def loss(what: str) -> RunError:
    """A cluster lost `what` for good."""
    return RunError(f"sweep.cluster lost {what}; what is finished is kept: go on with --resume")


def numbered(function: Callable[..., Any], task: Task, *shared: Any) -> tuple[int, Any]:
    """The task's number and its result, on whichever worker this runs."""
    number, work = task
    return number, function(*shared, work)
