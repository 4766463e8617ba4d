"""The folder of a run: named, said, and never another run's."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from stoptrail.cli.console import Voice
from stoptrail.cli.options import BacktestOptions
from stoptrail.core.errors import UsageError

RUNS = Path("runs")
FINISHED = ("summary.json", "across.json")
"""One of these is in the folder of every finished run."""
UNFINISHED = ("resume.json", "several.json")
"""One of these is in the folder of a sweep from its beginning on."""
_OWN = (
    *FINISHED,
    *UNFINISHED,
    "*.csv",
    "*.parquet",
    "config.toml",
    "sweep.toml",
    "markets.json",
    "report.html",
    "plots/*.png",
)
"""What a run may leave in its folder."""


ASIDE = ".replaced"
"""Where the files of a run that is being replaced wait."""


def run_folder(command: str) -> Path:
    """A fresh folder named by the time."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = RUNS / f"{moment}-{command}"
    count = 1
    while folder.exists():
        count += 1
        folder = RUNS / f"{moment}-{command}-{count}"
    return folder


@contextmanager
def own_folder(asked: BacktestOptions, command: str) -> Iterator[Path]:
    """Where the run writes: --resume, --out, or a fresh folder.

    Raises UsageError where a run is there already, unless --force says to replace it; the
    earlier one comes back where the new one fails.
    """
    folder = asked.resume or asked.out or run_folder(command)
    if asked.resume:
        yield folder
        return
    _require_free(folder, asked.force)
    with _aside(folder):
        yield folder


@contextmanager
def _aside(folder: Path) -> Iterator[None]:
    """Keep what an earlier run left out of the way; its files are taken away at the end."""
    earlier = _found(folder, _OWN)
    kept = {file: folder / ASIDE / file.relative_to(folder) for file in earlier}
    try:
        for file, place in kept.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
        yield
    except BaseException:
        for file, place in kept.items():
            if place.exists():
                place.replace(file)
        raise
    finally:
        shutil.rmtree(folder / ASIDE, ignore_errors=True)


def _found(folder: Path, names: Iterable[str]) -> set[Path]:
    """Files of these names in the folder and in those of its markets."""
    return {file for name in names for depth in ("", "*/") for file in folder.glob(depth + name)}


def _require_free(folder: Path, force: bool) -> None:
    if force:
        return
    place = shlex.quote(str(folder))
    if any((folder / name).exists() for name in FINISHED):
        raise UsageError(
            f"--out {place}: a finished run is there; name another folder, "
            "or replace that run with --force"
        )
    if any((folder / name).exists() for name in UNFINISHED):
        raise UsageError(
            f"--out {place}: a sweep that was stopped is there; go on with it (--resume {place} "
            "instead of --out), name another folder, or replace it with --force"
        )


@contextmanager
def resumable(folder: Path, voice: Voice) -> Iterator[None]:
    """Say where a sweep writes, and when it is interrupted how to go on with it."""
    voice.notice(f"Results go to {folder}")
    try:
        yield
    except KeyboardInterrupt:
        if any((folder / name).exists() for name in UNFINISHED):
            voice.notice(f"Go on with: {resume_command(folder)}")
        raise


def resume_command(folder: Path) -> str:
    """What goes on with the sweep that was stopped in `folder`."""
    return f"python runner.py backtest --resume {shlex.quote(str(folder))}"
