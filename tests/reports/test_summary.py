"""Parts of a summary in words; what is absent is left out."""

from __future__ import annotations

from typing import Any

import pytest

from stoptrail.reports.summary import cautions, grounds, interval_words


def told(**evidence: Any) -> dict[str, str]:
    return dict(grounds({"evidence": evidence}))


@pytest.mark.parametrize(
    "found", [{"count": 0, "p_best": 0.4}, {"count": 19, "p_best": None}, {"p_best": 0.4}]
)
def test_permutations_are_told_only_where_there_were_some(found: dict[str, Any]) -> None:
    assert "Permutations" not in told(permutation=found)


def test_permutations_are_told_with_their_number() -> None:
    found = told(permutation={"count": 19, "p_best": 0.05, "p_median": 0.1})
    said = "p 0.05 of the best set, 0.10 of the median one, on 19 markets with shuffled days"
    assert found["Permutations"] == said


def test_the_worst_tick_path_is_told_and_paths_without_a_figure_are_not() -> None:
    paths = {
        "candle": {"net_return": 0.5, "sharpe": 2.0},
        "high_first": {"net_return": 0.25, "sharpe": 1.25},
        "low_first": {"net_return": 0.3, "sharpe": 1.5},
        "note": "about the paths",
    }
    assert "Sharpe 1.25" in told(envelope=paths)["Tick ratchet"]
    paths["high_first"] = {"net_return": None, "sharpe": None}
    assert "Sharpe 1.5" in told(envelope=paths)["Tick ratchet"]
    assert "Tick ratchet" not in told(envelope={**paths, "candle": {"net_return": None}})


@pytest.mark.parametrize(
    ("exits", "exposure", "said"),
    [("stop_trail", 0.2, True), ("stop_trail", 0.0, False), ("cycle", 0.2, False)],
)
def test_a_ratchet_is_told_of_only_where_a_stop_was_held(
    exits: str, exposure: float, said: bool
) -> None:
    row = {"net_return": 0.5, "sharpe": 2.0}
    summary = {
        "params": {"strategy": {"exits": exits}},
        "metrics": {"exposure": exposure},
        "evidence": {"envelope": {"candle": row, "high_first": row, "low_first": row}},
    }
    assert ("Tick ratchet" in dict(grounds(summary))) == said


@pytest.mark.parametrize(
    ("best", "said"),
    [
        (0.46, "best trade 46% of the profit; profit factor 1.98 without it"),
        (None, "profit factor 1.98 without the best"),
    ],
)
def test_the_best_trade_is_named_where_there_is_no_profit_to_share(
    best: float | None, said: str
) -> None:
    found = {"best_trade": best, "profit_factor_without_best": 1.98}
    assert told(concentration=found)["Concentration"] == said


@pytest.mark.parametrize(("factor", "told"), [(0.0, False), (0.05, True), (None, True)])
def test_where_nothing_was_won_no_best_trade_is_taken_away(
    factor: float | None, told: bool
) -> None:
    found = {"best_trade": None, "profit_factor_without_best": 0.0}
    summary = {"metrics": {"profit_factor": factor}, "evidence": {"concentration": found}}
    assert ("Concentration" in dict(grounds(summary))) is told


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ({"low": -0.8, "high": 1.17, "level": 0.9}, "-0.80 to 1.17 (90%)"),
        ({"low": -0.8, "high": 1.17}, "-0.80 to 1.17"),
        ({"low": None, "high": 1.17}, ""),
        ({"low": -0.8}, ""),
    ],
)
def test_an_interval_is_told_where_it_has_both_bounds(interval: dict[str, Any], said: str) -> None:
    assert interval_words(interval) == said


def test_phases_are_told_from_two_of_them_on() -> None:
    two = [{"sharpe": 0.5}, {"sharpe": 0.25}, {"sharpe": None}]
    found = told(walk_forward={"phases": two})
    assert found["Out of sample"] == "Sharpe 0.25 to 0.50 in 3 phases"
    assert "Out of sample" not in told(walk_forward={"phases": two[:1]})


