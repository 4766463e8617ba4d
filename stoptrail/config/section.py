"""What every table of strategy.toml has in common: frozen, strict, no unknown key."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

HINT = "; did you mean "


class SettingsSection(BaseModel):
    """A table of settings: immutable, without conversions, without infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, table: Any) -> Any:
        if isinstance(table, dict):
            refuse_unknown(table, cls.known_keys(table))
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


def closest_hint(name: str, known: list[str]) -> str:
    """ "; did you mean x?" with the known name closest to `name`, empty without any."""
    matches = get_close_matches(name, known, n=1, cutoff=0.0)
    return f"{HINT}{matches[0]}?" if matches else ""
