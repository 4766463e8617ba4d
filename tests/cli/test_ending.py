"""How a command ends: with one line and the right exit code, whatever is around it."""

from __future__ import annotations

import errno
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import runner
from stoptrail.cli.ending import _MORE_MEMORY, _wants_memory, ended
from stoptrail.core.errors import DataError
from tests.sweep.small import ROOT

RUNNER = [sys.executable, str(ROOT / "runner.py")]


def raising(error: BaseException) -> int:
    def command() -> None:
        raise error

    return ended(command)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("x: is\nbad \x1b[2J"), 2, "error: x: is bad \\x1b[2J"),
        (DataError("postgresql://me:hunter2@host/db"), 2, "error: postgresql://***@host/db"),
        (
            PermissionError(13, "Permission denied", "/x"),
            2,
            "error: /x cannot be used (Permission denied)",
        ),
        (
            OSError(36, "File name too long", "x" * 5000),
            2,
            f"error: {'x' * 60}...{'x' * 20} cannot be used (File name too long)",
        ),
        (MemoryError(), 1, f"error: {_MORE_MEMORY}"),
        (RecursionError(), 2, "error: an input is nested too deeply to be read"),
        (KeyboardInterrupt(), 130, "stopped; what is finished is kept"),
    ],
)
def test_an_error_is_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == code
    assert capsys.readouterr().err.strip() == line


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUNNER, *words], stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.slow
def test_a_full_standard_output_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = run("--help", stdout=full)
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output ")
    assert "(No space left on device)" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_full_standard_error_leaves_the_exit_code_to_tell(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*RUNNER, "status"], stderr=full, stdout=full, cwd=tmp_path)
    assert done.returncode in (2, 6)


@pytest.mark.slow
def test_a_closed_standard_output_is_told() -> None:
    command = f"exec {sys.executable} {ROOT / 'runner.py'} --help >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output is closed")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_reader_that_has_had_enough_ends_it_quietly() -> None:
    command = f"{sys.executable} {ROOT / 'runner.py'} backtest --help | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.slow
def test_a_working_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {sys.executable} {ROOT / 'runner.py'} status"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: the working folder is gone: change into one that exists\n"


@pytest.mark.slow
def test_a_named_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for words in (["data", "check", "pipe"], ["status", "--config", "pipe"]):
        done = run(*words, cwd=tmp_path, stdout=subprocess.PIPE, timeout=60)
        assert done.returncode == 2
        assert "is a pipe or a device" in done.stderr


def test_a_word_that_nobody_can_have_meant_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["runs", "list", "9" * 5000]) == 2
    said = capsys.readouterr().err
    assert "999..." in said
    assert len(said) < 400


def test_a_pattern_that_the_shell_spelt_out_is_to_be_quoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / name for name in ("2024-01.csv", "2024-02.csv", "2024-03.csv")]
    for file in files:
        file.write_text("")
    assert runner.main(["backtest", "--data", *map(str, files)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {files[1]} {files[2]} came beside the one file")
    assert "or a pattern in quotes ('FOLDER/*.csv')" in said
    assert said.count("\n") == 1
    assert runner.main(["runs", "list", str(tmp_path)]) == 2
    assert "Got unexpected extra argument" in capsys.readouterr().err  # it takes no candles


def test_a_path_that_nobody_can_have_meant_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["ledger", "check", "--config", "9" * 5000]) == 2
    said = capsys.readouterr().err
    assert "999..." in said
    assert "File name too long" in said
    assert len(said) < 400


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libarrow.so.2600: failed to map segment from shared object"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
)
def test_want_of_memory_is_told_and_nothing_is_taken_down_after_it(error: Exception) -> None:
    """A library that could not be loaded whole may crash at the end of the interpreter."""
    script = """
import atexit, pickle, sys
from stoptrail.cli import main
def fail(): raise pickle.loads(bytes.fromhex(sys.argv[1]))
main.main = lambda: main.ended(fail)
atexit.register(print, "taken down")
main.run()
"""
    command = [sys.executable, "-c", script, pickle.dumps(error).hex()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: not enough memory; give a shorter span")
    assert done.stderr.count("\n") == 1


def test_what_libraries_make_of_a_limit_of_memory_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unloaded = OSError("Could not find/load shared object file 'libllvmlite.so'")
    silent = SystemError("error return without exception set")
    assert not any(map(_wants_memory, (unloaded, silent)))
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (10**9, resource.RLIM_INFINITY))
    assert all(map(_wants_memory, (unloaded, silent)))
    assert not _wants_memory(ImportError("no module named x"))


LEFT_OVER = """
import os, signal, sys
from stoptrail.cli.ending import ended
signal.signal(signal.SIGHUP, signal.SIG_IGN)

def command():
    sys.stdout.write("no line's end, so that it waits")
    os.write(2, b"!")
    sys.stdin.read()
    return 0

os._exit(ended(command))
"""


def test_what_is_left_for_a_terminal_that_has_gone_away_is_dropped() -> None:
    """A redraw between the end of the terminal and its signal ended a session with a code of 2."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", LEFT_OVER],
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    ) as process:
        assert process.stderr is not None
        assert process.stderr.read(1) == b"!"
        os.close(theirs)
        os.close(ours)
        _, said = process.communicate(b"", timeout=60)
    assert (process.returncode, said) == (0, b"")
