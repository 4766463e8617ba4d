"""`backtest --book` from the command line: its files, its sleeves, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import runner
from stoptrail.cli.book_sleeves import best_sets
from tests.sweep.small import small_market, sweep, write_candles, write_inputs


class Place(NamedTuple):
    """A folder with settings and the candles of three markets."""

    folder: Path
    config: Path
    files: list[Path]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("book")
    config = write_inputs(folder)
    files = [write_candles(folder / f"m{seed}.parquet", small_market(seed)) for seed in (3, 4, 5)]
    return Place(folder, config, files)


def backtest(place: Place, out: str, *more: str) -> Path:
    target = place.folder / out
    command = ["backtest", "--quiet", "--config", str(place.config), "--out", str(target)]
    assert runner.main([*command, *more]) == 0
    return target


def data_of(place: Place, *numbers: int) -> list[str]:
    """--data and --symbols of some of the markets."""
    names = [f"M{number}/USDT" for number in numbers]
    files = [part for number in numbers for part in ("--data", str(place.files[number]))]
    return [*files, "--symbols", ",".join(names)]


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def summary_of(folder: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return table


@pytest.fixture(scope="module")
def three(place: Place) -> Path:
    """A book of three markets in equal parts."""
    return backtest(place, "three", "--book", *data_of(place, 0, 1, 2))


def test_a_book_tells_of_each_market_how_long_its_settings_bring_no_signal(
    place: Place, three: Path
) -> None:
    start = "--set", "data.start=2020-01-01"
    idle = [line for line in summary_of(three)["warnings"] if "stands idle" in line]
    assert idle == []
    cold = backtest(place, "cold", "--book", *data_of(place, 0, 1), *start)
    alone = backtest(place, "alone_cold", *data_of(place, 0), *start)
    (words,) = [line for line in summary_of(alone)["warnings"] if "stands idle" in line]
    idle = [line for line in summary_of(cold)["warnings"] if "stands idle" in line]
    assert idle == [f"M0/USDT: {words}", f"M1/USDT: {words}"]


def test_a_book_of_one_sleeve_writes_what_the_run_without_a_book_writes(place: Place) -> None:
    alone = backtest(place, "alone", *data_of(place, 0))
    booked = backtest(place, "booked", "--book", *data_of(place, 0))
    for name in ("stops.csv", "equity.csv", "fills.csv"):
        assert (booked / name).read_bytes() == (alone / name).read_bytes()
    own = rows_of(booked / "trades.csv")
    added = [{key: row.pop(key) for key in ("sleeve", "symbol")} for row in own]
    assert own == rows_of(alone / "trades.csv")
    assert added == [{"sleeve": "1", "symbol": "M0/USDT"}] * len(own)
    assert len(own) > 20
    one, other = summary_of(alone), summary_of(booked)
    assert {**other["metrics"], "ignored_signals": 0} == {**one["metrics"], "ignored_signals": 0}
    assert other["sides"] == one["sides"]
    assert other["years"] == one["years"]
    assert other["buy_and_hold"]["net_return"] == pytest.approx(one["buy_and_hold"]["net_return"])


def test_separate_accounts_add_up_to_the_single_runs(place: Place) -> None:
    cash = 100_000.0
    shares = ["--set", 'book.account="separate"']
    book = backtest(place, "separate", "--book", *shares, *data_of(place, 0, 1))
    equity, trades = np.zeros(0), 0
    for number in (0, 1):
        own = ("--set", f"account.cash={cash / 2}", *data_of(place, number))
        single = backtest(place, f"single-{number}", *own)
        values = np.array([float(row["equity"]) for row in rows_of(single / "equity.csv")])
        equity = values if not len(equity) else equity + values
        found = [row for row in rows_of(book / "trades.csv") if row["sleeve"] == str(number + 1)]
        kept = rows_of(single / "trades.csv")
        assert [row["pnl"] for row in found] == [row["pnl"] for row in kept]
        trades += len(kept)
    assert trades > 40
    booked = [float(row["equity"]) for row in rows_of(book / "equity.csv")]
    np.testing.assert_allclose(booked, equity, rtol=1e-12)


def test_the_summary_tells_the_whole_and_every_sleeve(three: Path) -> None:
    summary = summary_of(three)
    book, trades = summary["book"], rows_of(three / "trades.csv")
    assert [sleeve["symbol"] for sleeve in book["sleeves"]] == ["M0/USDT", "M1/USDT", "M2/USDT"]
    assert sum(sleeve["trades"] for sleeve in book["sleeves"]) == book["metrics"]["trades"]
    for sleeve in book["sleeves"]:
        own = [row for row in trades if row["sleeve"] == str(sleeve["number"])]
        assert sleeve["profit"] == pytest.approx(sum(float(row["pnl"]) for row in own))
    assert sum(sleeve["contribution"] for sleeve in book["sleeves"]) == pytest.approx(1.0)
    assert sum(sleeve["risk_contribution"] for sleeve in book["sleeves"]) == pytest.approx(1.0)
    assert np.diag(book["correlation"]).tolist() == [1.0, 1.0, 1.0]
    assert 0.0 < book["open_risk"]["mean"] <= book["open_risk"]["max"] < 0.05
    assert book["metrics"] == summary["metrics"]
    assert len(summary["data"]["markets"]) == 3
    assert [int(row["number"]) for row in trades] == list(range(1, len(trades) + 1))


def test_one_file_under_two_names_is_told(
    place: Place, three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not [line for line in summary_of(three)["warnings"] if "same candles" in line]
    names = ["--symbols", "A/USDT,B/USDT", *["--data", str(place.files[0])] * 2]
    out = place.folder / "twice"
    command = ["backtest", "--book", "--config", str(place.config), "--out", str(out)]
    assert runner.main([*command, *names]) == 0
    (line,) = [line for line in summary_of(out)["warnings"] if "same candles" in line]
    assert line in capsys.readouterr().err


def test_a_market_that_comes_later_and_ends_early_is_told(
    place: Place, three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "its share of the account stands idle"
    assert not [line for line in summary_of(three)["warnings"] if words in line]
    whole = small_market(4)
    part = slice(20 * 24, -10 * 24)
    file = write_candles(
        place.folder / "part.parquet",
        whole._replace(**{name: getattr(whole, name)[part] for name in whole._fields[:-1]}),
    )
    out = place.folder / "partly"
    command = ["backtest", "--book", "--config", str(place.config), "--out", str(out)]
    files = ["--data", str(place.files[0]), "--data", str(file), "--symbols", "M0/USDT,M1/USDT"]
    assert runner.main([*command, *files]) == 0
    (line,) = [line for line in summary_of(out)["warnings"] if words in line]
    assert line.startswith("M1/USDT has candles from ")
    assert line in capsys.readouterr().err


def test_days_of_sleeves_add_up_to_the_equity(three: Path) -> None:
    equity = [float(row["equity"]) for row in rows_of(three / "equity.csv")]
    parts = [
        sum(float(row[name]) for name in ("1", "2", "3")) for row in rows_of(three / "sleeves.csv")
    ]
    np.testing.assert_allclose(np.array(equity) - equity[0], parts, atol=1e-6)
    exposure, book = rows_of(three / "exposure.csv"), summary_of(three)["book"]
    assert len(exposure) == len(equity)
    for name in ("open_risk", "notional"):
        assert max(float(row[name]) for row in exposure) == book[name]["max"]
    assert book["open_risk"]["max"] < book["notional"]["max"]


def test_its_own_configuration_runs_it_again(place: Place, three: Path) -> None:
    again = Place(place.folder, three / "config.toml", place.files)
    found = backtest(again, "again", "--book")
    for name in ("trades.csv", "stops.csv", "equity.csv", "sleeves.csv"):
        assert (found / name).read_bytes() == (three / name).read_bytes()


def test_what_a_sleeve_alone_has_is_in_its_configuration(place: Place) -> None:
    """Of its data, beside what it takes of a run, and what the book has and the run had not."""
    silent = small_market(4)
    silent.volume[::7] = 0.0
    file = write_candles(place.folder / "silent.parquet", silent)
    own = ("--set", "stop.trailing_atr_multiplier=2.5", "--set", "exits.target=1.5")
    run = backtest(place, "one", *own, *data_of(place, 0))
    first = f'{{symbol="M0/USDT",share=0.5,from="{run}",risk.risk_per_trade=0.02}}'
    second = '{symbol="M1/USDT",share=0.4,data.volume="unknown",market.lot=0.001}'
    files = ["--data", str(place.files[0]), "--data", str(file), "--symbols", "M0/USDT,M1/USDT"]
    sets = ["--set", f"book.sleeves=[{first},{second}]", "--set", "costs.maker_fee=0.0003"]
    made = backtest(place, "own", "--book", *sets, *files)
    again = backtest(Place(place.folder, made / "config.toml", []), "own-again", "--book")
    assert {row["exit_reason"] for row in rows_of(made / "trades.csv")} > {"target"}
    for name in (
        "config.toml",
        "trades.csv",
        "fills.csv",
        "stops.csv",
        "equity.csv",
        "sleeves.csv",
    ):
        assert (again / name).read_bytes() == (made / name).read_bytes()


def data_in(page: str) -> str:
    """What the scripts of a page draw."""
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_report_is_made_again_from_the_folder(three: Path, capsys: Any) -> None:
    page = (three / "report.html").read_text()
    assert "The book" in page
    (three / "report.html").unlink()
    assert runner.main(["report", str(three)]) == 0
    again = (three / "report.html").read_text()
    assert data_in(again) == data_in(page)
    assert '"windows": [{' in data_in(again) or '"windows":[{' in data_in(again)
    assert runner.main(["plot", str(three)]) == 2
    assert "is a book" in capsys.readouterr().err


def test_sets_of_a_sweep_become_sleeves(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    found = place.folder / "swept"
    assert sweep(place.config, found, "--no-walk-forward", *data_of(place, 0)) == 0
    table = f'[{{symbol="M0/USDT",share=0.5,from="{found}",sets="best:3"}}]'
    book = backtest(place, "sets", "--book", "--set", f"book.sleeves={table}", *data_of(place, 0))
    sleeves = summary_of(book)["book"]["sleeves"]
    assert [sleeve["share"] for sleeve in sleeves] == [pytest.approx(0.5 / 3)] * 3
    assert len({json.dumps(sleeve["settings"], sort_keys=True) for sleeve in sleeves}) == 3
    best, spread = (best_sets(found, sets, "") for sets in ("best:3", "spread:2"))
    assert [number for number, _ in spread] == [best[0][0], best[1][0]]  # of 24, the best 2
    many = table.replace("best:3", "best:999")
    refused = refusal(place, capsys, "--set", f"book.sleeves={many}", *data_of(place, 0))
    assert "ask for fewer in `sets`" in refused


def test_a_book_is_no_set_to_trade(
    place: Place, three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sleeves = f'book.sleeves=[{{share=1.0,from="{three}"}}]'
    assert "is a book itself" in refusal(place, capsys, "--set", sleeves)
    assert runner.main(["live", "--paper", "--from", str(three)]) == 2
    assert "is a book" in capsys.readouterr().err


def refusal(place: Place, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What a book that is refused is told, in one line."""
    command = ["backtest", "--book", "--quiet", "--config", str(place.config)]
    assert runner.main([*command, "--out", str(place.folder / "refused"), *more]) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    assert not list(place.folder.glob("refused*"))
    return line


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "name markets with --symbols"),
        (["--symbols", "A/B", "--plot"], "draws one market"),
        (["--symbols", "A/B", "--walk-forward"], "leave --walk-forward out"),
        (["--set", 'book.sleeves=[{symbol="A/B",share=1.0}]', "--symbols", "C/D"], "no sleeve"),
        (["--set", "book.sleeves=[{share=0.6},{share=0.6}]"], "more than 1"),
        (["--set", 'book.sleeves=[{share=0.5,from="nowhere"}]'], "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(
    place: Place, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    assert words in refusal(place, capsys, *more)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["backtest", "--book", "--symbols", "A/B,A/B"], "A/B is given twice"),
        (["backtest", "--book", "--resume", "nowhere"], "there is no sweep to go on with"),
        (["backtest", "--symbols", "A/B,C/D"], "add --book"),
        (["live", "--paper", "--symbols", "A/B,C/D,A/B"], "A/B is given twice"),
    ],
)
def test_markets_and_folders_that_are_none_are_told_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], command: list[str], words: str
) -> None:
    assert runner.main(command) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    assert words in line


