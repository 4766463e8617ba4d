"""How parameter sets are searched and how the search is tested out of sample."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from stoptrail.config.ranges import value_lists
from stoptrail.config.section import SettingsSection

Objective = Literal["sharpe", "profit_factor", "net_return", "calmar", "sortino", "plateau"]

Selection = Literal["best", "plateau", "neighbours"]


class Sweep(SettingsSection):
    """The sweep over [sweep.grid]."""

    objective: Objective = "sharpe"
    """What ranks combinations; "plateau" is "sharpe" with the selection "plateau"."""
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
