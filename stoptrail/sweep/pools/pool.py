"""Independent work spread over processes or a cluster, results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from stoptrail.core.errors import RunError

Task = tuple[int, Any]
"""A number, and what is to be done."""


class Pool(Protocol):
    """Where work runs."""

    def spread(
        self, function: Callable[..., Any], shared: Sequence[Any], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Any]]:
        """`function(*shared, task)` of every task, with its number, in any order."""
        ...


def loss(what: str) -> RunError:
    """A cluster lost `what` for good."""
    return RunError(f"sweep.cluster lost {what}; what is finished is kept: go on with --resume")


def numbered(function: Callable[..., Any], task: Task, *shared: Any) -> tuple[int, Any]:
    """The task's number and its result, on whichever worker this runs."""
    number, work = task
    return number, function(*shared, work)
