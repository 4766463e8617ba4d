"""The folder of a run: named, said, whole or not there, and never another run's."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from stoptrail.backtest.manifest import MANIFEST, named_files
from stoptrail.cli.console import Voice
from stoptrail.cli.options import BacktestOptions
from stoptrail.core.errors import OutputError, StoreError, UsageError
from stoptrail.core.files import claimed, clear_partial
from stoptrail.core.program import program_name

RUNS = Path("runs")
STATE = "resume.json"
"""What --resume needs to find the trials of a stopped sweep."""
SETTINGS = "sweep.toml"
"""A sweep's settings, its span resolved; config.toml is the best set's."""
PLAN = "several.json"
"""Which markets a sweep has."""
FINISHED = ("summary.json", "across.json")
"""One of these is in the folder of every finished run."""
BEGUN = (STATE, PLAN)
"""One of these is in the folder of a sweep from its beginning on."""
UNFINISHED = ".unfinished"
"""Ends the name of the folder of a run that is being made, or was stopped."""
REPLACED = ".replaced"
"""Ends the name of a folder while another run takes its place."""
_LONGEST_NAME = 100
_LOCK = ".lock"
"""Held by the process that writes a run; the system gives it up with the process."""
_OWN = (
    *FINISHED,
    *BEGUN,
    SETTINGS,
    MANIFEST,
    _LOCK,
    "trades.csv",
    "equity.csv",
    "stops.csv",
    "fills.csv",
    "baseline_*.csv",
    "trials.parquet",
    "across.parquet",
    "candles.parquet",
    "config.toml",
    "markets.json",
    "sleeves.csv",
    "exposure.csv",
    "report.html",
    "tearsheet.html",
    "plots/*.png",
)
"""What a run may leave in its folder, beside what its manifest names."""


class RunFolder(NamedTuple):
    """Where a run is made, and where it is when it is finished."""

    made: Path
    final: Path


def market_folders(symbols: Sequence[str]) -> list[str]:
    """A name for the folder of each market that leads nowhere else, no two alike."""
    names = [
        re.sub(r"[^A-Za-z0-9._-]+", "-", symbol).lstrip(".")[:_LONGEST_NAME] or "market"
        for symbol in symbols
    ]
    return [
        name if names.count(name) == 1 else f"{name}-{number}"
        for number, name in enumerate(names, 1)
    ]


def run_folder(command: str) -> Path:
    """A fresh folder named by the time."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = RUNS / f"{moment}-{command}"
    count = 1
    while folder.exists() or folder.with_name(folder.name + UNFINISHED).exists():
        count += 1
        folder = RUNS / f"{moment}-{command}-{count}"
    return folder


@contextmanager
def own_folder(options: BacktestOptions, command: str) -> Iterator[RunFolder]:
    """Where the run is made: beside its place, which it takes as a whole when it is done.

    Raises UsageError where a run is there already, unless --force says to replace it, or
    where another process is making one there. What fails leaves nothing, but for a sweep
    that can go on.
    """
    final = _final(options.resume or options.out or run_folder(command))
    _require_place(final)
    _settle(final)
    _clear_dead(final.parent)
    if not options.resume:
        _require_free(final, options.force)
    place = RunFolder(final.with_name(final.name + UNFINISHED), final)
    going_on = options.resume is not None and place.made.exists()
    with claimed(place.made, f"{'--resume' if options.resume else '--out'} {final}"):
        with _held(place):
            _prepare(place, options.resume is not None)
            try:
                yield place
            except BaseException as error:
                if not (going_on or (_has_begun(place.made) and _may_go_on(error))):
                    shutil.rmtree(place.made, ignore_errors=True)
                    place.made.mkdir(exist_ok=True)  # for `claimed`, which takes it away
                raise
        _take_place(place)


def _final(folder: Path) -> Path:
    """The place of a run whose folder is named with or without UNFINISHED.

    Of a link it is what the link leads to: renaming the link would leave the user's folder."""
    if not folder.name:
        return folder
    place = folder.with_name(folder.name.removesuffix(UNFINISHED))
    return Path(os.path.realpath(place)) if place.is_symlink() else place


def state_folder(folder: Path) -> Path:
    """Where the state of the sweep in `folder` is, named with or without UNFINISHED."""
    final = _final(folder)
    made = final.with_name(final.name + UNFINISHED) if final.name else final
    return made if _has_begun(made) else final


def _require_place(final: Path) -> None:
    """What is renamed for the run must be a folder, and not one in which somebody works."""
    here = Path.cwd()
    whole = final.absolute()
    if final.name in ("", "..") or whole == here or whole in here.parents:
        raise UsageError(f"--out {final}: name a folder for the run, such as runs/mine")
    if final.exists() and not final.is_dir():
        raise UsageError(f"--out {final}: is there and no folder; name another, such as runs/mine")


