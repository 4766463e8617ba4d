"""What every table of strategy.toml has in common: frozen, strict, no unknown key."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from stoptrail.config.secrets import redacted, shown

HINT = "; did you mean "


class SettingsSection(BaseModel):
    """A table of settings: immutable, without conversions, without infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, table: Any) -> Any:
        if isinstance(table, dict):
            refuse_unknown(table, cls.known_keys(table))
            refuse_null(table)
        return table

    @classmethod
    def known_keys(cls, table: dict[str, Any]) -> list[str]:
        """The keys that `table` may hold."""
        del table
        return list(cls.model_fields)


def refuse_unknown(table: dict[str, Any], known: list[str]) -> None:
    """Raise for the first key of `table` that is not known, naming the closest one."""
    for key in table:
        if key not in known:
            raise PydanticCustomError(
                "unknown_key",
                "is not a known key{hint}",
                {"key": str(key), "hint": closest_hint(str(key), known)},
            )


def refuse_null(table: dict[str, Any]) -> None:
    """Raise for the first text of `table` with the character that no file, address or name
    may hold, and of which the system says nothing that a user could understand."""
    for key, value in table.items():
        if isinstance(value, str) and "\0" in value:
            given = {"key": str(key), "received": value}
            raise PydanticCustomError("null", "must not hold the character \\u0000", given)


def closest_hint(name: str, known: list[str]) -> str:
    """ "; did you mean x?" with the known name closest to `name`, empty without any."""
    matches = get_close_matches(name, known, n=1, cutoff=0.0)
    return f"{HINT}{matches[0]}?" if matches else ""


_PHRASES = {
    "missing": "is missing",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a text in quotes",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_too_short": "must not be empty",
}
_WITHOUT_VALUE = {"missing", "unknown_key"}


def explain(error: ValidationError, source_of: Callable[[str], str]) -> str:
    """The first fault as one line: source, dotted key, rule, value; and how many more.

    `source_of` names the file or option that a dotted key comes from.
    """
    details = error.errors(include_url=False)
    key, rule, received = _parts(details[0])
    rule, hint_mark, hint = rule.partition(HINT)
    if _is_of_table(details[0]):  # it names its keys itself, the first at its beginning
        source = _source(rule, key, source_of)
        line = f"{source}: {key}.{rule}" if key else f"{source}: {rule}"
    else:
        line = f"{source_of(key)}: {key} {rule}"
    if received is not None:
        line += f", received {received}"
    line += hint_mark + hint
    more = len(details) - 1
    return _one_line(line + (f" (and {more} more)" if more else ""))


def _parts(detail: Any) -> tuple[str, str, str | None]:
    """Dotted key, rule and value (None where it says nothing) of one pydantic error."""
    context = detail.get("ctx", {})
    place = [str(part) for part in detail["loc"]]
    if "key" in context:
        place.append(context["key"])
    key = ".".join(place)
    value = context.get("received", detail["input"])
    silent = detail["type"] in _WITHOUT_VALUE or _is_of_table(detail)
    return key, _rule(detail), None if silent else shown(redacted(value, key))


def _is_of_table(detail: Any) -> bool:
    """Whether a rule that holds between several keys was broken: it says their values."""
    return detail["type"] == "value_error" and isinstance(detail["input"], dict | BaseModel)


_DOTTED = re.compile(r"[a-z_]+(?:\.[a-z_0-9]+)+")


def _source(rule: str, table: str, source_of: Callable[[str], str]) -> str:
    """Where what breaks a rule between keys comes from: a key named in it that was set elsewhere
    than the rest, on the command line for one."""
    named = [f"{table}.{rule.partition(' ')[0]}"] if table else _DOTTED.findall(rule)
    usual = source_of("")
    return next((place for place in map(source_of, named) if place != usual), usual)


def _rule(detail: Any) -> str:
    phrase = _PHRASES.get(detail["type"])
    if phrase:
        return phrase
    return str(
        detail["msg"]
        .removeprefix("Value error, ")
        .replace("Input should be", "must be")
        .replace("String should match pattern", "must match the pattern")
    )


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
