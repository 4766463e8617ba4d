"""One line for each thing that is wrong with a configuration."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from stoptrail.config.secrets import redacted, shown
from stoptrail.config.section import HINT

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
    line = f"{source_of(key)}: {key} {rule}" if key else f"{source_of(key)}: {rule}"
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
    across_sections = not place
    silent = detail["type"] in _WITHOUT_VALUE or across_sections
    return key, _rule(detail), None if silent else shown(redacted(value, key))


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
