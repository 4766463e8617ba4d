"""How parameter sets are searched, out of sample too, and [sweep.grid] in its one form."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from stoptrail.config.own_code import imported
from stoptrail.config.section import SettingsSection
from stoptrail.core.errors import ConfigError

MAX_VALUES = 100_000
"""Values of one key: each is checked on its own."""

_RANGE = {"from", "to", "step"}
_MISS = Decimal("1e-9")
"""Fraction of a step by which a range's last value may miss its end."""


def value_lists(table: Any) -> Any:
    """Dotted key to list of values, whether quoted or nested, listed or as a range.

    Raises PydanticCustomError for an empty list, a bad range, or anything else. What is
    not a table is returned as it is.
    """
    if not isinstance(table, dict):
        return table
    return {key: _expand(key, entry) for key, entry in flat_grid(table).items()}


def flat_grid(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The entries by dotted key, whether keys were written quoted or as nested tables."""
    flat: dict[str, Any] = {}
    for name, entry in table.items():
        key = f"{prefix}{name}"
        if isinstance(entry, dict) and entry and not set(entry) & _RANGE:
            flat.update(flat_grid(entry, f"{key}."))
        else:
            flat[key] = entry
    return flat


def _expand(key: str, entry: Any) -> list[Any]:
    if isinstance(entry, dict):
        return _expand_range(key, entry)
    if not isinstance(entry, list | tuple):
        raise _fault(key, "must be a list of values or {from, to, step}", entry)
    if not entry:
        raise _fault(key, "must have at least one value", entry)
    return list(entry)


def _expand_range(key: str, entry: dict[str, Any]) -> list[int] | list[float]:
    """from, from + step, ... up to and including to, counted in decimals."""
    if set(entry) != _RANGE:
        raise _fault(key, "must have exactly from, to and step", entry)
    first, last, step = (_decimal(key, name, entry[name]) for name in ("from", "to", "step"))
    if step <= 0:
        raise _fault(f"{key}.step", "must be greater than 0", entry["step"])
    if last < first:
        raise _fault(f"{key}.to", "must not be below from", entry["to"])
    steps = (last - first) / step + _MISS
    if steps >= MAX_VALUES:
        raise _fault(key, f"must have at most {MAX_VALUES:,} values", entry)
    values = [first + k * step for k in range(int(steps) + 1)]
    if all(isinstance(value, int) for value in entry.values()):
        return [int(value) for value in values]
    return [float(value) for value in values]


def _decimal(key: str, name: str, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _fault(f"{key}.{name}", "must be a number", value)
    number = Decimal(str(value))
    if not number.is_finite():
        raise _fault(f"{key}.{name}", "must be a finite number", value)
    return number


def _fault(key: str, rule: str, received: Any) -> PydanticCustomError:
    return PydanticCustomError("grid", "{rule}", {"key": key, "rule": rule, "received": received})


OBJECTIVES = ("sharpe", "profit_factor", "net_return", "calmar", "sortino", "plateau")
"""What ranks combinations without a function of the user's."""

Selection = Literal["best", "plateau", "neighbours"]


def _known_objective(objective: str) -> str:
    """`objective`, a built-in one or a function that is there."""
    try:
        if objective not in OBJECTIVES:
            imported(objective, OBJECTIVES)
    except ConfigError as error:
        raise PydanticCustomError(
            "objective", "{why}", {"why": str(error), "received": objective}
        ) from error
    return objective


class Sweep(SettingsSection):
    """The sweep over [sweep.grid]."""

    objective: Annotated[str, AfterValidator(_known_objective)] = "sharpe"
    """What ranks combinations: one of OBJECTIVES ("plateau" is "sharpe" with the selection
    "plateau"), or "module:function" over a table of their figures."""
    selection: Selection = "neighbours"
    """By the objective itself, by mean less deviation of it over the neighbourhood in the
    grid, or by its mean there."""
    finalists: Annotated[int, Field(ge=1, le=10_000)] = 24
    """Best combinations with different trades that run in full Backtrader."""
    pruned_checks: Annotated[int, Field(ge=0, le=10_000)] = 4
    """Other combinations, drawn at random, that run there too."""
    min_trades: Annotated[int, Field(ge=0, le=1_000_000)] = 30
    """Closed trades, scratches aside, that a finalist needs over the whole span."""
    max_combinations: Annotated[int, Field(ge=1, le=10**12)] = 2_000_000
    jobs: Annotated[int, Field(ge=0, le=4096)] = 0
    """Processes; 0 = one a core."""
    cluster: str = ""
    """Dask's "tcp://host:8786" or Ray's "ray://host:10001"; "" = this machine."""
    permutations: Annotated[int, Field(ge=0, le=100_000)] = 19
    """Markets of permuted days on which the search is repeated; 0 = off."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    """Seed of every random draw."""
    grid: Annotated[dict[str, list[Any]], BeforeValidator(value_lists)] = Field(
        default_factory=dict
    )
    """Dotted key to its values; a file may also write {from, to, step}. See config.grid."""


class WalkForward(SettingsSection):
    """Rolling train and test windows."""

    enabled: bool = True
    """Part of a sweep unless switched off."""
    train_days: Annotated[int, Field(ge=1, le=36_500)] = 730
    test_days: Annotated[int, Field(ge=1, le=36_500)] = 180
    phases: Annotated[int, Field(ge=1, le=1000)] = 6
    """Walks with the windows shifted by equal parts of test_days."""
    min_trades_per_year: Annotated[float, Field(ge=0, le=1_000_000)] = 6.0
    """Closed trades a year, scratches aside, that a set needs in its train window."""
