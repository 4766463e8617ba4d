"""Paper trading: the live session, its exchange, its ledger, its messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from stoptrail.config.section import Section

Event = Literal["entry", "exit", "breakeven", "protection", "connection", "error"]
EVENTS: tuple[Event, ...] = ("entry", "exit", "breakeven", "protection", "connection", "error")

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Live(Section):
    """A paper session (C14)."""

    ratchet: Literal["tick", "candle"] = "tick"
    """What moves stops: every tick, or closed candles only."""
    store: Literal["native", "ccxtbt"] = "native"
    """The built-in ccxt store, or the installed ccxtbt package's."""
    transport: Literal["auto", "websocket", "rest"] = "auto"
    """"auto": WebSocket first, REST where there is none or it keeps failing."""
    catch_up: Literal["stops_only", "full"] = "stops_only"
    """What candles missed while the session was down may do."""
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
    database_retry_seconds: Seconds = 60.0
    """How long a failing ledger is retried before the session stops in order."""
    prometheus_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """0 = no endpoint."""
    prometheus_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"


class Exchange(Section):
    """The exchange of a session."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]*$")] = ""
    """ccxt's id; "" = the one of [data]."""
    ccxt: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Handed to ccxt's constructor as it is; never printed."""


def _checked_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return url
    if scheme in ("postgresql", "postgres") and rest:
        return url
    raise ValueError("must start with sqlite:/// or postgresql:// and name a database")


class Database(Section):
    """Where trials and ledgers are kept."""

    url: Annotated[str, AfterValidator(_checked_url)] = Field(
        default="sqlite:///state/stoptrail.db", repr=False
    )


class Notify(Section):
    """Messages through Apprise."""

    urls: Annotated[tuple[str, ...], Field(strict=False, repr=False)] = ()
    events: Annotated[tuple[Event, ...], Field(strict=False)] = EVENTS
