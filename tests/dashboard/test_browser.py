"""The pages in a real browser: at a desk and on a phone, light and dark."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from stoptrail.backtest.manifest import write_manifest
from stoptrail.dashboard.ledgers import Ledgers
from tests.dashboard.served import Client, served
from tests.reports.example_run import write_example_run
from tests.reports.html.browser import chromium, errors, found, requests, wait_until

SIZES = {"desk": (1440, 900, False), "phone": (390, 844, True)}
HOSTILE = "<img src=x onerror='window.attacked=1'><script>window.attacked=1</script>"
FITS = "return document.documentElement.scrollWidth <= innerWidth"
TEXT = "return document.body.innerText"
LIST = "return document.querySelector('.part-list').innerText"
TAB = """
  const tabs = [...document.querySelectorAll("[role=tab]")];
  tabs.find((tab) => tab.textContent === arguments[0]).click();
"""
DRAWN = "return document.querySelectorAll('[data-drawn]:not([data-drawn=\"0\"]) canvas').length"


class Running:
    """Stands for a session's process: it says that it is there, and obeys."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.price = 30_000.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._turn)

    def _turn(self) -> None:
        with closing(sqlite3.connect(self.file, timeout=10)) as own:
            while not self._over.wait(0.1):
                now = int(time.time() * 1000)
                with own:
                    own.execute(
                        "UPDATE presence SET beat = ?, state = 'running', connection = 'live', "
                        "price = ?, price_time = ?",
                        (now, self.price, now),
                    )

    @contextmanager
    def turning(self) -> Iterator[Running]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()


@pytest.fixture(scope="module")
def place(
    played: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Client, Running]]:
    found()
    folder = tmp_path_factory.mktemp("place")
    ledger = Path(shutil.copy(played, folder / "ledger.db"))
    for name, days in (("one", 40), ("other", 60)):
        (folder / "runs" / name).mkdir(parents=True)
        write_example_run(folder / "runs" / name, days=days, every=200)
    with (
        Running(ledger).turning() as session,
        served(f"sqlite:///{ledger}", runs=folder / "runs") as (client, _),
    ):
        yield client, session


