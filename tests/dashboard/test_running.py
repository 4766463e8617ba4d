"""The dashboard on a real session: `live --paper` as a process of its own, on an exchange that
speaks Binance's protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from stoptrail.dashboard.ledgers import Ledgers
from tests.dashboard.looks import broken
from tests.dashboard.served import served
from tests.exchange.player import Pace
from tests.exchange.simulator import Simulator
from tests.exchange.trouble import server_error
from tests.live.small_market import HOUR, WARM_UP, small_market, tables
from tests.reports.html.browser import chromium, errors, found, wait_until

ROOT = Path(__file__).parents[2]
WIDE = {"trailing_atr_multiplier": 60.0, "breakeven_atr_trigger": 0.0}
"""Stops that are not hit meanwhile."""
TEXT = "return document.body.innerText"


@contextmanager
def live(folder: Path, exchange: Simulator) -> Iterator[subprocess.Popen[bytes]]:
    """`runner.py live --paper`, until it is told to end."""
    file, url = folder / "strategy.toml", f"sqlite:///{folder}/ledger.db"
    table = tables(
        stop=WIDE,
        risk={"max_leverage": 1.0},
        exchange={"id": "binance", "ccxt": exchange.ccxt_options()},
        database={"url": url},
        live={"ratchet": "tick"},
    )
    file.write_text(tomli_w.dumps(table))
    command = [sys.executable, str(ROOT / "runner.py"), "live", "--paper", "--config", str(file)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, (folder / "log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def until(enough: Callable[[], bool], folder: Path, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not enough():
        assert time.monotonic() < end, (folder / "log").read_text()[-2000:]
        time.sleep(0.1)


def picture(window: Any, name: str) -> None:
    """Keep what is seen, where somebody wants to look at it."""
    if folder := os.environ.get("STOPTRAIL_PICTURES"):
        window.save_screenshot(str(Path(folder) / f"{name}.png"))


def looks(windows: Iterable[Any], address: str, name: str, awaited: str) -> None:
    """Nothing on the page is cut, covered or faint, on a desk and on a phone, by day and night."""
    sizes = []

    def seen(window: Any, look: str) -> None:
        sizes.append(look)
        if "session" in address:
            wait_until(window, "return document.querySelectorAll('[data-drawn] canvas').length > 4")
        picture(window, f"{name}-{look}")

    assert broken(windows, address, awaited, seen) == {}
    assert sizes == ["1440-dark", "1440-light", "390-dark", "390-light"]


def go_deaf(exchange: Simulator) -> None:
    """No socket opens any more, and REST fails."""
    exchange.trouble(server_error(times=1_000_000))
    exchange.streams.refusals = 1_000_000

    async def cut() -> None:
        exchange.streams.cut()

    exchange._call(cut())


def test_a_running_session_is_followed_paused_and_its_position_left(tmp_path: Path) -> None:
    found()
    pace = Pace(speed=HOUR / 1000 * 15, wanted=("kline", "trade"))
    market = small_market(4000)  # not over before a slow browser has seen it
    ledgers = Ledgers([f"sqlite:///{tmp_path}/ledger.db"])
    with (
        Simulator(market, start=WARM_UP, pace=pace) as exchange,
        live(tmp_path, exchange),
        served(*map(str, ledgers.urls)) as (client, _),
        chromium(tmp_path / "profile", 1440, 900) as window,
        chromium(tmp_path / "phone", 390, 844) as phone,
    ):

        def card() -> dict[str, Any]:
            cards = ledgers.look()["sessions"]
            return dict(cards[0]) if cards else {}

        until(lambda: card().get("state") == "running", tmp_path)
        exchange.play()
        until(lambda: bool(card().get("trade")), tmp_path)
        both, one = (window, phone), client.origin + "/#/session/0/1"
        window.get(one)
        wait_until(window, f"{TEXT}.includes('Entered')")
        before = card()["price"]
        until(lambda: card()["price"] != before, tmp_path)
        wait_until(window, "return document.querySelectorAll('[data-drawn] canvas').length > 4")
        looks(both, one, "running", "Entered")
        looks(both, client.origin, "overview", "1 of 1 well")
        window.get(one)

        click(window, "Pause entries")
        click(window, "Pause entries", "dialog ")
        wait_until(window, f"{TEXT}.includes('Paused: no new entries')")
        until(lambda: bool(card()["paused"]), tmp_path)
        window.execute_script("document.querySelector('dialog').close()")

        click(window, "Close position")
        picture(window, "dialog")
        named = card()["price"]
        window.execute_script(
            "document.querySelector('#order-price').value = arguments[0]", f"{named:,}"
        )
        click(window, "Close position", "dialog ")
        wait_until(window, f"{TEXT}.includes('the price that was named')")
        until(lambda: card()["trade"] is None, tmp_path)
        window.execute_script("document.querySelector('dialog').close()")
        click(window, "Connections")
        wait_until(window, f"{TEXT}.includes('started: session 1 of binance')")
        picture(window, "connections")
        looks(both, client.origin, "paused", "Paused: no new entries")
        go_deaf(exchange)
        until(lambda: card()["health"] == "stale", tmp_path)
        looks(both, client.origin, "stale", "The market data cannot be relied on now (stale: ")
        looks(both, one, "stale-session", "no entries are made")
        assert errors(window) == []


def click(window: Any, name: str, within: str = "") -> None:
    """Press the button of this name, as soon as there is one."""
    wait_until(
        window,
        "const all = [...document.querySelectorAll(arguments[1] + 'button')];"
        "const button = all.find((one) => one.textContent === arguments[0] && !one.disabled);"
        "if (button) button.click(); return Boolean(button);",
        name,
        within,
    )
