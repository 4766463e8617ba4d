"""What a soak has to show: a ledger sound in itself, and that of an undisturbed session; a memory
that does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np

from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions
from stoptrail.live.market.events import ConnectionBack, ConnectionLost, Event
from stoptrail.live.watch.differences import compare
from stoptrail.live.watch.replay import recording_of, replay
from stoptrail.rules.candles import Candles
from tests.live.books import Books, backtest_of, books_of, told_trades, trades_of

INTERVAL = 900_000


def misbehaviour(books: Books, candles: Candles, first: int) -> list[str]:
    """What is wrong in a ledger, whatever the settings."""
    wrong = []
    times = [row["time"] for row in books["StoredCandles"]]
    expected = candles.time[:-1].tolist()
    if times != expected:
        lost, extra = sorted(set(expected) - set(times)), sorted(set(times) - set(expected))
        wrong.append(f"candles lost {lost[:5]}, not of the market {extra[:5]}")
    trades = {row["number"]: row for row in books["PaperTrades"]}
    if sorted(trades) != list(range(1, len(trades) + 1)):
        wrong.append("trade numbers with holes")
    if len({row["signal"] for row in trades.values()}) != len(trades):
        wrong.append("a signal with two trades")
    for move in books["StopMoves"]:
        side = trades[move["trade"]]["side"]
        if move["old"] is not None and side * (move["new"] - move["old"]) <= 0:
            wrong.append(f"stop loosened: {move}")
    ordered = sorted(trades.values(), key=lambda row: row["number"])
    for one, other in pairwise(ordered):
        if one["exit_time"] is None or other["entry_time"] < one["exit_time"]:
            wrong.append(f"two positions at once: trades {one['number']}, {other['number']}")
    working = [row for row in books["PaperOrders"] if row["status"] == "working"]
    is_open = sum(row["exit_time"] is None for row in ordered)
    if len([row for row in working if row["kind"] == "stop"]) != is_open:
        wrong.append(f"working stops do not match the position: {working}")
    return wrong


def undisturbed(
    url: str, candles: Candles, first: int, folder: Path, refused: set[int] | None = None
) -> Books:
    """The ledger of a session on the same candles without exchange, faults or kills.

    With `refused`, its market data is stale at the close of the candles that opened then.
    """
    between: dict[int, list[Event]] = {}
    times = candles.time.tolist()
    for time_ in refused or ():
        after = times[times.index(time_) + 1]
        between.setdefault(time_, []).append(ConnectionLost("as in the soak"))
        between[after] = [ConnectionBack(), *between.get(after, [])]
    from stoptrail.config.load import load_settings
    from tests.live.playback import PlaybackStore, play, rows_of

    settings = load_settings(folder / "strategy.toml", [f"database.url={url!r}"])
    store = PlaybackStore(rows_of(candles)[:-1], first, INTERVAL, between=between)
    play(settings, store, url)
    return books_of(url)


def judge(
    url: str, calm: str, candles: Candles, first: int, ratchet: str, folder: Path
) -> list[str]:
    """Everything that is wrong with the ledger of `url`; prints what was compared."""
    books = books_of(url)
    wrong = misbehaviour(books, candles, first)
    database = open_existing(url)
    session = all_sessions(database)[0]
    with closing(replay(recording_of(database, session))) as repeated:
        again = compare(database, repeated, session.id)
    database.close()
    print(f"replay: {again.trades} trades, {again.levels} levels, {len(again.differences)} differ")
    wrong += [f"replay differs: {entry}" for entry in again.differences[:3]]
    if ratchet == "candle":
        wrong += _compared(url, calm, books, candles, first, folder)
    else:
        print(f"trades: {len(books['PaperTrades'])}, stop moves: {len(books['StopMoves'])}")
    return wrong


def _compared(
    url: str,
    calm: str,
    books: Books,
    candles: Candles,
    first: int,
    folder: Path,
) -> list[str]:
    stale = {row["time"] for row in books["Decisions"] if row["outcome"] == "stale"}
    expected = undisturbed(calm, candles, first, folder, stale)
    wrong = []
    for name, rows in expected.items():
        if name != "Sessions" and books[name] != rows:
            pairs = zip(books[name], rows, strict=False)
            differing = next((pair for pair in pairs if pair[0] != pair[1]), "lengths")
            wrong.append(f"{name} differs from the undisturbed ledger: {differing}")
    if stale:  # a backtest knows no stale data: compare it with a session that had none
        books, url = undisturbed(f"{calm}.fresh", candles, first, folder), f"{calm}.fresh"
    backtest = backtest_of(url)
    trades = trades_of(backtest[0], backtest[2])
    if told_trades(books) != trades:
        wrong.append("trades differ from the backtest")
    closed = sum(row["exit_time"] is not None for row in books["PaperTrades"])
    print(
        f"compared with an undisturbed session and a backtest: {closed} closed trades; "
        f"{len(stale)} signals fell on stale data"
    )
    if closed < 50 and len(candles.time) > 365 * 96:
        wrong.append(f"only {closed} closed trades were compared")
    return wrong


def slopes(memory: list[tuple[int, float]]) -> Iterator[str]:
    """How memory grew in each whole year of a life, in words: the least squares line through
    one sample an hour."""
    hours = {position // 4: megabytes for position, megabytes in memory}
    table = np.array(sorted(hours.items()), np.float64)
    year = 365 * 24
    for number, start in enumerate(np.arange(table[0, 0], table[-1, 0] - year * 0.99, year), 1):
        part = table[(table[:, 0] >= start) & (table[:, 0] < start + year)]
        slope = np.polyfit(part[:, 0], part[:, 1], 1)[0] * year
        ends = f"{part[0, 1]:.1f} to {part[-1, 1]:.1f} MB"
        yield f"year {number}: {slope:+.2f} MB a year, {ends}, {len(part)} samples"
