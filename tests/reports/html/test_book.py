"""What the page of a book draws."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.reports.html.book import MOST_SLEEVES, book_data, book_section
from stoptrail.reports.run_files import EquityCurve, RunFiles

DAYS = ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z")
PROFITS = {"1": (0.0, 5.0, 7.0), "2": (0.0, -1.0, -4.0), "3": (0.0, 20.0, 30.0)}


NO_EQUITY = EquityCurve(np.zeros(0, np.int64), np.zeros(0))


def book(folder: Path, matrix: list[list[float]]) -> dict[str, Any]:
    """The data of a book of three sleeves, the first and the last of one market."""
    rows = [",".join(["day", *PROFITS])]
    for k, day in enumerate(DAYS):
        rows.append(",".join([day, *(str(own[k]) for own in PROFITS.values())]))
    (folder / "sleeves.csv").write_text("\n".join(rows) + "\n")
    (folder / "exposure.csv").write_text("day,open_risk,notional\n2024-01-01T00:00:00Z,0.01,0.5\n")
    symbols = ("BTC/USDT", "ETH/USDT", "BTC/USDT")
    sleeves = [{"number": k, "symbol": symbol} for k, symbol in enumerate(symbols, 1)]
    summary = {"book": {"sleeves": sleeves, "correlation": matrix}}
    found = book_data(RunFiles(folder, summary, [], {}, NO_EQUITY, [], NO_EQUITY, ""))
    assert found is not None
    return found


def test_the_profit_of_a_market_is_that_of_all_its_sleeves(tmp_path: Path) -> None:
    profits = book(tmp_path, [])["profits"]
    drawn = {
        name: np.frombuffer(base64.b64decode(column["data"]), "<f8").tolist()
        for name, column in profits.items()
    }
    assert drawn == {"BTC/USDT": [0.0, 25.0, 37.0], "ETH/USDT": [0.0, -1.0, -4.0]}


@pytest.mark.parametrize(
    ("sleeves", "is_drawn"),
    [(1, False), (2, True), (MOST_SLEEVES, True), (MOST_SLEEVES + 1, False)],
)
def test_correlations_are_drawn_of_some_sleeves(
    sleeves: int, is_drawn: bool, tmp_path: Path
) -> None:
    matrix = [[1.0] * sleeves] * sleeves
    assert book(tmp_path, matrix)["correlation"] == (matrix if is_drawn else None)


def test_what_was_in_use_is_told_by_mean_and_most() -> None:
    used = {"open_risk": {"mean": 0.011, "max": 0.034}, "notional": {"mean": 0.2, "max": 0.987}}
    sleeves = [{"number": 1, "symbol": "BTC/USDT", "share": 0.5, "profit": 1.0, "trades": 2}]
    said = book_section({"book": {"sleeves": sleeves, "account": "shared", **used}}, {})
    assert "open risk 1.1% on average, 3.4% at most" in said
    assert "notional 20.0% on average, 98.7% at most" in said
