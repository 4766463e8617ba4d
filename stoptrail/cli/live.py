"""`live --paper`: a paper session, from its settings to its last word."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from stoptrail.backtest.manifest import require_whole
from stoptrail.cli.ledger import with_ledger_place
from stoptrail.config.foreign import counted, with_best
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.database import SQLITE
from stoptrail.core.errors import ConfigError
from stoptrail.core.text import HIDDEN, plain, revealed, scrubbed, without_secrets
from stoptrail.live.watch.log_file import LogSettings, logged
from stoptrail.terminal import Terminal

if TYPE_CHECKING:
    from stoptrail.live.book_recovery import Sleeve
    from stoptrail.live.session import Session

_DATA = ("symbol", "timeframe")
_SHORTEST_TOKEN = 6
"""Shorter pieces of an address occur in any text."""


def run(
    config: Path | None,
    overrides: Sequence[str],
    source: Path | None,
    max_candles: int | None,
    console: Console | None = None,
    trust: bool = False,
    verbose: bool = False,
    book: bool = False,
    symbols: Sequence[str] = (),
) -> int:
    """Trade with simulated money until stopped; exit code 0.

    `source` is the folder of a finished run whose best set is traded; `trust` lets its
    import paths be used. With `book` its sleeves are traded, with `symbols` alone the settings'
    set on each of these markets. Raises the errors of settings, exchange and ledger.
    """
    console = console or Terminal()
    brake = Brake()
    several = book or bool(symbols)
    with stopped_by_signals(brake.stop):
        try:
            settings = (
                settings_for(source, config, overrides, trust)
                if source is not None and not several
                else load_settings(config, overrides, searching=False)
            )
            settings = with_ledger_place(settings, config, overrides)
            sleeves: list[Sleeve] = []
            if several:
                from stoptrail.cli.book_sleeves import BookSelection, sleeves_on_paper

                chosen = BookSelection(config, tuple(overrides), tuple(symbols), book, trust)
                sleeves = sleeves_on_paper(settings, source, chosen)
            with logged(_log_settings(settings, console, verbose)):
                _run(settings, sleeves, max_candles, console, brake)
        except UnbegunError:
            console.print(f"{brake.reason} before the session began: nothing was changed")
    return 0


def _run(
    settings: Settings,
    sleeves: Sequence[Sleeve],
    max_candles: int | None,
    console: Console,
    brake: Brake,
) -> None:
    from stoptrail.live.ledger.book_ledger import book_name
    from stoptrail.live.ledger.database import Ledger
    from stoptrail.live.session import Options, Session

    with ExitStack() as stack:
        patience = settings.live.database_retry_seconds
        ledger = stack.enter_context(Ledger(settings.database.url, patience))
        name = book_name([each.symbol for each in sleeves]) if sleeves else settings.data.symbol
        watchers = tuple(_watchers(settings, console, name))
        options = Options(max_candles, watchers)
        if sleeves:
            from stoptrail.live.book_session import BookSession
            from stoptrail.live.market.shared import SharedStore

            types = {sleeve.symbol: sleeve.settings.market.type for sleeve in sleeves}
            session: Session = BookSession(
                settings, sleeves, lambda: SharedStore(open_store(settings), types), ledger, options
            )
        else:
            session = Session(settings, lambda: open_store(settings), ledger, options)
        session.claim()  # before anything that a second session could collide with
        brake.session = session
        brake.look()
        for watcher in watchers:
            stack.enter_context(watcher)
        stack.callback(ledger.close)  # the next session need not wait for their farewells
        session.run()


class UnbegunError(KeyboardInterrupt):
    """A stop came before there was a session. An interrupt: nobody on the way to a session takes it
    for a failure of his own, and where Python drops it (`in_order`) it comes again."""


class Brake:
    """Stops the session, or the way to it."""

    def __init__(self) -> None:
        self.reason = ""
        self.session: Session | None = None

    def stop(self, reason: str) -> None:
        """End the session in order; before it has begun leave whatever is waited for."""
        self.reason = self.reason or reason
        if self.session is None:
            raise UnbegunError
        self.session.stop(self.reason)
        if self.session.engine is None:  # it may be compiling, which takes half a minute
            _say_at_once(
                "stopping: what is under way is waited for, a second Ctrl-C ends it at once"
            )

    def look(self) -> None:
        """Stop a session that was asked to before it was there, by a signal that got lost."""
        if self.reason:
            self.stop(self.reason)


def _say_at_once(text: str) -> None:
    """A line on stderr, past its buffer: a signal may come while that is written to."""
    with suppress(OSError, ValueError):  # closed, or no file at all
        os.write(sys.stderr.fileno(), f"{text}\n".encode())


def open_store(settings: Settings) -> Any:
    """A connection to the exchange of the settings, as they want it."""
    from stoptrail.live.market.ccxtbt_store import make_store
    from stoptrail.live.market.timing import Timing

    wanted = settings.live
    return make_store(
        wanted.store,
        settings.exchange_id,
        settings.data.symbol.partition("/")[2].partition(":")[0],
        settings.exchange.options(),
        wanted.retries,
        wanted.transport,
        Timing(
            timeout=wanted.timeout_seconds, stale=wanted.stale_seconds, poll=wanted.poll_seconds
        ),
        settings.market.type,
    )


def settings_for(
    source: Path, config: Path | None, overrides: Sequence[str], trust: bool
) -> Settings:
    """The user's settings with the best set of the run in `source`.

    Raises ConfigError where the folder holds no finished run, asks for what a run may not
    set, or was made on another market than the one in the settings.
    """
    from stoptrail.reports.run_files import read_settings, read_summary

    place = f"--from {source}"
    summary = read_summary(source)
    table = read_settings(source)
    if "book" in summary:
        raise ConfigError(
            f"{place}: is a book, and live --paper runs one market: name the run of one of its sets"
        )
    best = summary.get("best") or {}
    if not isinstance(best, dict):
        raise ConfigError(f"{place}: best in summary.json must be a table")
    taken = with_best(counted(table, place), best.get("params") or {})
    require_whole(source)
    settings = load_settings(config, overrides, taken, trust, searching=False)
    _require_market(settings, table.get("data"), overrides, place)
    return settings


def _require_market(settings: Settings, data: Any, overrides: Sequence[str], place: str) -> None:
    """What a set was found on is what it trades, unless --set says otherwise."""
    given = {text.partition("=")[0].strip() for text in overrides}
    for name in _DATA:
        theirs = data.get(name) if isinstance(data, dict) else None
        own, key = getattr(settings.data, name), f"data.{name}"
        if theirs is not None and theirs != own and key not in given:
            raise ConfigError(
                f"{place}: its {key} is {plain(theirs)[:80]}, that of your settings {own}; "
                f"say which you mean with --set {key}=..."
            )


@contextmanager
def stopped_by_signals(stop: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a terminal that goes away end the session in order, the last unless it is
    ignored, as nohup has it; a second Ctrl-C ends it at once."""

    def heard(number: int, frame: Any) -> None:
        stop(f"{signal.Signals(number).name} was received")
        signal.signal(signal.SIGINT, signal.default_int_handler)

    numbers = [signal.SIGINT, signal.SIGTERM]
    numbers += [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL else []
    before = [signal.signal(number, heard) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _watchers(settings: Settings, console: Console, name: str) -> Iterator[Any]:
    """Who hears of the session, which is called `name`."""
    from stoptrail.live.watch.garbage import GarbageCollector
    from stoptrail.live.watch.heartbeat import Heartbeat, Supervisor
    from stoptrail.live.watch.messages import Message
    from stoptrail.live.watch.metrics import Endpoint
    from stoptrail.live.watch.notify import Notifier
    from stoptrail.live.watch.plain_view import PlainView
    from stoptrail.live.watch.view import TerminalView

    view = TerminalView(console) if console.is_terminal else PlainView(console)
    yield view

    def missed(text: str) -> None:
        view.happened(Message("error", int(time.time() * 1000), text))

    yield Supervisor()
    yield GarbageCollector()
    heartbeat = revealed(settings.notify.heartbeat)
    if heartbeat:
        yield Heartbeat(heartbeat, settings.notify.heartbeat_seconds, missed)
    if settings.notify.urls:
        title = f"StopTrail {settings.exchange_id} {name}"
        yield Notifier(
            [revealed(url) for url in settings.notify.urls],
            settings.notify.events,
            title,
            missed,
        )
    if settings.live.prometheus_port:
        yield Endpoint(settings.live.prometheus_host, settings.live.prometheus_port)


def _log_settings(settings: Settings, console: Console, verbose: bool) -> LogSettings:
    """The log as the settings want it, without anything that is secret in them."""
    from stoptrail.live.market.warnings import Redaction
    from stoptrail.live.watch.plain_view import print_line

    exchange = Redaction(settings.exchange.options())
    database = revealed(settings.database.url)
    tokens = sorted(_tokens(settings), key=len, reverse=True)

    def clean(text: str) -> str:
        text = scrubbed(exchange.clean(text))
        for token in tokens:
            text = text.replace(token, HIDDEN)
        return text if database.startswith(SQLITE) else without_secrets(text, database)

    def show(line: str) -> None:
        if console.is_terminal:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print_line(console, line)

    live = settings.live
    shown = show if verbose else None
    return LogSettings(live.log_file, live.log_megabytes, live.log_files, shown, clean)


def _tokens(settings: Settings) -> set[str]:
    """The pieces of the addresses for messages: any of them may be what gives access."""
    found: set[str] = set()
    for secret in (settings.notify.heartbeat, *settings.notify.urls):
        scheme, mark, rest = revealed(secret).partition("://")
        whole = rest if mark else scheme  # no address at all may be the bare token
        pieces = [whole, *re.split(r"[/@?#&=:]", whole)]
        found |= {piece for piece in pieces if len(piece) >= _SHORTEST_TOKEN}
    return found
