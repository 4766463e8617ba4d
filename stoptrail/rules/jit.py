"""How a rule is shared by plain Python and compiled loops.

`rule` marks a function that may be called from compiled code; called from Python it
stays the plain function. `compiled` gives the machine-code version of a rule, cached
on disk under a digest of every source file that it can reach, because Numba's own
cache looks at one file only and would go on running an old rule after an edit.
"""

from __future__ import annotations

import gc
import hashlib
import inspect
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, TypeVar, cast

import numpy as np

Value = TypeVar("Value")
Function = TypeVar("Function", bound=Callable[..., Any])

_MAKING = Lock()
"""Numba's folder for compiled code is a global, which two threads must not set at once."""
_MARKED: list[tuple[Callable[..., Any], dict[str, bool]]] = []
"""Rules that Numba has not been told of, and how each is to be compiled. It is told when it
compiles something: code from the cache needs none of it."""
_IN_HASTE: ContextVar[dict[Callable[..., Any], bool] | None] = ContextVar("_IN_HASTE", default=None)
"""Of the `in_haste` under way in this thread, which functions were on disk when they were first
asked for."""
_COLLECTING: list[bool] = []
"""Of each compiling under way, whether the garbage collector was at work before it."""
_KEPT_CACHES = 4
"""Digests whose compiled code is kept on disk; older ones are removed."""
_RESTED = 3600.0
"""Seconds after which unused compiled code may go: no other process is writing it."""
_STARTED = time.time()
"""When this process read its sources: a file that is newer is not what it runs."""
_PACKAGE = f"{__name__.partition('.')[0]}."
_BLAS = "scipy.linalg.cython_blas"
_COVERAGE = "coverage"


@cache
def numba() -> Any:
    """Numba, and the part of it that asks, which comes with the first compiled function.

    It takes 0.4 s and 70 MB, which a process that compiles nothing need not have. At its import it
    asks for SciPy's linear algebra, another 0.1 s and 15 MB: a function that multiplies matrices
    loads that when it is compiled, as ever. It looks for coverage.py too, which is of use to a
    process that measures its own coverage, and is loaded there already.
    """
    is_there = _BLAS in sys.modules or find_spec("scipy") is None
    if not is_there:
        sys.modules[_BLAS] = ModuleType(_BLAS)
    is_measured = _COVERAGE in sys.modules
    if not is_measured:
        sys.modules[_COVERAGE] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        import_module("numba.np.arraymath")
        return import_module("numba")
    finally:
        if not is_there:
            del sys.modules[_BLAS]
        if not is_measured:
            del sys.modules[_COVERAGE]


def rule(function: Function) -> Function:
    """Mark `function` as callable from compiled code; it stays plain Python otherwise.

    Compiled code calls it directly: entry points for Python would double the compiling.
    """
    return _marked(function)


def inner_rule(function: Function) -> Function:
    """A `rule` whose compiled form becomes part of its caller.

    For what runs millions of times: a call moves tuples through memory and counts a
    reference to each array among its arguments, which costs more than the work itself.
    """
    return _marked(function, forceinline=True)


def _marked(function: Function, **how: bool) -> Function:
    _MARKED.append((function, how))
    if "numba" in sys.modules:  # it may compile somebody's own code that calls the rule
        _listening()
    return function


def uncounted(value: Value) -> Value:
    """`value`, an array or a tuple of anything, whose arrays compiled code does not count
    references of: the caller keeps them alive. Plain Python gets the value itself.
    """
    return value


def _lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return _without_count(context, builder, signature.return_type, arguments[0])