def test_a_notice_says_which_of_several_markets_it_is_of(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = small_market(4)
    silent.volume[::7] = 0.0
    file = write_candles(place.folder / "silent-too.parquet", silent)
    command = ["backtest", "--book", "--config", str(place.config)]
    files = ["--data", str(place.files[0]), "--data", str(file), "--symbols", "M0/USDT,M1/USDT"]
    assert runner.main([*command, "--out", str(place.folder / "silent"), *files]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "have no volume" in line]
    assert line.startswith("M1/USDT: ")


def test_what_does_nothing_in_every_sleeve_is_said_once(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["backtest", "--book", "--config", str(place.config), *data_of(place, 0, 1)]
    command += ["--out", str(place.folder / "idle"), "--set", "exits.time_below=0.5"]
    assert runner.main(command) == 0
    assert capsys.readouterr().err.count("exits.time_below 0.5 does nothing") == 1


def test_files_and_markets_have_to_pair_up(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [*data_of(place, 0, 1)[:4], "--symbols", "A/B,C/D,E/F"]
    assert "give one for each" in refusal(place, capsys, *more)


def test_a_share_that_buys_no_order_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    sleeves = 'book.sleeves=[{symbol="M0/USDT",share=0.5},{symbol="M1/USDT",share=0.0000001}]'
    more = ["--set", sleeves, "--set", "market.min_notional=5.0", *data_of(place, 0, 1)]
    own = sleeves[:-2] + ",market.min_notional=5.0}]"
    assert "share 1e-07 of M1/USDT" in refusal(place, capsys, *more, "--set", own)


def test_spans_without_a_moment_in_common_are_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    candles = small_market(9)
    later = candles._replace(time=candles.time + 5_000 * 86_400_000)
    file = write_candles(place.folder / "later.parquet", later)
    more = ["--symbols", "M0/USDT,L/USDT", "--data", str(place.files[0]), "--data", str(file)]
    assert "do not overlap" in refusal(place, capsys, *more)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--book"], "[[book.sleeves]]"),
        (["--book", "--from", "runs/x"], "--config runs/x/config.toml"),
        (["--symbols", "A/B,C/D", "--set", "book.account=separate"], "data.symbol="),
        (["--symbols", ","], "--symbols must name markets"),
    ],
)
def test_what_a_book_on_paper_has_not_is_refused_in_a_line(
    options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["live", "--paper", *options]) == 2
    line = capsys.readouterr().err.strip()
    assert line.count("\n") == 0
    assert named in line


def test_what_sleeves_ask_for_and_the_constant_rate_they_pay_are_told(place: Place) -> None:
    out = place.folder / "much"
    command = ["backtest", "--book", "--config", str(place.config), "--out", str(out)]
    files = ["--data", str(place.files[0]), "--data", str(place.files[1])]
    names = ["--symbols", "M0/USDT:USDT,M1/USDT:USDT"]
    much = ["--set", "risk.risk_per_trade=0.5", "--set", "costs.funding_rate=0.0002"]
    much += ["--set", "market.type=swap"]
    assert runner.main([*command, *files, *names, *much]) == 0
    summary = summary_of(out)
    found = [
        line for line in summary["warnings"] if "asks for a loss of 25% of the account" in line
    ]
    assert [line.partition(": ")[0] for line in found] == ["M0/USDT:USDT", "M1/USDT:USDT"]
    for table in summary["data"]["markets"]:
        assert table["funding"]["source"] == "costs.funding_rate"
        assert table["funding"]["rate"] == 0.0002
        assert table["funding"]["rows"] > 3 * 30
