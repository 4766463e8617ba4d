"""How a command ends: its exit code, one line about what went wrong, and Ctrl-C and SIGTERM
in order whenever they come."""

from __future__ import annotations

import _thread
import errno
import os
import re
import resource
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from stoptrail.core.errors import StopTrailError
from stoptrail.core.files import no_room
from stoptrail.core.text import plain, scrubbed

INTERRUPTED = 130
DEBUG = "STOPTRAIL_DEBUG"
_USAGE = 2
_MORE_MEMORY = "not enough memory; give a shorter span, a smaller grid or more (ulimit -v)"
_NO_MEMORY = re.compile("failed to map segment|annot allocate memory")
_UNLOADED = re.compile(f"{_NO_MEMORY.pattern}|find/load shared object")
_MEMORY_IS_SPENT = threading.Event()
_STOPPED = "stopped; what is finished is kept"


def ended(command: Callable[[], Any]) -> int:
    """Run `command`; the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    A reader of standard output that has had enough, as `head` does, ends it in order.
    """
    refused = _surroundings()
    if refused:
        return _say(f"error: {refused}", _USAGE)
    try:
        result = command()
        _flush()
    except (click.Abort, KeyboardInterrupt) as error:
        return _say(plain(error) or _STOPPED, INTERRUPTED)
    except BrokenPipeError:
        return _without_output(0)
    except SystemExit:  # click's answer to a reader that has gone
        return _without_output(0)
    except Exception as error:
        return _failed(error)
    return result if isinstance(result, int) else 0


def _flush() -> None:
    """Let what was printed out; what is left for a terminal that has gone away is dropped."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EIO or not stat.S_ISCHR(os.fstat(sys.stdout.fileno()).st_mode):
            raise
        _without_output(0)


def _failed(error: Exception) -> int:
    """Say what went wrong; the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return _say(error.format_message(), error.exit_code)
    if isinstance(error, click.ClickException):
        return _say(f"error: {_usage_line(error)}", error.exit_code)
    if _wants_memory(error):
        _MEMORY_IS_SPENT.set()
        return _say(f"error: {_MORE_MEMORY}", 1)
    if isinstance(error, StopTrailError):
        _trace(error.__cause__)
        return _say(f"error: {_readable(scrubbed(plain(error)), 200)}", error.exit_code)
    if isinstance(error, OSError):
        return _machine(error)
    if isinstance(error, RecursionError):
        return _say("error: an input is nested too deeply to be read", _USAGE)
    return _unexpected(error)


def _wants_memory(error: Exception) -> bool:
    """Whether memory ran out, as Python, the system or the loader of libraries says it; under
    a limit of `ulimit -v` libraries fail in many words, and some in none."""
    if isinstance(error, MemoryError):
        return True
    limited = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
    if isinstance(error, SystemError):
        return limited
    unloaded = _UNLOADED if limited else _NO_MEMORY
    return isinstance(error, ImportError | OSError) and bool(unloaded.search(str(error)))


def memory_is_spent() -> bool:
    """Whether a command ended for want of memory: libraries that are half loaded then may
    crash where they are taken down."""
    return _MEMORY_IS_SPENT.is_set()


def _surroundings() -> str:
    """What no command can work with, "" where all is well."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # for the whole process
    if sys.stdout is None:
        return f"standard output is closed: send it to a file, or to {os.devnull}"
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only
    try:
        Path.cwd()
    except OSError:
        return "the working folder is gone: change into one that exists"
    return ""


def _machine(error: OSError) -> int:
    """What the operating system refused, with the file that it is about."""
    reason = error.strerror or str(error)
    try:
        sys.stdout.flush()
    except OSError as output:
        code = _without_output(_USAGE)
        return _say(f"error: standard output cannot be written ({output.strerror})", code)
    if error.filename is None and no_room(error) is None:
        return _unexpected(error)
    where = "standard output or a temporary file" if error.filename is None else error.filename
    return _say(f"error: {_readable(plain(where))} cannot be used ({plain(reason)})", _USAGE)


def _without_output(code: int) -> int:
    """Let Python's own last flush go nowhere."""
    with suppress(OSError):  # a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _usage_line(error: click.ClickException) -> str:
    """What was wrong and where to read on, as one line."""
    context: click.Context | None = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context else ""
    message = error.format_message()
    extra = re.match(r"Got unexpected extra arguments? \((.+)\)", message)
    takes = {each.name for each in context.command.params} if context else set()
    word = extra[1].split(" ", 1)[0] if extra else ""
    if extra and takes & {"file", "files"} and os.access(word, os.R_OK):  # a word of any length
        message = (
            f"{extra[1]} came beside the one file that is taken; to join files of one market, give "
            "their folder, or a pattern in quotes ('FOLDER/*.csv')"
        )
    return _readable(scrubbed(plain(message))) + hint


def _readable(line: str, least: int = 80) -> str:
    """The line without the middle, of `least` letters, of words that nobody can have meant to
    type."""
    return re.sub(rf"(\S{{60}})\S{{{least},}}(\S{{20}})", r"\1...\2", line)


def _trace(error: BaseException | None) -> bool:
    """Show the traceback to those who ask for it."""
    if error is None or os.environ.get(DEBUG) != "1":
        return False
    import traceback

    traceback.print_exception(error)
    return True


def _unexpected(error: Exception) -> int:
    """A fault of the program: short, with the traceback for those who ask for it."""
    if not _trace(error):
        told = f"{type(error).__name__}: {scrubbed(plain(error))}"
        _say(f"error: {told} ({DEBUG}=1 shows the traceback)", 1)
    return 1


def _say(line: str, code: int) -> int:
    with suppress(OSError):  # a full standard error leaves the exit code to tell
        click.echo(line, err=True)
    return code


TERMINATED = 143
_AGAIN_SECONDS = 0.05


@contextmanager
def in_order() -> Iterator[list[int]]:
    """Let SIGTERM interrupt as Ctrl-C does, and let neither be lost.

    Python drops an exception that is raised within a callback from C, as LLVM's are while
    rules are compiled, or within a finaliser: an interrupt is then raised again a moment
    later. Yields the signals other than Ctrl-C that have come.
    """
    came: list[int] = []

    def terminate(number: int, frame: Any) -> None:
        came[:] = [number]
        raise KeyboardInterrupt

    before, hook = signal.signal(signal.SIGTERM, terminate), sys.unraisablehook
    sys.unraisablehook = _raised_again(hook, came)
    try:
        yield came
    finally:
        sys.unraisablehook = hook
        if signal.getsignal(signal.SIGTERM) is terminate:
            signal.signal(signal.SIGTERM, before)


def _raised_again(usual: Any, came: list[int]) -> Any:
    def told(dropped: Any) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            usual(dropped)
            return
        number = came[0] if came else signal.SIGINT  # Ctrl-C may be ignored, as nohup does
        timer = threading.Timer(_AGAIN_SECONDS, _thread.interrupt_main, [number])
        timer.daemon = True
        timer.start()

    return told
