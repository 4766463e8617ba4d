"""What has to stay in a swap's account, from a download over runs to their verdict (C20)."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from rich.console import Console

import runner
from stoptrail.cli.data import download
from stoptrail.exchange.rows import Row
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.sweep.statistics.checks import maintenance
from tests.exchange.test_tiers import BYBIT
from tests.live.funding_exchanges import HOUR, BybitMarket, hosted

DAY = 24 * HOUR
END = 1_735_689_600_000
TIERS = [[0.0, 0.0033], [300_000.0, 0.005], [2_000_000.0, 0.0056]]


def exchange(days: int, tiers: Any) -> BybitMarket:
    """Hours of a market up to a moment of the exchange's clock."""
    made = synthetic_candles(1, HOUR, END - days * DAY, END)
    rows: list[Row] = [tuple(row) for row in zip(*(c.tolist() for c in made[:6]), strict=True)]
    found = BybitMarket(rows, {}, END + HOUR)
    found.tiers = tiers
    return found


def settings(folder: Path, options: dict[str, Any], **market: Any) -> str:
    """A file of settings for the last fifty days."""
    table = {
        "data": {
            "exchange": "bybit",
            "symbol": BybitMarket.symbol,
            "timeframe": "1h",
            "start": "2024-11-12",
            "end": "2025-01-01",
            "cache": str(folder / "cache"),
        },
        "exchange": {"ccxt": options},
        "risk": {"max_leverage": 10.0, "risk_per_trade": 0.05},
        "costs": {"funding_rate": 0.0001},
        "market": market,
    }
    file = folder / "strategy.toml"
    file.write_text(tomli_w.dumps(table))
    return str(file)


def ran(folder: Path, config: str, *more: str) -> dict[str, Any]:
    """The summary of a run."""
    out = folder / "run"
    assert runner.main(["backtest", "--config", config, "--out", str(out), "--force", *more]) == 0
    found: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return found


def test_a_run_takes_the_exchange_s_tiers_and_says_so_again_and_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the download, from the settings that the run has kept, and against one's own."""
    with hosted(exchange(380, BYBIT)) as options:
        config = settings(tmp_path, options)
        told = ran(tmp_path, config)
        kept = {**told["maintenance_margin"][0]}
        day = kept.pop("of").removeprefix("bybit ")
        assert kept == {
            "symbol": BybitMarket.symbol,
            "source": "exchange",
            "by": "notional",
            "tiers": TIERS,
        }
        words = f"3 tiers from 0.0033 to 0.0056 of a BTC/USDT:USDT position, read from bybit {day}"
        assert words in capsys.readouterr().out
        assert words in (tmp_path / "run" / "report.html").read_text()
        assert not [line for line in told["warnings"] if "maintenance" in line]
        again = ran(tmp_path, str(tmp_path / "run" / "config.toml"))
        assert again["maintenance_margin"] == told["maintenance_margin"]
        assert again["metrics"] == told["metrics"]
        own = ran(tmp_path, config, "--set", "market.maintenance_margin=0.02")
    assert [each["source"] for each in own["maintenance_margin"]] == ["settings"]
    line = f"market.maintenance_margin is your own; bybit {day} has 3 tiers from 0.0033 to 0.0056"
    assert any(line in warning for warning in own["warnings"])
    table = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert table["market"]["maintenance_margin"] == 0.02


def test_without_tiers_a_run_with_leverage_says_that_its_margin_is_assumed(tmp_path: Path) -> None:
    with hosted(exchange(380, None)) as options:
        told = ran(tmp_path, settings(tmp_path, options))
    assert [each["source"] for each in told["maintenance_margin"]] == ["default"]
    assert any("0.005 of the notional is assumed" in line for line in told["warnings"])
    assert any("was not read: bybit" in note for note in told["data"]["notes"])


def test_the_verdict_names_leverage_on_an_assumed_margin() -> None:
    def found(source: str, leverage: float) -> Any:
        return maintenance({"maintenance": {"source": source, "leverage": leverage}})

    assert "at up to 20 times the account rest on an assumed one" in found("default", 20.0).sentence
    assert found("default", 20.0).note
    assert found("default", 1.0) is None
    assert found("bybit 2026-11-28", 20.0) is None
    assert maintenance({}) is None


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        (BYBIT, "maintenance margin: 3 tiers from 0.0033 to 0.0056, bybit 20"),
        (None, "maintenance margin: not known; set market.maintenance_margin, else 0.005"),
    ],
)
def test_a_download_says_what_it_knows(tiers: Any, words: str, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=200)
    with hosted(exchange(3, tiers)) as options:
        start, end = END - 2 * DAY, END - DAY
        given = "bybit", options, BybitMarket.symbol, "1h", start, end, tmp_path
        assert download(*given, console, warm_up=False) == 0
    assert isinstance(console.file, io.StringIO)
    assert words in console.file.getvalue()
