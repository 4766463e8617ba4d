"""`runs`: the finished runs, shown, opened and compared."""

from __future__ import annotations

import sys
from pathlib import Path

from stoptrail.backtest.manifest import require_whole
from stoptrail.cli.folder import BEGUN, FINISHED, REPLACED, UNFINISHED, resume_command
from stoptrail.core.errors import StopTrailError, UsageError
from stoptrail.core.json import json_text, json_value
from stoptrail.core.program import program_name
from stoptrail.core.text import plain
from stoptrail.reports.run_files import as_of_a_run, read_run, read_summary

SUMMARY = "summary.json"
LAST = "last"
"""Stands for the newest run."""


def show_list(folder: Path, as_json: bool) -> None:
    """Every run in `folder`, the newest last, with its main figures; then how to go on with
    what was stopped."""
    from stoptrail.reports.compare import list_row, show_rows

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--in {folder}: is a file; name the folder of the runs")
    finished = finished_runs(folder)
    rows, spoilt = [], []
    for place in finished:
        try:
            with as_of_a_run(place):
                require_whole(place)
                row = {"run": _named(place, folder), **list_row(read_summary(place))}
                rows.append(json_value(row))
        except StopTrailError as error:
            spoilt.append(plain(error))
    if as_json:
        print(json_text(rows))
        return
    if rows:
        show_rows(rows)
    else:
        print(f"no finished run in {plain(folder)}; make one: {program_name()} backtest")
    for line in spoilt:
        print(f"left out: {line}")
    for place in stopped_runs(folder):
        print(plain(f"stopped: {place}; go on with: {resume_command(place)}"))


def show(run: str, folder: Path, as_json: bool) -> None:
    """The screen of a finished run again. Raises DataError where a file of it is damaged."""
    from stoptrail.reports.summary import cautions
    from stoptrail.reports.terminal import show_run

    place = found(run, folder)
    summary = read_summary(place)
    require_whole(place)
    with as_of_a_run(place):
        text = json_text({"folder": str(place), **summary}) if as_json else ""
        if not as_json:
            for line in cautions(summary):
                print(plain(line), file=sys.stderr)
            show_run(summary, place)
    if as_json:
        print(text)


def compare(first: str, second: str, folder: Path, out: Path | None, as_json: bool) -> None:
    """Figures and parameters of two runs side by side, their equity on one page."""
    from stoptrail.reports.compare import compared, show_comparison
    from stoptrail.reports.html.comparison import write_comparison

    places = found(first, folder), found(second, folder)
    if places[0].resolve() == places[1].resolve():
        raise UsageError(f"{first} and {second} are the same run: name two")
    runs = read_run(places[0]), read_run(places[1])
    page = out or folder / f"{places[0].name}-and-{places[1].name}.html"
    with as_of_a_run(places[1]), as_of_a_run(places[0]):
        result = compared(runs[0].summary, runs[1].summary, names_of(places))
        write_comparison(page, runs, result)
        text = json_text({**result, "page": str(page)}) if as_json else ""
        if not as_json:
            show_comparison(result, page)
    if as_json:
        print(text)


def open_report(run: str, folder: Path) -> None:
    """Open the report of a run in the browser; where there is none its path is said."""
    import webbrowser

    place = found(run, folder)
    page = place / "report.html"
    if not page.is_file():
        raise UsageError(
            f"{place}: there is no report.html; make it again: {program_name()} report {place}"
        )
    print(plain(page))
    webbrowser.open(page.resolve().as_uri())


def names_of(places: tuple[Path, Path]) -> tuple[str, str]:
    """What the two runs are called beside each other: as short as tells them apart."""
    one, other = places
    return (one.name, other.name) if one.name != other.name else (str(one), str(other))


def found(run: str, folder: Path) -> Path:
    """The folder of the run that `run` names: a path, a name in `folder`, or the newest.

    Raises UsageError where there is none.
    """
    if run == LAST:
        return newest(folder)
    for place in (Path(run), folder / run):
        if (place / SUMMARY).exists():
            return place
    raise UsageError(
        f"{run}: no finished run there, nor in {folder}; see {program_name()} runs list"
    )


def newest(folder: Path) -> Path:
    """The newest finished run in `folder`. Raises UsageError where there is none."""
    finished = finished_runs(folder)
    if not finished:
        raise UsageError(f"no finished run in {folder}; name the folder of a run")
    return finished[-1]


def finished_runs(folder: Path) -> list[Path]:
    """Folders of finished runs in `folder` and in those of several markets, oldest first."""
    if not folder.is_dir():
        return []
    places = {file.parent for depth in ("*", "*/*") for file in folder.glob(f"{depth}/{SUMMARY}")}
    whole = [place for place in places if not _in_making(place.relative_to(folder))]
    return sorted(whole, key=lambda place: ((place / SUMMARY).stat().st_mtime, str(place)))


def _in_making(place: Path) -> bool:
    return any(name.endswith((UNFINISHED, REPLACED)) for name in place.parts)


def stopped_runs(folder: Path) -> list[Path]:
    """Folders of sweeps in `folder` that were stopped before their end."""
    begun = {file.parent for name in BEGUN for file in folder.glob(f"*/{name}")}
    open_ones = {p for p in begun if not any((p / name).exists() for name in FINISHED)}
    return sorted(p.with_name(p.name.removesuffix(UNFINISHED)) for p in open_ones)


def _named(place: Path, folder: Path) -> str:
    return str(place.relative_to(folder)) if place.is_relative_to(folder) else str(place)