def _prepare(place: RunFolder, resuming: bool) -> None:
    """Leave in the folder what the run goes on from: nothing, or the state of a sweep."""
    clear_partial(place.made)
    if not resuming:
        for path in place.made.iterdir():
            if path.name != _LOCK:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    elif not _has_begun(place.made):
        for file in _found(place.final, (*BEGUN, SETTINGS)):
            copy = place.made / file.relative_to(place.final)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)


def _has_begun(folder: Path) -> bool:
    return any((folder / name).exists() for name in BEGUN)


def _may_go_on(error: BaseException) -> bool:
    """Whether a sweep that ended with `error` can be gone on with."""
    lasting = isinstance(error, OutputError | StoreError)
    return lasting or not isinstance(error, UsageError)


@contextmanager
def _held(place: RunFolder) -> Iterator[None]:
    """Raise UsageError where another process is making a run in that place."""
    path = place.made / _LOCK
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"{place.final}: another process is making a run there") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _take_place(place: RunFolder) -> None:
    """The finished run takes its place; an earlier one goes, the user's own files stay."""
    replaced = place.final.with_name(place.final.name + REPLACED)
    try:
        if place.final.exists():
            place.final.rename(replaced)
        place.made.rename(place.final)
    except OSError as error:
        raise OutputError(
            f"{place.final}: the run cannot take its place there ({error.strerror}); it is whole "
            f"in {place.made}"
        ) from None
    _settle(place.final)


def _settle(final: Path) -> None:
    """End a replacement, also one at which a process died."""
    replaced = final.with_name(final.name + REPLACED)
    if not replaced.is_dir():
        return
    if not final.exists():
        replaced.rename(final)
        return
    for file in _found(replaced, [*_OWN, *named_files(replaced)]):
        file.unlink()
    _move_into(replaced, final)
    shutil.rmtree(replaced)


def _move_into(folder: Path, other: Path) -> None:
    """Let what is in `folder` go on in `other`; what has the name of something else there, by
    a name of its own."""
    for path in list(folder.iterdir()):
        place = other / path.name
        if path.is_dir() and place.is_dir() and not (path.is_symlink() or place.is_symlink()):
            _move_into(path, place)
            continue
        while place.exists() or place.is_symlink():
            place = place.with_name(f"{place.name}.earlier")
        path.rename(place)


def _clear_dead(parent: Path) -> None:
    """Take away what single runs left that were killed: nothing can go on from it."""
    for lock in parent.glob(f"*{UNFINISHED}/{_LOCK}"):
        if _has_begun(lock.parent):
            continue
        with suppress(OSError), lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)


def _found(folder: Path, names: Iterable[str]) -> set[Path]:
    """Files of these names in the folder and in those of its markets."""
    found = {file for name in names for depth in ("", "*/") for file in folder.glob(depth + name)}
    return {file for file in found if file.is_symlink() or file.is_file()}


def _require_free(folder: Path, force: bool) -> None:
    if force:
        return
    place = shlex.quote(str(folder))
    if any((folder / name).exists() for name in FINISHED):
        raise UsageError(
            f"--out {place}: a finished run is there; name another folder, "
            "or replace that run with --force"
        )
    unfinished = folder.with_name(folder.name + UNFINISHED)
    if _has_begun(folder) or _has_begun(unfinished):
        raise UsageError(
            f"--out {place}: a sweep that was stopped is there; go on with it "
            f"({resume_command(folder)}), name another folder, or replace it with --force"
        )


@contextmanager
def resumable(place: RunFolder, options: BacktestOptions, voice: Voice) -> Iterator[None]:
    """Say where a sweep writes, and when it ends early how to go on with it."""
    voice.notice(f"Results go to {place.final}")
    try:
        yield
    except BaseException as error:
        if _has_begun(place.made) and _may_go_on(error):
            voice.insist(f"Go on with: {resume_command(place.final, options)}")
        raise


def resume_command(folder: Path, options: BacktestOptions | None = None) -> str:
    """What goes on with the sweep that was stopped in `folder`; no password is in it."""
    words = ["--resume", str(folder)]
    if options is not None and options.config:
        words += ["--config", str(options.config)]
    for text in options.overrides if options is not None else ():
        key = text.partition("=")[0].strip()
        if key.startswith(("database.", "exchange.")):
            words += ["--set", f"{key}=..."]
    return f"{program_name()} backtest {shlex.join(words)}"
