"""The entry signal named in [strategy]: found by import path, its parameters typed.

A signal is a function `signal(candles, *, name: type = default, ...) -> Signals`. Its
keyword-only parameters become the keys that [strategy] accepts.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import PydanticUserError, create_model

from stoptrail.config.section import SettingsSection, closest_hint
from stoptrail.core.errors import ConfigError

SHIPPED = ("mtf_cycle", "donchian_breakout")
"""Signals that are named without an import path; each in strategies.signals.<name>."""


def resolve_signal(path: str) -> Callable[..., Any]:
    """The signal function that `path` names: a shipped one or "module:function".

    The module that is named is looked for in the working folder first, then where Python
    looks. Raises ConfigError where there is no such module or function.
    """
    module_name, _, name = _import_path(path).partition(":")
    module = _module(module_name)
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ConfigError(f"module {module_name} has no function {name}{closest_hint(name, known)}")
    return function  # type: ignore[no-any-return]


@lru_cache(maxsize=32)
def signal_model(path: str, *, reserved: frozenset[str]) -> type[SettingsSection]:
    """The model of the parameters of the signal at `path`.

    Raises ConfigError where the signal cannot be found, or where its signature has a
    parameter without a usable type or with one of the names in `reserved`.
    """
    function = resolve_signal(path)
    plain = getattr(function, "py_func", function)  # what Numba compiled, if it did
    fields: dict[str, Any] = {}
    try:
        hints = get_type_hints(plain, include_extras=True)
        for parameter in inspect.signature(plain).parameters.values():
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                _check_parameter(path, parameter.name, hints, reserved)
                default = ... if parameter.default is parameter.empty else parameter.default
                fields[parameter.name] = (hints[parameter.name], default)
        return create_model("SignalParameters", __base__=SettingsSection, **fields)
    except (NameError, TypeError, ValueError, PydanticUserError) as error:
        raise ConfigError(f"signal {path} has a signature that cannot be used: {error}") from error


def _check_parameter(path: str, name: str, hints: dict[str, Any], reserved: frozenset[str]) -> None:
    if name in reserved:
        raise ConfigError(f"signal {path} has a parameter {name}, a name that [strategy] keeps")
    if name not in hints:
        raise ConfigError(f"signal {path} has a parameter {name} without a type annotation")


def _import_path(path: str) -> str:
    if path in SHIPPED:
        return f"stoptrail.strategies.signals.{path}:{path}"
    module, colon, name = path.partition(":")
    parts = [*module.split("."), name]
    if not colon or not all(part.isidentifier() for part in parts):
        hint = closest_hint(path, list(SHIPPED))
        raise ConfigError(f'must be {", ".join(SHIPPED)} or "module:function"{hint}')
    return path


def _module(name: str) -> Any:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)  # last: what lies there hides no module that the program needs
    try:
        _claim(name.partition(".")[0], folder)
        return import_module(name)
    except Exception as error:  # whatever a user's module raises while it is imported
        first_line = (str(error).splitlines() or [""])[0]
        raise ConfigError(
            f"module {name} cannot be imported ({type(error).__name__}: {first_line})"
        ) from error


def _claim(name: str, folder: str) -> None:
    """Import the top-level module `name` from `folder`, where it is there and not imported yet.

    Without this a user's strategies/ would lose to the folder of that name beside runner.py.
    """
    spec = None if name in sys.modules else PathFinder.find_spec(name, [folder])
    if spec is None:
        return
    module = sys.modules[name] = module_from_spec(spec)
    if spec.submodule_search_locations is not None:
        module.__path__ = list(spec.submodule_search_locations)
    try:
        if spec.loader is not None:  # None: a folder without __init__.py
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
