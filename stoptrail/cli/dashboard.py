"""`dashboard`: paper sessions and finished runs in a browser."""

from __future__ import annotations

import secrets
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stoptrail.cli.ledger import ledger_settings
from stoptrail.core.database import SQLITE, Address, exists
from stoptrail.core.errors import StoreError
from stoptrail.core.text import revealed
from stoptrail.terminal import Terminal

if TYPE_CHECKING:
    from stoptrail.config.settings import Settings
    from stoptrail.dashboard.guard import Access

_EVERYWHERE = ("0.0.0.0", "::")  # shown, not listened on


def run(
    config: Path | None,
    overrides: Sequence[str],
    ledgers: Sequence[str] = (),
    folders: Sequence[Path] = (),
    opening: bool = False,
) -> int:
    """Serve until Ctrl-C or SIGTERM; exit code 0. Raises ConfigError where the address
    cannot be listened on, StoreError where a ledger is none."""
    from stoptrail.cli.folder import RUNS
    from stoptrail.cli.live import stopped_by_signals
    from stoptrail.cli.runs import finished_runs
    from stoptrail.dashboard.app import make_dashboard
    from stoptrail.dashboard.ledgers import Ledgers
    from stoptrail.dashboard.runs import RunShelf
    from stoptrail.dashboard.server import DashboardServer

    settings = ledger_settings(config, overrides)
    urls = [address_of(ledger) for ledger in ledgers] or [settings.database.url]
    for url in urls:
        _bring_up_to_date(url)
    access = access_of(settings)
    dashboard = make_dashboard(Ledgers(urls), RunShelf(folders or (RUNS,), finished_runs), access)
    server = DashboardServer(dashboard, settings.dashboard.host, settings.dashboard.port)
    address = address_to_open(access, server.port)
    with stopped_by_signals(server.stop):
        Terminal().print(f"dashboard: {address}", markup=False, soft_wrap=True)
        if opening:
            webbrowser.open(address)
        server.run()
    return 0


def address_of(ledger: str) -> Address:
    """A database's URL of what the user calls a ledger: a file, or a URL."""
    return ledger if "://" in ledger else f"{SQLITE}{Path(ledger).expanduser()}"


def access_of(settings: Settings) -> Access:
    """Who may read: everybody on this machine; elsewhere whoever has the token, which is
    made for this start where the settings have none."""
    from stoptrail.dashboard.guard import Access, is_loopback

    wanted = settings.dashboard
    token = revealed(wanted.token)
    if not token and not is_loopback(wanted.host):
        token = secrets.token_urlsafe(24)
    return Access(wanted.host, wanted.names, token)


def address_to_open(access: Access, port: int) -> str:
    """Where a browser finds the page. A token stands behind the #, which browsers send to
    nobody."""
    host = "127.0.0.1" if access.host in _EVERYWHERE else access.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/" + (f"#token={access.token}" if access.token else "")


def _bring_up_to_date(url: Address) -> None:
    """Let a ledger of an older version have today's tables, as any command that reads it;
    what cannot be read now is shown on the page."""
    from stoptrail.live.ledger.database import existing_ledger

    if exists(url):
        with suppress(StoreError), existing_ledger(url):
            """Its tables are of today."""
