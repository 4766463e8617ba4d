"""Secrets in every place that may hold one: none comes out, in no byte written or printed."""

from __future__ import annotations

import itertools
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

import runner
from stoptrail.cli.live import _log_settings
from stoptrail.config.load import load_settings
from stoptrail.sweep.pools.processes import Processes
from stoptrail.terminal import Terminal
from tests.sweep.small import TOML, small_market, write_candles

CANARY = re.compile(rb"canary[0-9]+", re.I)
_numbers = itertools.count(1)


def canary() -> str:
    """A secret that occurs nowhere else."""
    return f"canary{next(_numbers)}"


def planted() -> dict[str, Any]:
    """Settings with a secret in every place that may hold one."""
    keys = ["apiKey", "secret", "password", "uid", "bearer", "jwt", "mnemonic", "accountId"]
    keys += ["brokerId", "privateKey"]
    return {
        "exchange": {
            "ccxt": {
                **{key: canary() for key in keys},
                "httpProxy": f"me:{canary()}@127.0.0.1:9",
                "headers": {"X-Token": canary()},
                "options": {"walletAddress": canary(), "defaultType": "spot"},
                "urls": {"api": {"public": f"http://127.0.0.1:9/v2/{canary()}/x?key={canary()}"}},
            }
        },
        "notify": {
            "urls": [f"json://127.0.0.1:9/{canary()}", f"mailto://me:{canary()}@x.example"],
            "heartbeat": f"http://me:{canary()}@127.0.0.1:9/{canary()}?x={canary()}",
        },
        "dashboard": {"token": f"{canary()}-and-some-more"},
        "telegram": {
            "token": f"123456:{canary()}-and-some-more-letters",
            "base_url": f"http://127.0.0.1:9/{canary()}",
        },
        "live": {"warm_up_days": 1, "retries": 0, "timeout_seconds": 1.0, "start_wait_seconds": 0},
    }


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings of a small sweep, with secrets."""
    candles = write_candles(tmp_path / "candles.parquet", small_market(days=150))
    file = tmp_path / "strategy.toml"
    archive = f"http://me:{canary()}@127.0.0.1:9/{canary()}"
    data = f'[data]\npath = "{candles}"\narchive = "{archive}"'
    plain = TOML.replace("[data]", data)
    file.write_text(f"{plain}\n{tomli_w.dumps(planted())}")
    return file


@pytest.fixture
def pickles(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Everything that workers are sent."""
    sent: list[bytes] = []
    spread = Processes.spread

    def listening(pool: Processes, function: Any, shared: Any, tasks: Any) -> Iterator[Any]:
        sent.extend(pickle.dumps(part) for part in (*shared, *tasks))
        yield from spread(pool, function, shared, tasks)

    monkeypatch.setattr(Processes, "spread", listening)
    return sent


def written(folder: Path, config: Path) -> Iterator[tuple[str, bytes]]:
    for file in folder.rglob("*"):
        if file.is_file() and file != config:
            yield str(file), file.read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what Apprise loads
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "database",
    [
        "sqlite",
        "postgresql://me:{}@127.0.0.1:9/x",
        "postgresql://me:p@{}/{}@127.0.0.1:9/x",
        "postgresql:///x?host=127.0.0.1&port=9&password={}",
        "postgresql://me:%zz{}@127.0.0.1:9/x",
    ],
)
def test_no_secret_is_written_printed_or_sent(
    database: str,
    config: Path,
    tmp_path: Path,
    pickles: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("stoptrail.feeds.downloads.public_archive.wait_after", lambda *_: None)
    url = database.format(canary(), canary())
    if database == "sqlite":
        url = f"sqlite:///{tmp_path / 'trials.db'}"
    grid = 'sweep.grid={"stop.trailing_atr_multiplier" = [2.0, 3.0]}'
    own = ["--config", str(config), "--set", f"database.url={url}"]
    assert runner.main(["backtest", *own, "--out", str(tmp_path / "one")]) == 0
    sweep = ["backtest", "--sweep", "--no-walk-forward", *own, "--set", grid]
    assert runner.main([*sweep, "--out", str(tmp_path / "all")]) == (0 if "sqlite" in url else 2)
    assert runner.main(["live", "--paper", *own, "--from", str(tmp_path / "one")]) in (1, 2)
    assert runner.main(["status", *own]) in (0, 4, 6)
    assert runner.main(["data", "download", *own]) in (1, 2)
    assert runner.main(["data", "download", "--archive", *own]) in (1, 2)
    assert runner.main(["status", *own, "--set", f"telegram.chat={canary()}"]) == 2
    assert runner.main(["telegram", *own]) == 2
    said = capfd.readouterr()
    pieces = [*written(tmp_path, config), ("output", said.out.encode())]
    pieces += [("logs", caplog.text.encode())]
    pieces += [("errors", said.err.encode()), ("sent to workers", b"".join(pickles))]
    for place, content in pieces:
        found = CANARY.search(content)
        assert found is None, f"{place}: {content[max(0, found.start() - 99) : found.end()]!r}"
    assert bool(pickles) == ("sqlite" in url)


def test_a_log_hides_what_gives_access_even_where_it_is_no_address() -> None:
    token = canary()
    for url in (f"json://127.0.0.1:9/{token}", f"http://me:{token}@127.0.0.1/", f"no-{token}"):
        settings = load_settings(None, (f'notify.urls=["{url}"]',))
        clean = _log_settings(settings, Terminal(), verbose=False).clean
        assert token not in clean(f"Unsupported URL: {url}")


def test_the_secrets_are_in_the_settings_that_the_program_uses(config: Path) -> None:
    """Else the test above would prove nothing."""
    settings = load_settings(config)
    text = repr(settings.exchange.options()) + settings.notify.urls[0].get_secret_value()
    assert len(set(CANARY.findall(text.encode()))) >= 14
