"""The pre-screen: every combination through the kernel, on all cores, stored as it goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from stoptrail.backtest.inputs import (
    Inputs,
    first_decision,
)
from stoptrail.backtest.plan import Plan, pack, unpack
from stoptrail.core.program import Progress
from stoptrail.core.room import give_memory_back
from stoptrail.rules.types import chosen
from stoptrail.sweep.kept import Cuts, ZoneStarts
from stoptrail.sweep.kernel.blocks import Nodes
from stoptrail.sweep.kernel.memo import Memos
from stoptrail.sweep.kernel.results import Results, part, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.pools.pool import Pool
from stoptrail.sweep.pools.processes import cores
from stoptrail.sweep.space import Indices, Space
from stoptrail.sweep.statistics.windows import Window
from stoptrail.sweep.store import TrialStore
from stoptrail.sweep.walk_forward import train_inputs

BLOCKS = 16
"""Blocks of days whose sums are kept of each trial, for the cross-validation."""
UNIT = 4096
"""Combinations of one unit of work, at most."""
STAGE = "screen"
_SECONDS_BETWEEN_SAVES = 1.0
_NO_EQUITY = 0


def _silent(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


class TrainCut(NamedTuple):
    """Inputs up to the end of a train window."""

    whole: Inputs
    window: Window


class Share(NamedTuple):
    """What a worker needs to screen any unit of a space."""

    space: Space
    inputs: Inputs
    blocks: int
    """0: no block sums are kept."""
    cuts: Cuts
    """Nodes of these candles, or of more that begin with them, as units come to need them."""
    memos: Memos
    """Endings of positions on these candles, or on more that begin with them."""
    events: ZoneStarts
    """Of the signals of the space, over these candles or over more that begin with them."""
    cut: TrainCut | None = None
    """Where the inputs are a part of others: a cluster is sent the whole, once."""

    def nodes(self, plan: Plan) -> Nodes:
        """The candles cut for the plan's ATR."""
        return self.cuts.nodes(plan, self.inputs.candles)


def shared(space: Space, inputs: Inputs, blocks: int = 0) -> Share:
    """What `screen_all` shares among its workers."""
    return Share(space, inputs, blocks, Cuts(), Memos(), ZoneStarts(inputs.candles))


def until(share: Share, window: Window) -> Share:
    """The same space over the train part of `window`, without block sums."""
    part = within(share, train_inputs(share.inputs, window))
    return part._replace(cut=TrainCut(share.inputs, window))


def within(share: Share, inputs: Inputs) -> Share:
    """The same space over `inputs`, whose candles are the first of the share's."""
    return Share(share.space, inputs, 0, share.cuts, share.memos, share.events)


class Unit(NamedTuple):
    """Some combinations of one group."""

    group: int
    first: int
    """Place of the first one among the group's combinations."""


def units_of(space: Space) -> list[Unit]:
    """All units, in order."""
    count = space.size // space.group_count
    return [
        Unit(group, first) for group in range(space.group_count) for first in range(0, count, UNIT)
    ]


def screen_all(
    share: Share,
    jobs: int,
    store: TrialStore | None = None,
    pool: Pool | None = None,
    on_progress: Progress | None = None,
    folder: Path | None = None,
) -> Results:
    """The results of every combination, in grid order.

    Threads share the candles; with `pool` (a cluster's) units go there instead. What
    `store` holds is not run again. The outcome does not depend on jobs, pool, store or
    `folder`, which takes what is too much for memory.
    """
    units = units_of(share.space)
    results = results_for(share.space.size, share.blocks, _NO_EQUITY, folder)
    count = _Count(share.space.size, on_progress or _silent)
    done = _restore(units, share, results, store)
    placed = sum(len(_members(share.space, units[number])) for number in done)
    count.add(placed)
    left = [number for number in range(len(units)) if number not in done]
    saver = _Saver(store)
    for number, found in _run(share, units, left, jobs, pool, count):
        members = _members(share.space, units[number])
        _place(results, members, found)
        saver.add(number, found)
        placed += len(members)
    saver.flush()
    if placed != share.space.size:
        raise AssertionError(f"{share.space.size - placed} combinations were never run")
    return results


