"""Paper trading: the live session, its exchange, its ledger, its messages."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, PlainSerializer, SecretStr

from stoptrail.config.section import SettingsSection
from stoptrail.core.text import HIDDEN, revealed

Event = Literal[
    "entry", "exit", "breakeven", "refused", "protection", "connection", "error", "session", "daily"
]
EVENTS: tuple[Event, ...] = get_args(Event)

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Live(SettingsSection):
    """A paper session (C14)."""

    ratchet: Literal["tick", "candle"] = "tick"
    """What moves stops: every tick, or closed candles only."""
    store: Literal["native", "ccxtbt"] = "native"
    """The built-in ccxt store, or the installed ccxtbt package's."""
    transport: Literal["auto", "websocket", "rest"] = "auto"
    """"auto": WebSocket first, REST where there is none or it keeps failing."""
    catch_up: Literal["stops_only", "full"] = "stops_only"
    """What candles missed while the session was down may do."""
    signal_seconds: Annotated[float, Field(gt=0, le=60)] = 60.0
    """Seconds after its candle's close within which a signal that was held up, by a break of
    the data or a restart, still enters as if nothing had been."""
    warm_up_days: Annotated[int, Field(ge=1, le=3650)] = 250
    """Days of candles before the first decision."""
    stale_seconds: Seconds = 120.0
    """Silence of the market data after which no entry is made."""
    poll_seconds: Seconds = 5.0
    """Time between two REST requests where candles are polled."""
    timeout_seconds: Seconds = 10.0
    """Longest wait for one answer of the exchange."""
    retries: Annotated[int, Field(ge=0, le=1000)] = 5
    """Repetitions of a failed read."""
    start_wait_seconds: Annotated[float, Field(ge=0, le=31_536_000)] = 86_400.0
    """How long a start waits for an exchange that cannot be reached; 0 = not at all."""
    database_retry_seconds: Seconds = 60.0
    """How long a failing ledger is retried before the session stops in order."""
    log_file: str = ""
    """A file that the program's log is appended to; "" = none."""
    log_megabytes: Annotated[float, Field(ge=0.01, le=10_000)] = 10.0
    """Size after which a new file is begun."""
    log_files: Annotated[int, Field(ge=1, le=1000)] = 5
    """Older files that are kept."""
    prometheus_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """0 = no endpoint."""
    prometheus_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"


def _with_typed_proxies(table: dict[str, Any]) -> dict[str, Any]:
    """Proxies often carry a password: as secrets they are in no repr and no log."""
    _require_finite(table)
    return {
        name: SecretStr(entry) if "proxy" in name.lower() and isinstance(entry, str) else entry
        for name, entry in table.items()
    }


def _require_finite(value: Any) -> None:
    """JSON and ccxt know no infinities."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            _require_finite(entry)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must hold finite numbers only")


def _revealed_table(table: dict[str, Any]) -> dict[str, Any]:
    return {
        name: revealed(entry) if isinstance(entry, SecretStr) else entry
        for name, entry in table.items()
    }


Secret = Annotated[SecretStr, PlainSerializer(revealed, when_used="json")]
"""A text that no repr shows; `as_table` has it, `config.write` does not."""


class Exchange(SettingsSection):
    """The exchange of a session."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]*$")] = ""
    """ccxt's id; "" = the one of [data]."""
    ccxt: Annotated[
        dict[str, Any],
        AfterValidator(_with_typed_proxies),
        PlainSerializer(_revealed_table, when_used="json"),
    ] = Field(default_factory=dict, repr=False)
    """For ccxt's constructor, proxies as secrets; see `options`."""

    def options(self) -> dict[str, Any]:
        """What ccxt's constructor gets, secrets in plain text."""
        return _revealed_table(self.ccxt)


def _checked_url(secret: SecretStr) -> SecretStr:
    url = revealed(secret)
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1 and "\0" not in rest:
        return secret
    if scheme in ("postgresql", "postgres") and rest:
        return secret
    raise ValueError("must start with sqlite:/// or postgresql:// and name a database")


class Database(SettingsSection):
    """Where trials and ledgers are kept."""

    url: Annotated[Secret, AfterValidator(_checked_url)] = SecretStr("sqlite:///state/stoptrail.db")


def _checked_heartbeat(secret: SecretStr) -> SecretStr:
    scheme, mark, rest = revealed(secret).partition("://")
    valid = scheme in ("http", "https") and mark and rest and rest.isprintable()
    if revealed(secret) and (not valid or " " in rest):
        raise ValueError("must be empty or an address that begins with https:// or http://")
    return secret


class Notify(SettingsSection):
    """Messages through Apprise, and a heartbeat."""

    urls: Annotated[tuple[Secret, ...], Field(strict=False, repr=False)] = ()
    events: Annotated[tuple[Event, ...], Field(strict=False)] = EVENTS
    heartbeat: Annotated[Secret, AfterValidator(_checked_heartbeat)] = SecretStr("")
    """Fetched while the session lives; "" = nothing is."""
    heartbeat_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Time between two fetches."""


_SHORTEST_TOKEN = 16
"""A shorter token could be guessed."""


def _checked_token(secret: SecretStr) -> SecretStr:
    token = revealed(secret)
    if token in ("", HIDDEN):  # which is what a copy of the settings has in its place
        return SecretStr("")
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise ValueError(f"must be empty or {_SHORTEST_TOKEN} or more plain characters")
    return secret


class DashboardSettings(SettingsSection):
    """The page over sessions and runs."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address that it listens on."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8765
    """0 = a free one."""
    names: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Other names under which browsers reach it, as behind a proxy."""
    token: Annotated[Secret, AfterValidator(_checked_token)] = SecretStr("")
    """What a reader has to know; "" = nothing on this machine, elsewhere one of the day."""


def _without_mask(secret: SecretStr) -> SecretStr:
    """*** is what a copy of the settings has in a secret's place."""
    return SecretStr("") if revealed(secret) == HIDDEN else secret


class TelegramSettings(SettingsSection):
    """A bot that answers about the sessions and takes orders to them."""

    token: Annotated[Secret, AfterValidator(_without_mask)] = SecretStr("")
    """The bot's, from @BotFather."""
    chat: int = 0
    """Number of the one chat that is answered."""
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s?#@]+$")] = "https://api.telegram.org"
    """Telegram, or a server of its Bot API of your own."""