@pytest.mark.parametrize(
    ("scaled", "is_told"),
    [
        ({"net_return": 0.1, "share": 0.5}, True),
        ({"net_return": None, "share": 0.5}, False),
        ({"net_return": 0.1, "share": 0.0}, False),
    ],
)
def test_holding_at_the_same_risk_is_told_where_there_is_such_a_share(
    scaled: dict[str, Any], is_told: bool
) -> None:
    found = dict(grounds({"buy_and_hold": {"scaled": scaled}}))
    assert ("50% of the account" in found.get("Same risk", "")) is is_told
    assert ("Same risk" in found) is is_told


@pytest.mark.parametrize(
    ("sharpe", "net", "said"),
    [
        (2.6, -0.6, True),
        (2.6, -1.0, False),
        (2.6, 0.1, False),
        (-0.1, -0.2, False),
        (None, -0.2, False),
    ],
)
def test_a_sharpe_ratio_above_0_of_an_account_that_lost_is_explained(
    sharpe: float | None, net: float, said: bool
) -> None:
    """As of days that doubled the account and days that took most of it; one that took all of
    it is told as that."""
    found = dict(grounds({"metrics": {"sharpe": sharpe, "net_return": net}}))
    assert ("Swings" in found) == said


@pytest.mark.parametrize("warnings", [None, [], ["1 trade is a short"]])
def test_a_margin_that_is_assumed_is_told(warnings: list[str] | None) -> None:
    assert "Maintenance margin" in margin_told(warnings)


def test_a_margin_whose_guess_was_warned_of_is_not_told_again() -> None:
    line = "the maintenance margin of A/B:B is not known: 0.005 of the notional is assumed"
    assert "Maintenance margin" not in margin_told([line])


def margin_told(warnings: list[str] | None) -> dict[str, str]:
    each = {"symbol": "A/B:B", "source": "default", "of": "", "tiers": [[0.0, 0.005]]}
    return dict(grounds({"maintenance_margin": [each], "warnings": warnings}))


@pytest.mark.parametrize(
    ("own", "legacy", "said"),
    [
        (-1.0, -1.0, "in sample and legacy exits: the whole account was lost"),
        (0.2, -0.9999, "legacy exits: the whole account was lost"),
        (-0.998, -0.5, ""),
    ],
)
def test_figures_of_an_account_that_was_lost_are_told_as_such(
    own: float, legacy: float, said: str
) -> None:
    """A Sharpe ratio of 0.15 stood beside a net return of -100 %."""
    summary = {
        "metrics": {"net_return": own, "sharpe": 0.15},
        "baseline": {"metrics": {"net_return": legacy, "sharpe": -0.1}},
    }
    found = dict(grounds(summary))
    assert found.get("Ruin", "").startswith(said)
    assert ("Ruin" in found) is bool(said)
    assert ("Swings" in found) is (own == -0.998)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (
            "2024-01-01T00:00:00Z",
            "2024-01-04T00:00:00Z",
            "3 days: a Sharpe ratio of so few is",
        ),
        ("2024-01-01T00:00:00Z", "2024-12-31T00:00:00Z", ""),
        (None, None, ""),
    ],
)
def test_a_span_below_a_year_says_how_little_its_ratios_tell(
    start: str | None, end: str | None, said: str
) -> None:
    """Three days had a Sharpe ratio of -12.45 and a return a year of 330 %, and no word of it."""
    found = dict(grounds({"data": {"start": start, "end": end}}))
    assert ("Short span" in found) is bool(said)
    assert found.get("Short span", "").startswith(said)
    if said:
        assert "about 11.0 either way" in found["Short span"]


def test_cautions_are_why_there_was_no_trade_and_what_was_not_said_of_the_candles() -> None:
    data = {"notes": ["a gap"]}
    summary = {"data": data, "no_trade": "no trade: 3 signals", "warnings": ["a gap", "a short"]}
    assert cautions(summary) == ["no trade: 3 signals", "a short"]
    assert cautions({"no_trade": None, "warnings": None}) == []
