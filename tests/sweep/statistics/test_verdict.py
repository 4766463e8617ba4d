"""The verdict says what is wrong, and never more good than was examined."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.sweep.statistics.checks import Level
from stoptrail.sweep.statistics.verdict import verdict

GOOD: dict[str, Any] = {
    "synthetic": False,
    "market_type": "spot",
    "metrics": {"sharpe": 1.3, "profit_factor": 2.0, "trades": 180, "scratches": 60},
    "envelope": {
        "candle": {"sharpe": 1.3, "profit_factor": 2.0},
        "high_first": {"sharpe": 1.2, "profit_factor": 1.9},
        "low_first": {"sharpe": 1.1, "profit_factor": 1.8},
    },
    "walk_forward": {
        "in_sample": {"sharpe": 1.4},
        "out_of_sample": {"sharpe": 0.9, "profit_factor": 1.5, "trades": 90},
        "range": {"low": 0.5, "median": 0.8, "high": 1.2},
    },
    "deflated_sharpe": {
        "all": {"trials": 9000, "probability": 0.6},
        "distinct": {"trials": 40, "probability": 0.97},
        "effective": {"trials": 2, "probability": 0.99},
    },
    "permutation": {"count": 19, "p_best": 0.05, "p_median": 0.1, "deviations": 3.6},
    "concentration": {
        "best_trade": 0.2,
        "profit_factor_without_best": 1.8,
        "profit_factor_without_best_three": 1.5,
    },
    "overfitting": {"pbo": 0.1},
    "bootstrap": {"sharpe": {"low": 0.4, "high": 2.1, "level": 0.9}},
    "on_edge": [],
    "plateau": {"objective": 1.3, "count": 20, "thin": 0, "median": 1.1},
    "fees": {"taker_fee": 0.001, "break_even": 0.003},
    "sides": {"long": {"trades": 180, "sharpe": 1.3}, "short": {"trades": 0}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    evidence = copy.deepcopy(GOOD)
    place = evidence
    *parents, last = path.split(".")
    for key in parents:
        place = place[key]
    place[last] = value
    return evidence


def test_good_evidence_holds_and_still_promises_nothing() -> None:
    found = verdict(GOOD)
    assert found.level == Level.HOLDS
    assert "no promise" in found.sentences[0]
    assert "worst of 3 price paths" in found.text
    assert "Sharpe 1.10" in found.text


@pytest.mark.parametrize(
    ("path", "value", "level", "words"),
    [
        ("metrics.trades", 100, Level.DOUBTFUL, "40 trades (besides 60 scratches) are few"),
        ("metrics.trades", 79, Level.FAILS, "19 trades (besides 60 scratches): too few"),
        ("envelope.low_first.sharpe", -0.1, Level.FAILS, "Sharpe -0.10"),
        ("envelope.high_first.profit_factor", 0.99, Level.FAILS, "not earn its risk"),
        ("envelope.low_first.sharpe", 0.5, Level.DOUBTFUL, "leans on when the stop moves"),
        ("walk_forward.range.median", -0.2, Level.FAILS, "unseen data"),
        ("walk_forward.range.low", -0.1, Level.DOUBTFUL, "where the windows begin"),
        ("walk_forward.out_of_sample.trades", 9, Level.DOUBTFUL, "from 9 trades only"),
        ("permutation.p_best", 0.1, Level.FAILS, "on 1 of 19 permuted markets"),
        ("permutation.deviations", 3.4, Level.DOUBTFUL, "luck is not ruled out"),
        ("deflated_sharpe.distinct.probability", 0.9, Level.DOUBTFUL, "probability of 90%"),
        ("deflated_sharpe.distinct.probability", 0.999, Level.HOLDS, "probability of over 99%"),
        ("deflated_sharpe.distinct.probability", 0.001, Level.FAILS, "probability of under 1%"),
        ("deflated_sharpe.distinct.probability", 0.49, Level.FAILS, "luck alone would explain"),
        ("bootstrap.sharpe.low", -0.1, Level.DOUBTFUL, "no edge at all"),
        ("plateau.median", 0.2, Level.DOUBTFUL, "a peak, not a plateau"),
        ("concentration.best_trade", 0.6, Level.DOUBTFUL, "One trade brings 60%"),
        (
            "concentration.profit_factor_without_best_three",
            0.9,
            Level.DOUBTFUL,
            "Three trades carry it",
        ),
        ("fees.break_even", 0.0012, Level.DOUBTFUL, "margin is thin"),
        ("fees.break_even", 0.0008, Level.FAILS, "Profit is gone at a fee of 0.080%"),
        ("walk_forward", None, Level.UNTESTED, "Not examined: walk-forward"),
        ("overfitting.pbo", math.nan, Level.UNTESTED, "Not examined: probability of overfitting"),
    ],
)
def test_each_weakness_is_named_and_lowers_the_level(
    path: str, value: Any, level: Level, words: str
) -> None:
    found = verdict(changed(path, value))
    assert found.level == level
    assert words in found.text


def test_of_a_loss_nothing_was_earned_and_no_trade_carries_it() -> None:
    evidence = changed("concentration.profit_factor_without_best_three", 0.9)
    evidence["best_year"] = {"days": 365, "start": "2022-03-01", "sharpe": 3.0, "others": -1.0}
    assert "Three trades carry it" in verdict(evidence).text
    assert "All of it was earned" in verdict(evidence).text
    evidence["metrics"]["net_return"] = -0.01
    assert "carry it" not in verdict(evidence).text
    assert "earned" not in verdict(evidence).text


@pytest.mark.parametrize(
    ("where", "earned", "fall", "level", "words"),
    [
        ("metrics", -0.97, 0.99, Level.FAILS, "lost 97.00% of the account, whatever its Sharpe"),
        ("metrics", -1e-4, 0.1, Level.FAILS, "lost 0.01% of the account"),
        (
            "envelope.low_first",
            -0.2,
            0.3,
            Level.FAILS,
            "lost 20.00% in its worst price path",
        ),
        ("metrics", 14.9, 0.98, Level.DOUBTFUL, "fell 98% below its highest: it was all but lost"),
        ("envelope.high_first", 0.3, 0.9, Level.DOUBTFUL, "fell 90% below its highest"),
        ("metrics", 0.3, 0.5, Level.HOLDS, "fell 50% below its highest."),
        ("metrics", 0.0, 0.49, Level.HOLDS, ""),
    ],
)
def test_an_account_that_was_lost_is_no_result_at_any_sharpe_ratio(
    where: str, earned: float, fall: float, level: Level, words: str
) -> None:
    evidence = changed(f"{where}.net_return", earned)
    place = evidence
    for key in where.split("."):
        place = place[key]
    place["max_drawdown"] = fall
    found = verdict(evidence)
    assert found.level == level
    assert words in found.text
    assert words or found == verdict(GOOD)


def test_of_a_loss_at_a_sharpe_ratio_below_zero_the_two_agree() -> None:
    evidence = changed("metrics.net_return", -0.0687)
    evidence["envelope"] = {}
    evidence["metrics"]["sharpe"] = -3.81
    assert "It lost 6.87% of the account." in verdict(evidence).text
    evidence["metrics"]["sharpe"] = 0.4
    assert "It lost 6.87% of the account, whatever its Sharpe ratio says." in verdict(evidence).text


def test_money_lost_out_of_sample_is_told_beside_a_sharpe_ratio_above_zero() -> None:
    found = verdict(changed("walk_forward.out_of_sample.net_return", -0.4))
    assert found.level == Level.DOUBTFUL
    assert "Out of sample 40.00% of the account was lost, at a Sharpe ratio of 0.90" in found.text
    assert verdict(changed("walk_forward.out_of_sample.net_return", 0.1)) == verdict(GOOD)


def test_one_set_is_one_set() -> None:
    found = verdict(changed("deflated_sharpe.distinct.trials", 1)).text
    assert "With 1 different set among those tried" in found


def test_thin_neighbours_are_said_apart_and_lower_nothing() -> None:
    found = verdict(changed("plateau.thin", 7))
    assert found.level == Level.HOLDS
    assert "too few trades in 7 of its 20 neighbours" in found.text


def few_permuted(count: int, as_good: int, every: float) -> dict[str, Any]:
    evidence = changed("permutation", {"count": count, "p_best": (1 + as_good) / (count + 1)})
    evidence["deflated_sharpe"]["all"]["probability"] = every
    return evidence


@pytest.mark.parametrize(
    ("as_good", "level"), [(0, Level.HOLDS), (1, Level.DOUBTFUL), (9, Level.DOUBTFUL)]
)
def test_few_permuted_markets_speak_against_but_not_for_it(as_good: int, level: Level) -> None:
    found = verdict(few_permuted(9, as_good, 0.97))
    assert found.level == level
    said = f"found as much on {as_good} of 9 permuted markets, too few to speak for it"
    assert sum(said in sentence for sentence in found.sentences) == 1
    assert "sweep.permutations = 19 would" in found.text
    assert verdict(few_permuted(9, as_good, 0.9)).level == Level.DOUBTFUL


@pytest.mark.parametrize(("others", "level"), [(0.01, Level.HOLDS), (0.0, Level.DOUBTFUL)])
def test_an_edge_of_one_year_is_doubtful(others: float, level: Level) -> None:
    year = {"days": 365, "start": "2022-03-01T00:00:00Z", "sharpe": 3.0, "others": others}
    found = verdict({**GOOD, "best_year": year})
    assert found.level == level
    assert ("in the 365 days from 2022-03-01 on" in found.text) == (level == Level.DOUBTFUL)


@pytest.mark.parametrize(
    ("left", "level"), [(0.51, Level.HOLDS), (0.49, Level.DOUBTFUL), (-0.2, Level.DOUBTFUL)]
)
def test_an_edge_that_is_the_markets_own_is_doubtful(left: float, level: Level) -> None:
    found = verdict({**GOOD, "beyond_market": {"sharpe": 1.5, "left": left}})
    assert found.level == level
    assert (f"Of a Sharpe ratio of 1.50, {left:.2f} is left" in found.text) == (
        level == Level.DOUBTFUL
    )


def test_a_loss_has_nothing_that_the_market_could_have_made() -> None:
    found = verdict({**GOOD, "beyond_market": {"sharpe": -0.5, "left": -0.9}})
    assert "is left" not in found.text


@pytest.mark.parametrize(
    ("count", "hold", "level", "said"),
    [
        (19, 0.81, Level.HOLDS, True),
        (18, 0.81, Level.DOUBTFUL, True),
        (0, 0.81, Level.DOUBTFUL, True),
        (0, 0.8, Level.HOLDS, False),
    ],
)
def test_a_market_that_did_better_when_held_is_told(
    count: int, hold: float, level: Level, said: bool
) -> None:
    evidence = changed("walk_forward.same_span", {"buy_and_hold": {"sharpe": hold}})
    evidence["permutation"]["count"] = count
    evidence["permutation"]["p_best"] = 1 / (count + 1)
    evidence["deflated_sharpe"]["all"]["probability"] = 0.97
    found = verdict(evidence)
    assert found.level == level
    assert ("Holding the market did better" in found.text) == said


def test_a_median_of_phases_is_told_as_that() -> None:
    """Beside it stands the ratio of the first phase, which is another number."""
    evidence = changed("walk_forward.same_span", {"buy_and_hold": {"sharpe": 0.9}})
    evidence["walk_forward"]["range"] = {"low": 0.21, "median": 0.43, "high": 0.9}
    text = verdict(evidence).text
    assert "Walk-forward out of sample: Sharpe 0.43 (median of phases, 0.21 to 0.90)" in text
    assert "Sharpe 0.90 against 0.43 (median of phases)" in text


@pytest.mark.parametrize(("highest", "said"), [(2.6, False), (2.7, True), (math.inf, False)])
def test_a_far_better_set_that_was_not_taken_is_told(highest: float, said: bool) -> None:
    found = verdict(changed("plateau.highest", highest))
    assert found.level == Level.HOLDS
    assert ("The set with the highest objective, 2.70 against 1.30" in found.text) == said


def test_a_signal_that_goes_by_dates_is_doubtful() -> None:
    found = verdict({**GOOD, "look_ahead": {"tried": 60, "found": None, "by_dates": True}})
    assert found.level == Level.DOUBTFUL
    assert found.sentences[1].startswith("The signal says something else of the same candles")


def test_an_exit_that_goes_by_dates_is_doubtful() -> None:
    examined = {"tried": 60, "found": None, "by_dates": False, "exit_by_dates": True}
    found = verdict({**GOOD, "look_ahead": examined})
    assert found.level is Level.DOUBTFUL
    assert found.sentences[1].startswith("The exit rule says something else of the same candles")
    both = verdict({**GOOD, "look_ahead": {**examined, "by_dates": True}})
    assert both.sentences[1].startswith("The signal and the exit rule say something else")


@pytest.mark.parametrize(
    ("which", "words"),
    [
        (
            ("by_prices",),
            "The signal says something else of the same candles a ten-thousandth",
        ),
        (("exit_by_prices", "size_by_prices"), "The exit rule and the size say something else"),
        ((), ""),
    ],
)
def test_what_goes_by_prices_of_its_own_is_doubtful(which: tuple[str, ...], words: str) -> None:
    examined = {"tried": 60, "found": None} | dict.fromkeys(which, True)
    found = verdict({**GOOD, "look_ahead": examined})
    assert found.level is (Level.DOUBTFUL if which else Level.HOLDS)
    assert found.sentences[1].startswith(words)


@pytest.mark.parametrize(
    ("longs", "level"),
    [({"trades": 90, "sharpe": 0.4}, Level.HOLDS), ({"sharpe": -0.1}, Level.DOUBTFUL), (None, 2)],
)
def test_shorts_on_a_spot_market_are_no_result_unless_the_longs_earn(
    longs: dict[str, Any] | None, level: Level
) -> None:
    sides = {"short": {"trades": 90, "sharpe": 1.5}} | ({"long": longs} if longs else {})
    found = verdict({**GOOD, "sides": sides})
    assert found.level == level
    assert "90 shorts among its trades, which a spot market cannot do" in found.text
    assert verdict({**GOOD, "sides": sides, "market_type": "margin"}).level == Level.HOLDS


def test_a_signal_that_could_not_be_asked_is_untested() -> None:
    found = verdict({**GOOD, "look_ahead": {"tried": 0, "found": None}})
    assert found.level == Level.UNTESTED
    assert "whether the signal looks ahead" in found.text


def test_no_neighbours_are_said_as_such() -> None:
    evidence = changed("plateau.count", 0)
    evidence["plateau"]["median"] = None
    found = verdict(evidence)
    assert "no neighbours in the grid" in found.text


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("on_edge", ["stop.atr_period"], "edge of the grid in stop.atr_period"),
        ("sides.short.trades", 40, "spot market cannot do"),
        ("overfitting.pbo", 0.6, "it matters little which of these sets is taken"),
    ],
)
def test_a_note_is_said_and_lowers_nothing(path: str, value: Any, words: str) -> None:
    found = verdict(changed(path, value))
    assert found.level == Level.HOLDS
    assert words in found.sentences[1]


def test_overfitting_counts_where_skill_is_in_doubt() -> None:
    evidence = changed("overfitting.pbo", 0.3)
    evidence["deflated_sharpe"]["distinct"]["probability"] = 0.9
    assert "partly overfitted" in verdict(evidence).text
    evidence["overfitting"]["pbo"] = 0.6
    assert verdict(evidence).level == Level.FAILS


def test_a_signal_that_permuted_days_cannot_tell_is_doubtful_where_all_trials_say_skill() -> None:
    evidence = changed("permutation.p_best", 0.6)
    evidence["deflated_sharpe"]["all"]["probability"] = 0.99
    assert verdict(evidence).level == Level.DOUBTFUL


@pytest.mark.parametrize(
    ("every", "distinct", "level"),
    [(0.96, 0.99, Level.HOLDS), (0.6, 0.97, Level.DOUBTFUL), (0.6, 0.9, Level.FAILS)],
)
@pytest.mark.parametrize("count", [0, 18])
def test_fewer_than_nineteen_permutations_leave_the_deflated_sharpe_ratio(
    count: int, every: float, distinct: float, level: Level
) -> None:
    evidence = changed("permutation.count", count)
    evidence["deflated_sharpe"]["all"]["probability"] = every
    evidence["deflated_sharpe"]["distinct"]["probability"] = distinct
    assert verdict(evidence).level == level


def test_synthetic_data_gets_no_verdict_on_skill() -> None:
    evidence = changed("metrics.trades", 3)
    evidence["synthetic"] = True
    found = verdict(evidence)
    assert found.level == Level.UNTESTED
    assert "synthetic" in found.sentences[1]
    assert len(found.sentences) == 2


def test_the_summary_names_the_level_in_words() -> None:
    found = verdict(GOOD)
    assert found.as_summary() == {"level": "holds", "sentences": list(found.sentences)}


def test_nothing_traded_fails() -> None:
    assert verdict({"metrics": {"sharpe": None, "trades": 0}}).level == Level.FAILS


def test_a_single_backtest_is_untested_at_best() -> None:
    found = verdict({"metrics": {"sharpe": 2.0, "profit_factor": 3.0, "trades": 500}})
    assert found.level == Level.UNTESTED
    assert "in the backtest" in found.text


NEEDED = {"overfitting", "walk_forward", "bootstrap", "deflated_sharpe"}
OPTIONAL = {"fees", "plateau", "on_edge", "sides", "envelope", "concentration"}


@given(st.sets(st.sampled_from(sorted(NEEDED | OPTIONAL))))
def test_only_what_was_examined_can_hold(left_out: set[str]) -> None:
    evidence = {key: value for key, value in GOOD.items() if key not in left_out}
    wanted = Level.UNTESTED if left_out & NEEDED else Level.HOLDS
    assert verdict(evidence).level == wanted


@given(st.sets(st.sampled_from(sorted(NEEDED | OPTIONAL))))
def test_a_failure_is_not_outweighed_by_anything_else(left_out: set[str]) -> None:
    evidence = changed("metrics.trades", 12)
    kept = {key: value for key, value in evidence.items() if key not in left_out}
    assert verdict(kept).level == Level.FAILS


def test_a_book_needs_no_overfitting_of_its_own_and_names_its_markets() -> None:
    book = changed("overfitting", None) | {"markets": {"A/USDT": "holds", "B/USDT": "fails"}}
    found = verdict(book)
    assert found.level == Level.HOLDS
    assert "in its folder: A/USDT holds, B/USDT fails" in found.text
    assert found.text.endswith("these markets' past; the next years need not resemble it.")
    assert verdict({**book, "walk_forward": None}).level == Level.UNTESTED
    assert verdict({**book, "markets": None}).level == Level.UNTESTED


def test_a_signal_that_looks_ahead_fails_before_all_else() -> None:
    found = verdict(GOOD | {"look_ahead": {"tried": 3, "found": "the zone at noon differs"}})
    assert found.level == Level.FAILS
    assert "looks ahead" in found.sentences[1]
    assert "the zone at noon differs." in found.sentences[1]


def test_a_signal_that_was_asked_and_says_the_same_lowers_nothing() -> None:
    found = verdict(GOOD | {"look_ahead": {"tried": 60, "found": None}})
    assert found.level == Level.HOLDS
    assert "At 60 of its events the signal says the same" in found.text


def test_an_edge_that_has_gone_is_doubtful_and_a_poor_year_a_note() -> None:
    gone = {"days": 365, "sharpe": -1.3, "before": 5.5, "fall": 6.8}
    found = verdict(GOOD | {"recent": gone})
    assert found.level == Level.DOUBTFUL
    assert "last 365 days have a Sharpe ratio of -1.30 after 5.50 before: what" in found.text
    poor = verdict(GOOD | {"recent": gone | {"fall": 1.2}})
    assert poor.level == Level.HOLDS
    assert "which may be chance" in poor.sentences[1]
    nearly = verdict(GOOD | {"recent": gone | {"sharpe": 2.74}})
    assert nearly.level == Level.DOUBTFUL
    assert "2.74 after 5.50 before: what it lived on may be gone" in nearly.text
    assert verdict(GOOD | {"recent": gone | {"sharpe": 2.76}}) == verdict(GOOD)
    assert verdict(GOOD | {"recent": gone | {"sharpe": 0.4, "fall": 1.9}}) == verdict(GOOD)


def test_candles_in_question_are_doubted_whatever_the_rest_says() -> None:
    """A file whose closes were those an hour later passed every check."""
    found = verdict({**GOOD, "odd_candles": ["candles open 35% of their own height beside"]})
    assert found.level == Level.DOUBTFUL
    assert "Its candles are in question: candles open 35%" in found.text
    assert verdict({**GOOD, "odd_candles": []}).level == Level.HOLDS
