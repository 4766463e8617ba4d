"""`backtest --sweep --book`: the choice of a book, its folder, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import runner
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.reports.summary import verdict_of
from tests.sweep.small import DAY, FIRST, HOUR, small_market, sweep, write_candles, write_inputs

SYMBOLS = ("AAA/USDT", "BBB/USDT")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    write_inputs(folder)
    for symbol, seed in zip(SYMBOLS, (3, 4), strict=True):
        write_candles(folder / f"{symbol[:3]}.parquet", small_market(seed))
    return folder


def data_of(place: Path) -> list[str]:
    files = [
        part for symbol in SYMBOLS for part in ("--data", str(place / f"{symbol[:3]}.parquet"))
    ]
    return [*files, "--symbols", ",".join(SYMBOLS)]


def summary_of(folder: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return table


def walked_tranches(book: dict[str, Any]) -> int:
    return int(book["walk_forward"]["tranches"])


QUICK = ("--permutations", "0", "--set", "book.sets=best:3", "--set", "book.tranches=3")


@pytest.fixture(scope="module")
def done(place: Path) -> Path:
    more = ("--book", *QUICK, *data_of(place))
    assert sweep(place / "strategy.toml", place / "out", *more) == 0
    return place / "out"


def test_the_summary_holds_the_book_and_its_walk_forward(done: Path) -> None:
    summary = summary_of(done)
    book = summary["book"]
    assert summary["command"] == "sweep"
    assert book["metrics"] == summary["metrics"]
    assert sum(book["shares"].values()) == pytest.approx(1.0)
    assert book["tranches"] == walked_tranches(book) == 3
    for symbol in SYMBOLS:
        own = [sleeve for sleeve in book["sleeves"] if sleeve["symbol"] == symbol]
        assert sum(sleeve["share"] for sleeve in own) == pytest.approx(book["shares"][symbol])
        # Three sets in each of three tranches: what several have chosen is one sleeve.
        assert 3 <= len(own) == len({sleeve["from"] for sleeve in own}) <= 9
    walked = book["walk_forward"]
    # Windows of 45 days, in two phases, between tranches 15 days apart.
    assert [row["shift_days"] for row in walked["phases"]] == [0, 7]
    assert walked["interval"]["level"] == 0.9
    assert set(walked["phases"][0]["singles"]) == set(SYMBOLS)
    assert book["deflated_sharpe"]["trials"] == 2 * 24 + book["deflated_sharpe"]["ways_of_choosing"]


def test_the_book_is_judged_by_its_own_figures(done: Path) -> None:
    summary = summary_of(done)
    told, walked = (
        " ".join(summary["book"]["verdict"]["sentences"]),
        summary["book"]["walk_forward"],
    )
    assert f"out of sample: Sharpe {walked['median']:.2f}" in told
    levels = [summary_of(done / name.replace("/", "-"))["evidence"]["verdict"] for name in SYMBOLS]
    assert f"AAA/USDT {levels[0]['level']}, BBB/USDT {levels[1]['level']}" in told
    assert verdict_of(summary)[0] == summary["book"]["verdict"]["level"]


def test_each_market_trades_its_own_best_sets(done: Path) -> None:
    from stoptrail.cli.book_sleeves import best_sets

    sleeves = summary_of(done)["book"]["sleeves"]
    for symbol in SYMBOLS:
        numbers = [s["from"].split()[-1] for s in sleeves if s["symbol"] == symbol]
        best = best_sets(done / symbol.replace("/", "-"), "best:1", "")[0][0]
        assert numbers[0] == str(best)


def test_the_difference_between_sub_accounts_and_one_account_is_told(done: Path) -> None:
    book = summary_of(done)["book"]
    apart = book["sub_accounts"]
    assert apart["engine"]["net_return"] == pytest.approx(book["metrics"]["net_return"])
    for name, gap in apart["difference"].items():
        assert gap == pytest.approx(apart["engine"][name] - apart["metrics"][name])
    assert abs(apart["difference"]["sharpe"]) < 0.5


def test_its_settings_run_the_same_book_again(done: Path, place: Path) -> None:
    command = ["backtest", "--book", "--quiet", "--config", str(done / "config.toml")]
    assert runner.main([*command, "--out", str(place / "again")]) == 0
    for name in ("trades.csv", "equity.csv", "stops.csv"):
        assert (place / "again" / name).read_bytes() == (done / name).read_bytes()


def test_a_stopped_sweep_goes_on_and_shows_the_book_first(
    done: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = summary_of(done)["book"]
    for name in ("summary.json", "across.json", "manifest.json"):
        (done / name).unlink()
    done.rename(done.with_name("out.unfinished"))  # stopped after its markets were done
    command = ["backtest", "--sweep", "--resume", str(done), "--set", "sweep.jobs=2"]
    assert runner.main([*command, "--config", str(place / "strategy.toml")]) == 0
    assert summary_of(done)["book"] == before
    said = capsys.readouterr().out
    assert said.index("Over 2 phases: mean") < said.index("Best set of each market")
    assert "each alone" in said
    assert "Out of sample" in (done / "report.html").read_text()


def test_markets_without_a_time_in_common_are_refused_before_the_search(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = FIRST + 400 * DAY
    late = write_candles(
        place / "late.parquet", synthetic_candles(3, HOUR, begin, begin + 200 * DAY)
    )
    more = ("--book", "--data", str(place / "AAA.parquet"), "--data", str(late))
    assert sweep(place / "strategy.toml", place / "none", *more) == 2
    assert "do not overlap" in capsys.readouterr().err
    assert not list(place.glob("none*"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "a book needs markets"),
        (("--symbols", "A/B", "--plot"), "--plot draws one market"),
        (("--symbols", "A/B", "--set", 'sweep.grid={"costs.slippage"=[0.0]}'), "costs.slippage"),
        (("--symbols", "A/B", "--set", "book.sets=best:0"), 'must be "best:1" to "best:999"'),
        (("--symbols", "A/B", "--set", "book.choose=all"), "book.choose"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], words: str
) -> None:
    own = ("--book", "--set", "data.path=", *more)
    assert sweep(place / "strategy.toml", place / "none", *own) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert said.count("\n") == 0
    assert not (place / "none").exists()