def screen_unit(share: Share, unit: Unit, count: _Count | None = None) -> Results:
    """The results of one unit, in the order of the group's combinations, each of which is
    added to `count`."""
    group, tables = share.space.group(unit.group), share.space.tables(unit.first, UNIT)
    candles, size = share.inputs.candles, sum(len(table.rows) for _, table in tables)
    results = results_for(size, share.blocks, _NO_EQUITY)
    at = slow = 0
    turns = any(table.needs_turn for _, table in tables)
    events = share.events.begun(unit.group, group.parts[0].plan, candles, with_turn=turns)
    flows = share.cuts.flows(share.inputs)
    midnights = share.cuts.midnights(share.inputs, share.blocks)
    count = count or _Count(size, _silent)
    memo = share.memos.take()
    for place, table in tables:
        plan, end = group.parts[place].plan, at + len(table.rows)
        cut, atr = share.nodes(plan), (plan.atr_interval, plan.atr_period)
        first = first_decision(share.inputs, events.warm, cut.atr)
        setups, slots = chosen(events.setups, plan.sides, first), part(results, at, end)
        own: dict[str, Any] = {"own_size": plan.own_size, "exit_rule": plan.exit_rule}
        memos: dict[str, Any] = {"memo": memo, "atr": atr, "funding": flows}
        slow += screen_rows(
            candles, cut, setups, midnights, table, slots, count.add, **memos, **own
        )
        at = end
    share.memos.give(memo)
    count.add(size - slow)
    return results


def _run(
    share: Share,
    units: list[Unit],
    left: list[int],
    jobs: int,
    pool: Pool | None,
    count: _Count,
) -> Iterator[tuple[int, Results]]:
    """Numbered results as they come."""
    if pool is not None:
        whole, window = share.cut or (share.inputs, None)
        tasks = [(number, (units[number], share.blocks, window)) for number in left]
        for number, found in pool.spread(_far_unit, (whole, share.space), tasks):
            count.add(len(found.trades))
            yield number, found
        return
    with ThreadPoolExecutor(cores(jobs)) as threads:
        waiting: dict[Future[Results], int] = {}
        later = iter(left)
        try:
            for number in islice(later, 2 * cores(jobs)):
                waiting[threads.submit(screen_unit, share, units[number], count)] = number
            while waiting:
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield waiting.pop(future), future.result()
                for number in islice(later, len(finished)):
                    waiting[threads.submit(screen_unit, share, units[number], count)] = number
        finally:
            for future in waiting:
                future.cancel()


def _far_unit(whole: Inputs, space: Space, task: tuple[Unit, int, Window | None]) -> Results:
    """One unit on a worker of a cluster, which has all candles."""
    unit, blocks, window = task
    return screen_unit(_far_share(whole, space, blocks, window), unit)


_FAR: list[Share] = []
"""The share that a worker used last: the units of one window follow each other."""


def _far_share(whole: Inputs, space: Space, blocks: int, window: Window | None) -> Share:
    for kept in _FAR:
        of, cut = (kept.cut.whole, kept.cut.window) if kept.cut else (kept.inputs, None)
        if kept.space is space and of is whole and kept.blocks == blocks and cut == window:
            return kept
    made = shared(space, whole, blocks)
    made = until(made, window) if window else made
    _FAR[:] = [made]
    return made


def _members(space: Space, unit: Unit) -> Indices:
    """The numbers in the grid of the unit's combinations."""
    return space.members(unit.group)[unit.first : unit.first + UNIT]


def _place(results: Results, members: Indices, found: Results) -> None:
    for column, values in zip(results, found, strict=True):
        column[members] = values
    give_memory_back(results.block_sums)


def _restore(
    units: list[Unit], share: Share, results: Results, store: TrialStore | None
) -> set[int]:
    """Put what is stored in its place; the numbers of those units."""
    done = set()
    for number, content in store.load(STAGE) if store else ():
        arrays = unpack(content)
        found = Results(**{name: arrays[name] for name in Results._fields})
        _place(results, _members(share.space, units[number]), found)
        done.add(number)
    return done


class _Count:
    """Adds up what threads have done, and reports it."""

    def __init__(self, total: int, report: Progress) -> None:
        self._done = 0
        self._total = total
        self._report = report
        self._lock = Lock()

    def add(self, combinations: int) -> None:
        with self._lock:
            self._done += combinations
            self._report(self._done, self._total)


class _Saver:
    """Writes results to the store, a batch a second."""

    def __init__(self, store: TrialStore | None) -> None:
        self._store = store
        self._batch: list[tuple[int, bytes]] = []
        self._last = time.monotonic()

    def add(self, number: int, found: Results) -> None:
        if self._store is None:
            return
        self._batch.append((number, pack(found._asdict())))
        if time.monotonic() - self._last > _SECONDS_BETWEEN_SAVES:
            self.flush()

    def flush(self) -> None:
        if self._store is not None and self._batch:
            self._store.save(STAGE, self._batch)
        self._batch = []
        self._last = time.monotonic()
