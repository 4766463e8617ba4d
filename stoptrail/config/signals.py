"""The entry signal named in [strategy]: found by import path, its parameters typed.

A signal is a function `signal(candles, *, name: type = default, ...) -> Signals`. Its
keyword-only parameters become the keys that [strategy] accepts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import Field, PydanticUserError, ValidationError, create_model
from pydantic_core import PydanticUndefined

from stoptrail.config.own_code import imported
from stoptrail.config.section import SettingsSection
from stoptrail.core.errors import ConfigError

SHIPPED = ("mtf_cycle", "donchian_breakout")
"""Signals that are named without an import path; each in strategies.signals.<name>."""


def resolve_signal(path: str) -> Callable[..., Any]:
    """The signal function that `path` names: a shipped one or "module:function".

    Raises ConfigError where there is no such module or function.
    """
    if path in SHIPPED:
        path = f"stoptrail.strategies.signals.{path}:{path}"
    return imported(path, SHIPPED)


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
        parameters = list(inspect.signature(plain).parameters.values())
        _check_kinds(path, parameters[1:])
        for parameter in parameters:
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                _check_parameter(path, parameter.name, hints, reserved)
                default = ... if parameter.default is parameter.empty else parameter.default
                fields[parameter.name] = (_writable(hints[parameter.name]), default)
        model = create_model("SignalParameters", __base__=SettingsSection, **fields)
    except (NameError, TypeError, ValueError, PydanticUserError) as error:
        raise ConfigError(f"signal {path} has a signature that cannot be used: {error}") from error
    _check_defaults(path, model)
    return model


def _check_defaults(path: str, model: type[SettingsSection]) -> None:
    """Raise ConfigError for a default that its own type refuses; None is a value left out."""
    given = {name: field.default for name, field in model.model_fields.items()}
    typed = {k: v for k, v in given.items() if v is not None and v is not PydanticUndefined}
    try:
        model.model_validate(typed)
    except ValidationError as error:
        wrong = next((each for each in error.errors() if each["type"] != "missing"), None)
        if wrong is not None:
            name = str(wrong["loc"][0])
            raise ConfigError(
                f"signal {path} gives {name} the default {typed[name]!r}, which its annotation "
                f"does not allow ({wrong['msg']})"
            ) from None


def _writable(hint: Any) -> Any:
    """`hint` so that a file can give its values: a member of an Enum by its value."""
    return Annotated[hint, Field(strict=False)] if _holds(hint, Enum) else hint


def _holds(hint: Any, kind: type) -> bool:
    found = isinstance(hint, type) and issubclass(hint, kind)
    return found or any(_holds(part, kind) for part in get_args(hint))


def names_things(annotation: Any) -> bool:
    """Whether values of this type are names, though they may be written as numbers: a Literal or
    an Enum, also as a part of another type. One step from one to the next means nothing."""
    annotation = getattr(annotation, "__value__", annotation)  # of a `type` statement
    if get_origin(annotation) is Literal:
        return True
    return _holds(annotation, Enum) or any(map(names_things, get_args(annotation)))


def _check_kinds(path: str, others: Sequence[inspect.Parameter]) -> None:
    """Raise ConfigError for a parameter that no key of [strategy] would reach."""
    placed = [each.name for each in others if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if placed:
        raise ConfigError(
            f"signal {path} takes {', '.join(placed)} by position as well: write a * before "
            f"{placed[0]}, so that [strategy] can set it"
        )


def _check_parameter(path: str, name: str, hints: dict[str, Any], reserved: frozenset[str]) -> None:
    if name in reserved:
        raise ConfigError(f"signal {path} has a parameter {name}, a name that [strategy] keeps")
    if name not in hints:
        raise ConfigError(f"signal {path} has a parameter {name} without a type annotation")
