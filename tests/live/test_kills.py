"""Kill -9 before, within and after every kind of commit: nothing lost, doubled or loosened.

The same commit is killed three times, the session started again each time. As nothing
passes on the market meanwhile, the ledger has to end as that of a session that nothing
happened to, in tick mode too.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.row_writer import CANCELLED
from stoptrail.live.ledger.spoken import Commands
from stoptrail.live.ledger.tables import PaperOrders
from stoptrail.live.market.events import Tick
from tests.live.books import Books, books_of, with_replay
from tests.live.small_market import HOUR, small_rows, some_ticks, ticks_along
from tests.live.test_recovery import whole
from tests.live.victim import Fate, in_process, run_victim

KILLED = -signal.SIGKILL
COUNT = 460
MODES = ("candle", "tick")
MOMENTS = ("before", "within", "after")
BY_THE_CLOCK = ("presence running", "commands")
"""Transactions of every second, however many candles pass in it."""


def told(mode: str) -> dict[str, Any]:
    return {"ticks": some_ticks, "live": {"ratchet": mode}}


class Story(NamedTuple):
    """A session that nothing happened to."""

    rows: list[Row]
    books: Books
    kinds: list[str]
    """Of its transactions, in order; with the word "dropped" where an entry order was."""


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Story]:
    """One for each mode; candles are missing where an entry would have filled."""
    found = {}
    for mode in MODES:
        folder = tmp_path_factory.mktemp(mode)
        rows = small_rows(COUNT)
        run_victim(f"sqlite:///{folder}/whole.db", rows, 0, **told(mode))
        signal_at = books_of(f"sqlite:///{folder}/whole.db")["PaperTrades"][2]["signal"]
        rows = [row for row in rows if not signal_at < row[0] <= signal_at + 6 * HOUR]
        found[mode] = told_by(f"sqlite:///{folder}/ledger.db", rows, mode)
        assert sum("dropped" in kind for kind in found[mode].kinds) == 1
    return found


def told_by(url: str, rows: list[Row], mode: str) -> Story:
    kinds: list[str] = []

    def heard(moment: str, kind: str) -> None:
        if moment == "after":
            kinds.append(kind + " dropped" * (dropped(url) - sum("dropped" in k for k in kinds)))

    run_victim(url, rows, 0, heard, **told(mode))
    return Story(rows, books_of(url), kinds)


def dropped(url: str) -> int:
    """How many entry orders were cancelled."""
    database = open_existing(url)
    orders = PaperOrders.select().where(
        PaperOrders.kind == "entry", PaperOrders.status == CANCELLED
    )
    count = orders.bind(database).count()
    database.close()
    return int(count)


def nothing_differs(url: str, trades: int = 3) -> None:
    """The ledger, replayed."""
    compared = with_replay(url)
    assert compared.trades >= trades
    assert compared.differences == []


def killed_at_each_moment(run: Callable[[Fate], int | None], kind: str, skipped: int) -> None:
    """Kill `run` at one commit of `kind`, after `skipped` of them, at each moment of it."""
    for moment in MOMENTS:
        assert run(Fate(skipped + 1, moment, kind)) == KILLED
        skipped = 0


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("candle", "session"),
        ("candle", "settings"),
        ("candle", "candle"),
        ("candle", "candle ordered"),
        ("candle", "candle entered"),
        ("candle", "candle moved"),
        ("candle", "candle left"),
        ("candle", "candle ignored"),
        ("candle", "candle dropped"),
        ("candle", "presence running"),
        ("candle", "presence stopped"),
        ("candle", "commands"),
        ("tick", "session"),
        ("tick", "settings"),
        ("tick", "tick"),
        ("tick", "tick entered"),
        ("tick", "tick moved"),
        ("tick", "tick left"),
        ("tick", "tick dropped"),
        ("tick", "candle"),
        ("tick", "candle ordered"),
        ("tick", "candle entered"),
        ("tick", "candle moved"),
        ("tick", "candle left"),
        ("tick", "candle ignored"),
        ("tick", "presence running"),
        ("tick", "presence stopped"),
        ("tick", "commands"),
    ],
)
def test_a_kill_at_each_kind_of_commit_changes_nothing(
    mode: str, kind: str, stories: dict[str, Story], tmp_path: Path
) -> None:
    story = stories[mode]
    such = [set(kind.split()) <= set(words.split()) for words in story.kinds]
    assert any(such), story.kinds
    url = f"sqlite:///{tmp_path}/ledger.db"
    if "dropped" in kind:  # told by what came of it, not by its name
        before = story.kinds[: such.index(True)]
        skipped, kind = sum("ignored" in words for words in before), "ignored"
    else:
        skipped = 0 if kind in BY_THE_CLOCK else sum(such) // 2
    killed_at_each_moment(
        lambda fate: in_process(url, story.rows, 0, fate, **told(mode)), kind, skipped
    )
    # Candles that were missed leave no trace either; ticks that were missed would.
    assert in_process(url, story.rows, 3 if mode == "candle" else 0, **told(mode)) == 0
    books = books_of(url)
    assert books == story.books
    whole(books)
    nothing_differs(url)


def test_kills_at_random_moments_change_nothing_in_tick_mode(
    stories: dict[str, Story], tmp_path: Path
) -> None:
    story, chance = stories["tick"], random.Random(5)
    url = f"sqlite:///{tmp_path}/ledger.db"
    for _ in range(15):
        fate = Fate(chance.randrange(1, 40))
        assert in_process(url, story.rows, 0, fate, **told("tick")) == KILLED
    assert in_process(url, story.rows, 0, **told("tick")) == 0
    assert books_of(url) == story.books


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("candle", "command pause"),
        ("candle", "command resume"),
        ("candle", "command close"),  # answered at once,
        ("candle", "candle command close"),  # done with the candle that closes next
        ("tick", "command pause"),
        ("tick", "command resume"),
        ("tick", "command close"),
    ],
)
def test_a_kill_at_the_commit_of_a_command_changes_nothing(
    mode: str, kind: str, stories: dict[str, Story], tmp_path: Path
) -> None:
    rows, trades = stories[mode].rows, stories[mode].books["PaperTrades"]
    longest = max(trades[:-1], key=lambda trade: (trade["exit_time"] or 0) - trade["entry_time"])
    entered = longest["entry_time"] - longest["entry_time"] % HOUR
    asks = [(entered, "pause"), (entered + HOUR, "close"), (entered + 9 * HOUR, "resume")]
    undisturbed, url = f"sqlite:///{tmp_path}/undisturbed.db", f"sqlite:///{tmp_path}/ledger.db"
    run_victim(undisturbed, rows, 0, asks=asks, **told(mode))
    killed_at_each_moment(
        lambda fate: in_process(url, rows, 0, fate, asks=asks, **told(mode)), kind, 0
    )
    assert in_process(url, rows, 0, asks=asks, **told(mode)) == 0
    books = books_of(url)
    assert [trade["reason"] for trade in books["PaperTrades"]].count("manual") == 1
    assert [order["kind"] for order in books["PaperOrders"]].count("exit") == 1
    assert books == books_of(undisturbed)
    assert answers(url) == answers(undisturbed)
    assert len(answers(url)) == 3
    whole(books)
    nothing_differs(url)


def answers(url: str) -> list[tuple[str, bool, str]]:
    """Every command, whether it is done, and what was answered."""
    database = open_existing(url)
    found = [
        (row["verb"], row["done"] is not None, row["result"])
        for row in Commands.select().order_by(Commands.id).dicts().execute(database)
    ]
    database.close()
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["settings", "switch"])
def test_a_kill_at_a_change_of_settings_changes_nothing(
    kind: str, mode: str, stories: dict[str, Story], tmp_path: Path
) -> None:
    """The settings change while a position is open, and apply when it has ended."""
    story, changed = stories[mode], {**told(mode), "stop": {"trailing_atr_multiplier": 1.4}}
    long = max(story.books["PaperTrades"][:-1], key=lambda t: t["exit_time"] - t["entry_time"])
    cut = sum(row[0] <= long["entry_time"] for row in story.rows) + 1
    undisturbed, url = f"sqlite:///{tmp_path}/undisturbed.db", f"sqlite:///{tmp_path}/ledger.db"
    for ledger in (undisturbed, url):
        run_victim(ledger, story.rows[:cut], 0, **told(mode))
    run_victim(undisturbed, story.rows, 0, **changed)
    killed_at_each_moment(lambda fate: in_process(url, story.rows, 0, fate, **changed), kind, 0)
    assert in_process(url, story.rows, 0, **changed) == 0
    books = books_of(url)
    assert books == books_of(undisturbed)
    assert {trade["settings"] for trade in books["PaperTrades"]} == {1, 2}
    whole(books)
    nothing_differs(url)


def jumpy_ticks(row: Row) -> list[Tick]:
    """Ticks that go up and down within a candle: stops move, and are hit, in the same one."""
    time, open_, high, low, close, volume = row
    path = (open_, high, low, high, low, close) if volume else ()
    return ticks_along(time, path, 500_000)


def test_new_settings_wait_for_the_close_of_a_candle_whose_ticks_ended_a_trade(
    tmp_path: Path,
) -> None:
    """What the old settings did within the candle is replayed under the old settings."""
    rows, kinds = small_rows(COUNT), [""]
    options = {"ticks": jumpy_ticks, "live": {"ratchet": "tick"}}

    def heard(moment: str, kind: str) -> None:
        if moment == "after" and kind.startswith(("tick", "candle")):
            kinds.append(kind)

    run_victim(f"sqlite:///{tmp_path}/undisturbed.db", rows, 0, heard, **options)
    exits = [k for k, kind in enumerate(kinds) if kind == "tick left"]
    moved = [n for n, k in enumerate(exits, 1) if kinds[k - 1] == "tick moved"]
    for number in moved[:3]:
        url = f"sqlite:///{tmp_path}/{number}.db"
        assert in_process(url, rows, 0, Fate(number, "after", "tick left"), **options) == KILLED
        run_victim(url, rows, 0, **options, stop={"trailing_atr_multiplier": 1.4})
        books = books_of(url)
        assert {trade["settings"] for trade in books["PaperTrades"]} == {1, 2}
        whole(books)
        nothing_differs(url)
