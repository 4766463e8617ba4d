"""Code of the user's own, named in a setting by its import path "module:function".

The module is looked for in the working folder first, then where Python looks. Whoever reads
settings that are not the user's asks config.foreign before it comes to this.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

from stoptrail.config.section import closest_hint
from stoptrail.core.errors import ConfigError


def imported(path: str, shipped: Sequence[str]) -> Callable[..., Any]:
    """The function at the import path `path`; shipped: names that would do as well.

    Raises ConfigError where there is no such module or function.
    """
    module_name, colon, name = path.partition(":")
    parts = [*module_name.split("."), name]
    if not colon or not all(part.isidentifier() for part in parts):
        hint = closest_hint(path, list(shipped))
        raise ConfigError(f'must be {", ".join(shipped)} or "module:function"{hint}')
    module = _module(module_name)
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ConfigError(f"module {module_name} has no function {name}{closest_hint(name, known)}")
    return function  # type: ignore[no-any-return]


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