def _without_count(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    types = numba().types
    if isinstance(kind, types.Array):
        view = context.make_array(kind)(context, builder, value)
        view.meminfo = view.meminfo.type(None)
        return view._getvalue()
    if isinstance(kind, types.BaseTuple):
        parts = [
            _without_count(context, builder, part, builder.extract_value(value, place))
            for place, part in enumerate(kind)
        ]
        return context.make_tuple(builder, kind, parts)
    return value


def whole(value: float) -> float:
    """The greatest whole number that is at most `value`, as a float: compiled code loses
    time on the way to an integer and back."""
    return float(math.floor(value))


def _lowered_whole(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
    floor = builder.module.declare_intrinsic("llvm.floor", [arguments[0].type])
    return builder.call(floor, arguments)


def prefetched(row: Value) -> Value:
    """`row`, an array, fetched by the processor's memory while compiled code goes on: for what
    is looked at next, among more than its caches hold."""
    return row


def _lowered_prefetched(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    cgutils = numba().core.cgutils
    ir = cgutils.ir
    view = context.make_array(signature.return_type)(context, builder, arguments[0])
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    # To be read, once, of data.
    builder.call(fetch, [builder.bitcast(view.data, byte), word(0), word(3), word(1)])
    return arguments[0]


@cache
def _listening() -> Any:
    """Numba, which is told of every rule that is marked by then whenever it compiles."""
    found = numba()
    events = found.core.event
    heard = {"on_start": lambda _, _event: _begun(), "on_end": lambda _, _event: _ended()}
    events.register("numba:compile", type("Heard", (events.Listener,), heard)())
    return found


def _begun() -> None:
    """Numba begins to compile, maybe for a function that it compiles already: it holds its lock.
    Meanwhile the garbage collector rests, which looks thousands of times at what stays."""
    _tell()
    _COLLECTING.append(gc.isenabled())
    gc.disable()


def _ended() -> None:
    if _COLLECTING and _COLLECTING.pop():
        gc.enable()


def _tell() -> None:
    """Tell Numba of the rules that it does not know."""
    _teach()
    while _MARKED:
        function, how = _MARKED.pop()
        options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, **how}
        numba().extending.register_jitable(**options)(function)


@cache
def _teach() -> None:
    """Tell Numba how the three functions above are compiled."""
    extending, types = numba().extending, numba().types
    extending.type_callable(uncounted)(lambda _context: lambda value: value)
    extending.type_callable(whole)(lambda _context: lambda _value: types.float64)
    extending.type_callable(prefetched)(lambda _context: lambda row: row)
    for kind in (types.Array, types.BaseTuple):
        extending.lower_builtin(uncounted, kind)(_lowered)
    extending.lower_builtin(whole, types.float64)(_lowered_whole)
    extending.lower_builtin(prefetched, types.Array)(_lowered_prefetched)


def compiled(function: Function) -> Function:
    """The compiled version of `function`, made at its first call (never at import).

    Raises whatever Numba raises where `function` is not compilable.
    """
    if not is_quick(function):
        return np.errstate(all="ignore")(function)  # as compiled code, which warns of nothing
    with _MAKING:
        return cast(Function, _made(function))


def is_quick(function: Callable[..., Any]) -> bool:
    """Whether `compiled` gives machine code of `function`: always, but for what is done in
    haste."""
    made = _IN_HASTE.get()
    if made is None:
        return True
    if function not in made:
        made[function] = is_cached(function)
    return made[function]


@contextmanager
def in_haste() -> Iterator[None]:
    """Inside, what is not on disk as machine code runs as plain Python, to the same last bit:
    for work that takes less time than compiling for it. What has begun so, goes on so."""
    before = _IN_HASTE.set({})
    try:
        yield
    finally:
        _IN_HASTE.reset(before)


@cache
def _made(function: Function) -> Function:
    root = _cache_root(function)
    compiler = _listening()
    config: Any = compiler.config
    previous, config.CACHE_DIR = config.CACHE_DIR, str(root) if root else ""
    places = compiler.core.caching.FunctionCache._impl_class
    usual = places._locator_classes
    if function.__module__.startswith(_PACKAGE):
        places._locator_classes = [_anywhere(usual[0])]
    try:
        dispatcher = compiler.njit(function, cache=root is not None, nogil=True)
    finally:
        config.CACHE_DIR, places._locator_classes = previous, usual
    return cast(Function, dispatcher)


@cache
def _anywhere(locator: Any) -> Any:
    """Numba's `locator` of the folder that it was given, for this package alone: wherever that is
    installed, what it computes follows from the digest. Numba asks for the source's path, and
    compiled everything anew for each environment and each checkout."""
    folder = staticmethod(lambda source: Path(source).parent.name)
    names = {"get_suitable_cache_subpath": folder, "get_source_stamp": lambda _self: ""}
    return type("Anywhere", (locator,), names)


def is_cached(function: Callable[..., Any]) -> bool:
    """Whether some compiled version of `function`, as it is now, is on disk."""
    root = _cache_root(function)
    return root is not None and any(root.rglob(f"*.{function.__name__}-*.nbi"))


def can_keep(function: Callable[..., Any]) -> bool:
    """Whether compiled code of `function` can be kept on disk."""
    return _cache_root(function) is not None


def source_digest(*functions: Callable[..., Any]) -> str:
    """SHA-256 (first 16 hex digits) of the rules, the callers' files and the compiler."""
    files = _sources(*functions)
    versions = " ".join(version(name) for name in ("numba", "llvmlite", "numpy"))
    digest = hashlib.sha256(f"{versions} {sys.version}".encode())
    for file in sorted(files):
        found = file.stat()
        digest.update(file.name.encode() + b"\0")
        digest.update(_file_digest(file, found.st_mtime_ns, found.st_size))
    return digest.hexdigest()[:16]


@cache
def _file_digest(file: Path, _modified: int, _size: int) -> bytes:
    """SHA-256 of a file, which a dozen functions have among their sources."""
    return hashlib.sha256(file.read_bytes()).digest()


def _sources(*functions: Callable[..., Any]) -> set[Path]:
    files = set(Path(__file__).parent.glob("**/*.py"))
    return files | {path for function in functions for path in _sources_beside(function)}


def _sources_beside(function: Callable[..., Any]) -> set[Path]:
    """The file that defines `function` and its neighbours, which it may import."""
    plain = getattr(function, "py_func", function)
    named = plain if inspect.isroutine(plain) or inspect.isclass(plain) else type(plain)
    file = Path(inspect.getfile(named))
    return set(file.parent.glob("*.py")) if file.is_file() else set()


def _cache_root(function: Callable[..., Any]) -> Path | None:
    """A writable folder for this digest, or None where nothing can be cached.

    A file that was edited after this process had read it would lend its digest to the code
    from before the edit, and the next process would run that: such a process keeps nothing.
    """
    if any(file.stat().st_mtime >= _STARTED for file in _sources(function)):
        return None
    try:
        root = cache_folder() / source_digest(function)
        root.mkdir(parents=True, exist_ok=True)
        os.utime(root)
        _forget_old(root.parent)
    except (OSError, RuntimeError):
        return None
    return root if os.access(root, os.W_OK) else None


def cache_folder() -> Path:
    """Where compiled code is kept, in a folder for each digest of its sources. Raises RuntimeError
    where nobody knows this user's home."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "stoptrail" / "compiled"


def _forget_old(folder: Path) -> None:
    import shutil

    by_age = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for stale in by_age[_KEPT_CACHES:]:
        if time.time() - stale.stat().st_mtime > _RESTED:
            shutil.rmtree(stale, ignore_errors=True)
