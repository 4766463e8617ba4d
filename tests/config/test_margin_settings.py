"""market.maintenance_margin as a rate or tiers, and when positions are liquidated (C20)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.config.load import load_settings, to_toml
from stoptrail.config.market import Maintenance
from stoptrail.config.run_rules import market_rules, run_rules_of, tiers_of
from stoptrail.config.settings import Settings, as_table, with_values
from stoptrail.core.errors import ConfigError
from stoptrail.rules.margin import AS_MAINTENANCE, Margin
from tests.config.files import written

SWAP = "data.symbol=BTC/USDT:USDT"
TIERS = "market.maintenance_margin=[[0, 0.004], [50000, 0.01], [250000, 0.02]]"


def margin(*overrides: str) -> Margin:
    settings = load_settings(None, overrides)
    return run_rules_of(
        settings, market_rules(settings.market.filters(""), 2, 2)
    ).trade_rules.margin


@pytest.mark.parametrize(
    ("overrides", "liquidates"),
    [
        (("strategy.sides=long",), False),
        (("strategy.sides=long", "risk.max_leverage=2"), True),
        (("strategy.sides=short",), True),
        (("strategy.sides=both",), True),
        (("strategy.sides=long", SWAP), True),
    ],
)
def test_whoever_can_fall_below_zero_is_liquidated(
    overrides: tuple[str, ...], liquidates: bool
) -> None:
    assert margin(*overrides).liquidates is liquidates


def test_only_a_swap_has_something_to_keep() -> None:
    assert margin().rate == 0.0
    assert margin(SWAP) == Margin(0.005, True, True, AS_MAINTENANCE)
    assert margin(SWAP, "market.liquidation_fee=0.0125").fee == 0.0125
    assert len(tiers_of(load_settings(None, (TIERS,)))) == 0


def test_tiers_become_rates_with_deductions() -> None:
    settings = load_settings(None, (SWAP, TIERS))
    assert margin(SWAP, TIERS).rate == 0.004
    np.testing.assert_allclose(tiers_of(settings), [[0.01, 300.0, 0.0], [0.02, 2800.0, 0.0]])


def test_tiers_of_the_units_have_no_deduction() -> None:
    settings = load_settings(None, (SWAP, TIERS, "market.maintenance_by=units"))
    table = [[0.01, 0.0, 50_000.0], [0.02, 0.0, 250_000.0]]
    np.testing.assert_array_equal(tiers_of(settings), table)


def test_who_says_what_has_to_stay_is_known_until_it_is_changed(tmp_path: Path) -> None:
    """Tiers that were filled in name their exchange, in a copy of the settings too; others are
    the user's own, whatever stands beside them."""
    assert load_settings(None, (SWAP,)).market.maintenance_from == "default"
    assert load_settings(None, (SWAP, TIERS)).market.maintenance_from == "settings"
    kept = Maintenance(((0.0, 0.004), (20.0, 0.01)), "units", "okx 2026-11-28")
    filled = with_values(
        load_settings(None, (SWAP,)),
        {
            "market.maintenance_margin": kept.tiers,
            "market.maintenance_by": kept.by,
            "market.maintenance_source": kept.source,
        },
    )
    file = tmp_path / "strategy.toml"
    file.write_text(to_toml(filled))
    assert load_settings(file).market.maintenance_from == "okx 2026-11-28"
    for other in ("market.maintenance_margin=0.01", "market.maintenance_by=notional"):
        assert load_settings(file, (other,)).market.maintenance_from == "settings"


def test_tiers_come_back_from_a_file(tmp_path: Path) -> None:
    settings = load_settings(
        written(tmp_path, "[market]\nmaintenance_margin = [[0, 0.004], [1, 0.1]]")
    )
    assert Settings.model_validate(as_table(settings)) == settings
    assert settings.market.maintenance_steps == ((0.0, 0.004), (1.0, 0.1))


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("-0.1", "fractions of 0 to below 1"),
        ("1.0", "fractions of 0 to below 1"),
        ("nan", "fractions of 0 to below 1"),
        ("'much'", "a fraction or a list of"),
        ("[0.01, 0.02]", "a fraction or a list of"),
        ("[]", "must begin with a tier from a notional of 0"),
        ("[[100, 0.01]]", "must begin with a tier from a notional of 0"),
        ("[[0, 0.01], [0, 0.02]]", "that ascend"),
        ("[[0, 0.01], [100, 0.005]]", "that ascend"),
        ("[[0, 0.01, 3]]", "a fraction or a list of"),
        ("[[0, 1e400]]", "fractions of 0 to below 1"),
    ],
)
def test_what_is_no_margin_is_refused_in_one_line(value: str, rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, (f"market.maintenance_margin={value}",))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("--set: market.maintenance_margin ")
    assert rule in line


def test_a_grid_varies_one_fraction_and_no_tiers() -> None:
    grid = "sweep.grid={'market.maintenance_margin'=[0.005, 0.01]}"
    load_settings(None, (SWAP, grid))
    with pytest.raises(ConfigError, match="as one fraction only"):
        load_settings(None, (SWAP, TIERS, grid))
    with pytest.raises(ConfigError, match="as one fraction only"):
        load_settings(None, (SWAP, "sweep.grid={'market.maintenance_margin'=[[[0, 0.1]], 0.01]}"))
