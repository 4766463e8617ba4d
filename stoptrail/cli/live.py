"""`live --paper`: a paper session, from its settings to its last word."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from stoptrail.config.load import load_settings, read_table
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError

if TYPE_CHECKING:
    from stoptrail.live.session import Session

_TRADING = ("strategy", "stop", "risk", "costs", "protections")
"""Tables that a finished run decides; the rest is the session's own."""
_DATA = ("symbol", "timeframe")


def run(
    config: Path | None,
    overrides: Sequence[str],
    source: Path | None,
    max_candles: int | None,
    console: Console | None = None,
) -> int:
    """Trade with simulated money until stopped; exit code 0.

    `source` is the folder of a finished run whose best set is traded. Raises the errors
    of settings, exchange and ledger.
    """
    console = console or Console()
    brake = Brake()
    with stopped_by_signals(brake.stop):
        try:
            _run(config, overrides, source, max_candles, console, brake)
        except UnbegunError:
            console.print(f"{brake.reason} before the session began: nothing was changed")
    return 0


def _run(
    config: Path | None,
    overrides: Sequence[str],
    source: Path | None,
    max_candles: int | None,
    console: Console,
    brake: Brake,
) -> None:
    from stoptrail.live.ledger.database import Ledger
    from stoptrail.live.session import Options, Session

    chosen = () if source is None else run_overrides(source)
    settings = load_settings(config, (*chosen, *overrides))
    _quiet_logger(console)
    with ExitStack() as stack:
        patience = settings.live.database_retry_seconds
        ledger = stack.enter_context(Ledger(settings.database.url, patience))
        watchers = tuple(_watchers(settings, console))
        options = Options(max_candles, watchers)
        session = Session(settings, lambda: open_store(settings), ledger, options)
        session.claim()  # before anything that a second session could collide with
        brake.session = session
        for watcher in watchers:
            stack.enter_context(watcher)
        stack.callback(ledger.close)  # the next session need not wait for their farewells
        session.run()


class UnbegunError(Exception):
    """A stop came before there was a session."""


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
        self.session.stop(reason)


def open_store(settings: Settings) -> Any:
    """A connection to the exchange of the settings, as they want it."""
    from stoptrail.live.market.store_choice import make_store
    from stoptrail.live.market.timing import Timing

    wanted = settings.live
    return make_store(
        wanted.store,
        settings.exchange_id,
        settings.data.symbol.partition("/")[2].partition(":")[0],
        settings.exchange.ccxt,
        wanted.retries,
        wanted.transport,
        Timing(
            timeout=wanted.timeout_seconds, stale=wanted.stale_seconds, poll=wanted.poll_seconds
        ),
    )


def run_overrides(folder: Path) -> list[str]:
    """The best set of the run in `folder` as "key=value" texts.

    Raises ConfigError where the folder holds no finished run.
    """
    table = read_table(folder / "config.toml")
    try:
        summary = json.loads((folder / "summary.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise ConfigError(
            f"--from {folder}: there is no finished run (summary.json cannot be read)"
        ) from None
    values = {f"data.{key}": table["data"][key] for key in _DATA if key in table.get("data", {})}
    for section in _TRADING:
        values |= {f"{section}.{key}": value for key, value in table.get(section, {}).items()}
    values |= (summary.get("best") or {}).get("params") or {}
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


@contextmanager
def stopped_by_signals(stop: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the session in order; a second Ctrl-C at once."""

    def heard(number: int, frame: Any) -> None:
        stop(f"{signal.Signals(number).name} was received")
        signal.signal(signal.SIGINT, signal.default_int_handler)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, heard) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _watchers(settings: Settings, console: Console) -> Iterator[Any]:
    from stoptrail.live.watch.messages import Message
    from stoptrail.live.watch.metrics import Endpoint
    from stoptrail.live.watch.notify import Notifier
    from stoptrail.live.watch.view import PlainView, TerminalView

    view = TerminalView(console) if console.is_terminal else PlainView(console)
    yield view
    if settings.notify.urls:
        title = f"StopTrail {settings.exchange_id} {settings.data.symbol}"
        yield Notifier(
            settings.notify.urls,
            settings.notify.events,
            title,
            lambda text: view.happened(Message("error", int(time.time() * 1000), text)),
        )
    if settings.live.prometheus_port:
        yield Endpoint(settings.live.prometheus_host, settings.live.prometheus_port)


def _quiet_logger(console: Console) -> None:
    """What the session says is shown by its view; the log is for programs that want it."""
    logger = logging.getLogger("stoptrail")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    if console.is_terminal:
        logger.propagate = False