@pytest.fixture(scope="module", params=sorted(SIZES))
def window(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    width, height, dark = SIZES[request.param]
    with chromium(tmp_path_factory.mktemp("profile"), width, height, dark=dark) as opened:
        yield opened


def open_page(window: Any, client: Client, path: str = "/") -> None:
    window.get("about:blank")
    requests(window), errors(window)  # of a page before, whose server may be gone
    window.get(client.origin + path)
    wait_until(window, "return document.documentElement.dataset.ready !== undefined")


def drawn(window: Any) -> Any:
    return wait_until(window, DRAWN)


def own_requests_only(window: Any, client: Client) -> bool:
    asked = [url for url in requests(window) if url.startswith(("http", "ws"))]
    return bool(asked) and all(url.startswith(client.origin + "/") for url in asked)


def test_the_sessions_follow_the_price(window: Any, place: tuple[Client, Running]) -> None:
    client, session = place
    session.price = 31_111.5
    open_page(window, client)
    for price, shown in ((31_111.5, "31,111.50"), (32_222.25, "32,222.25")):
        session.price = price
        wait_until(window, f"{TEXT}.includes(arguments[0])", shown)
    assert window.execute_script(FITS)
    assert own_requests_only(window, client)
    assert errors(window) == []


def test_marks_of_small_falls_differ(window: Any, place: tuple[Client, Running]) -> None:
    """Of falls down to 0.012 % an axis that says 0.0 % says nothing."""
    client, _ = place
    open_page(window, client)
    script = """
      import("/assets/chart.js").then((chart) => {
        const falls = [[], [0, 0], [0, 0.3], [0, 0.009], [0, 0.00012]];
        window.digits = falls.map(chart.digitsOf).join(" ");
      });
      return window.digits;
    """
    assert wait_until(window, script) == "1 1 1 2 3"


def test_a_session_shows_its_market_its_trades_and_its_story(
    window: Any, place: tuple[Client, Running]
) -> None:
    client, _ = place
    open_page(window, client, "/#/session/0/1")
    assert drawn(window) > 4
    for name, text in (
        ("Decisions", "position"),
        ("Events", "stop"),
        ("Settings", "risk_per_trade"),
    ):
        window.execute_script(
            "[...document.querySelectorAll('[role=tab]')].find(t => t.textContent === arguments[0])"
            ".click()",
            name,
        )
        wait_until(
            window,
            "return document.querySelector('.part-list').innerText.includes(arguments[0])",
            text,
        )
    for word in ("Position and risk", "Next close", "Drawdown", "Warm-up"):
        assert word in window.execute_script(TEXT)
    assert window.execute_script(FITS)
    assert own_requests_only(window, client)
    assert errors(window) == []


def test_a_slow_road_is_asked_once_at_a_time_and_ends_with_the_newest(
    window: Any, place: tuple[Client, Running]
) -> None:
    client, session = place
    open_page(window, client, "/#/session/0/1")
    drawn(window)
    window.execute_script("""
      const plain = window.fetch;
      window.reads = { open: 0, most: 0, all: 0 };
      window.fetch = async (path, ...more) => {
        if (!String(path).includes("/candles")) return plain(path, ...more);
        reads.all += 1;
        reads.open += 1;
        reads.most = Math.max(reads.most, reads.open);
        await new Promise((done) => setTimeout(done, 4000));
        try { return await plain(path, ...more); } finally { reads.open -= 1; }
      };
    """)
    button = "return document.querySelector('.buttons button').textContent"
    with closing(sqlite3.connect(session.file, timeout=10)) as own:
        for _ in range(4):
            before = window.execute_script(button)
            with own:
                own.execute("UPDATE sessions SET paused = 1 - paused")
            wait_until(window, f"{button} !== arguments[0]", before)
    wait_until(window, "return reads.all > 1 && reads.open === 0")
    assert window.execute_script("return reads.most") == 1
    assert errors(window) == []


def test_an_order_is_sent_after_a_yes_and_not_before(
    window: Any, place: tuple[Client, Running]
) -> None:
    client, session = place
    open_page(window, client, "/#/session/0/1")
    paused = "return document.querySelector('.buttons button').textContent"
    before = wait_until(window, paused)
    ledgers = Ledgers([f"sqlite:///{session.file}"])

    def is_paused() -> bool:
        return bool(ledgers.look()["sessions"][0]["paused"])

    was = is_paused()
    window.execute_script("document.querySelector('.buttons button').click()")
    wait_until(window, "return document.querySelector('dialog').open")
    assert is_paused() == was
    window.execute_script("document.querySelector('dialog .buttons button').click()")  # Cancel
    assert is_paused() == was
    window.execute_script("document.querySelector('.buttons button').click()")
    window.execute_script("document.querySelector('dialog [data-yes]').click()")
    wait_until(window, f"{paused} !== arguments[0]", before)
    assert is_paused() != was
    assert errors(window) == []


def compare(window: Any) -> None:
    """The two runs that are listed."""
    wait_until(window, "return document.querySelectorAll('main input').length === 2")
    window.execute_script("document.querySelectorAll('main input').forEach(box => box.click())")
    window.execute_script("document.querySelector('a.button').click()")


def test_runs_are_listed_and_two_compared(window: Any, place: tuple[Client, Running]) -> None:
    client, _ = place
    open_page(window, client, "/#/runs")
    wait_until(window, "return document.querySelectorAll('main input').length === 2")
    assert window.execute_script(FITS)
    compare(window)
    assert drawn(window) > 1
    assert "Two runs compared" in window.execute_script(TEXT)
    assert window.execute_script(FITS)
    assert errors(window) == []


def test_both_values_of_a_long_parameter_are_in_sight(window: Any, tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        folder, _ = write_example_run(tmp_path / "runs" / name, days=40, every=200)
        file = folder / "summary.json"
        table = json.loads(file.read_text())
        table["params"]["data"] = {"path": f"/home/somebody/of/candles/{name}.parquet"}
        file.write_text(json.dumps(table))
    with served(f"sqlite:///{tmp_path}/none.db", runs=tmp_path / "runs") as (client, _):
        open_page(window, client, "/#/runs")
        compare(window)
        wait_until(window, f"{TEXT}.includes('other.parquet')")
        tables = "[...document.querySelectorAll('.scroll')]"
        over = ".some((one) => one.scrollWidth > one.clientWidth)"
        assert window.execute_script(f"return {tables}{over}") is False


def test_every_run_and_its_verdict_are_in_sight_at_a_desk(window: Any, tmp_path: Path) -> None:
    """A book's name pushed the verdict out of its card."""
    for number in range(16):
        (folder := tmp_path / "runs" / f"run-{number}").mkdir(parents=True)
        (folder / "summary.json").write_text('{"data": {"symbol": "AAA/USDT + BBB/USDT"}}')
        write_manifest(folder)
    with served(f"sqlite:///{tmp_path}/none.db", runs=tmp_path / "runs") as (client, _):
        open_page(window, client, "/#/runs")
        wait_until(window, "return document.querySelectorAll('main input').length === 16")
        over = "one.scrollHeight > one.clientHeight || innerWidth > 600 && one.scrollWidth > "
        one = "const one = document.querySelector('.scroll')"
        assert not window.execute_script(f"{one}; return {over} one.clientWidth")


def test_sessions_that_were_stopped_are_not_counted_as_well(
    window: Any, played: Path, tmp_path: Path
) -> None:
    ledger = Path(shutil.copy(played, tmp_path / "ledger.db"))
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("UPDATE presence SET state = 'stopped'")
    with served(f"sqlite:///{ledger}") as (client, _):
        open_page(window, client)
        said = wait_until(window, "return document.querySelector('.tile')?.innerText")
        assert "none runs" in said
        assert "1 stopped" in said


def test_text_of_a_ledger_is_text(window: Any, played: Path, tmp_path: Path) -> None:
    ledger = Path(shutil.copy(played, tmp_path / "hostile.db"))
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("UPDATE sessions SET symbol = ?, exchange = ?", (HOSTILE, HOSTILE))
        database.execute("UPDATE presence SET connection = ?", (HOSTILE,))
        database.execute("UPDATE decisions SET outcome = ? WHERE outcome != 'filled'", (HOSTILE,))
    with served(f"sqlite:///{ledger}") as (client, _):
        for path in ("/", "/#/session/0/1"):
            open_page(window, client, path)
            wait_until(window, f"{TEXT}.includes(arguments[0])", HOSTILE)
            assert window.execute_script("return window.attacked === undefined")
            assert window.execute_script("return document.querySelectorAll('main img').length") == 0
            assert window.execute_script(FITS)


@pytest.mark.parametrize(
    ("state", "held", "said"),
    [
        ("stopped", False, "Stopped 2 h 0 min ago: SIGTERM was received."),
        ("stopped", True, "The session is stopped with an open position: its stop does not work"),
        ("failed", True, "The session failed 2 h 0 min ago: SIGTERM was received. While it is"),
        ("running", True, "The session was last heard of 2 h 0 min ago. While it is down"),
    ],
)
def test_a_card_says_why_its_session_does_not_run(
    state: str, held: bool, said: str, window: Any, played: Path, tmp_path: Path
) -> None:
    ledger = Path(shutil.copy(played, tmp_path / "ledger.db"))
    with closing(sqlite3.connect(ledger)) as database, database:
        beat = int(time.time() * 1000) - 7_215_000
        values = (state, "closed: SIGTERM was received", beat)
        database.execute("UPDATE presence SET state = ?, connection = ?, beat = ?", values)
        if not held:
            database.execute("DELETE FROM paper_trades WHERE exit_time IS NULL")
    with served(f"sqlite:///{ledger}") as (client, _):
        open_page(window, client)
        wait_until(
            window,
            "return document.querySelector('.session').innerText.includes(arguments[0])",
            said,
        )
        assert window.execute_script(FITS)
        assert errors(window) == []


def test_of_a_stopped_session_that_is_paused_no_stop_is_said_to_work(
    window: Any, played: Path, tmp_path: Path
) -> None:
    ledger = Path(shutil.copy(played, tmp_path / "ledger.db"))
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("UPDATE presence SET state = 'stopped'")
        database.execute("UPDATE sessions SET paused = 1")
        database.execute("DELETE FROM paper_trades WHERE exit_time IS NULL")
    with served(f"sqlite:///{ledger}") as (client, _):
        open_page(window, client)
        shown = "document.querySelector('.session').innerText"
        wait_until(window, f"return {shown}.includes('no new entries either once it runs')")
        assert "go on working" not in window.execute_script(f"return {shown}")
        assert errors(window) == []


def test_without_a_session_or_run_it_says_what_to_type_as_the_program_was_called(
    window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["runner.py"])
    with served(f"sqlite:///{tmp_path}/none.db") as (client, _):
        open_page(window, client)
        wait_until(window, f"{TEXT}.includes('Start one: python runner.py live --paper')")
        open_page(window, client, "/#/runs")
        wait_until(window, f"{TEXT}.includes('Make one: python runner.py backtest')")
        assert errors(window) == []
