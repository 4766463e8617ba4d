"""Figures of a session for Prometheus, over HTTP."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from peewee import PeeweeException

from stoptrail.core.errors import ConfigError
from stoptrail.live.ledger.records import sleeves_of
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.snapshot import closed_trades
from stoptrail.live.watch.watched import Watched

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_LABELS = ("exchange", "symbol", "session")
_STATES = ("connecting", "live", "polling", "stale", "closed")


class _Figures(NamedTuple):
    """What a session showed at its last turn."""

    labels: tuple[str, str, str]
    gauges: dict[str, float]
    """By name; what there is none of, as a stop level when flat, is left out."""
    connection: str
    turned: float
    """When, by the monotonic clock."""


_GAUGES = {
    "price": "Newest price",
    "equity": "Equity at the newest price, quote currency",
    "realised": "Result of the closed trades, quote currency",
    "position_units": "Units held; negative for a short",
    "stop_level": "Level of the working stop; absent while flat",
    "market_data_fresh": "1 while entries may be made on the data",
    "candles": "Closed candles that this run has processed",
    "restarts": "Starts of this session's process after its first",
}


class Endpoint:
    """Serves `http://host:port/metrics`; use it with `with`. Port 0 takes a free one.

    Raises ConfigError where the address cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        from prometheus_client import CollectorRegistry, Counter

        self._address = (host, port)
        self.port = port
        self._server: Any = None
        self.registry = CollectorRegistry()
        self._figures: _Figures | None = None
        self._messages = Counter(
            "stoptrail_messages", "Messages by kind", ["kind"], registry=self.registry
        )
        self._realised: float | None = None
        """None where the ledger has to be asked again."""
        self._messages.labels("error")  # 0 and not absent while there was none
        self.registry.register(self)

    def __enter__(self) -> Endpoint:
        from prometheus_client import start_http_server

        host, port = self._address
        try:
            self._server, _ = start_http_server(port, host, self.registry)
        except OSError as error:
            raise ConfigError(
                f"live.prometheus_port: {host}:{port} cannot be listened on ({error.strerror})"
            ) from None
        self.port = self._server.server_port
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def happened(self, message: Message) -> None:
        """Count the message."""
        self._messages.labels(message.kind).inc()
        if message.kind in ("exit", "funding"):
            self._realised = None

    def turned(self, session: Watched) -> None:
        """Bring the figures up to date."""
        engine = session.engine
        if engine is None or (session.market.price is None and not engine.of_book):
            return
        when, price = session.market.price or (0, math.nan)
        position = engine.broker.open
        equity = engine.broker.equity(price, when)
        gauges = {} if engine.of_book else {"price": price}
        gauges |= {
            "equity": equity,
            "realised": self._realised_by(session),
            "position_units": 0.0 if position is None else position.held.side * position.units,
            "market_data_fresh": 0.0 if session.market.stale else 1.0,
            "candles": float(engine.closed),
            "restarts": float(session.restarts),
        }
        if position is not None and engine.strategy is not None:
            gauges["stop_level"] = engine.strategy.manager.stop.level
        labels = (session.exchange, session.symbol, str(session.number))
        connection = session.market.connection.partition(":")[0]
        self._figures = _Figures(labels, gauges, connection, time.monotonic())

    def _realised_by(self, session: Watched) -> float:
        """Result of the closed trades; NaN while the ledger cannot be read, which the session
        itself says."""
        if self._realised is None:
            try:
                database, number = session.ledger.database, session.number
                own = [number, *(row.id for row in sleeves_of(database, number))]
                self._realised = sum(closed_trades(database, each)[0] for each in own)
            except PeeweeException:
                return math.nan
        return self._realised

    def collect(self) -> Iterator[Metric]:
        """Prometheus asks: the figures of the last turn, and how long ago that was."""
        from prometheus_client.core import GaugeMetricFamily

        figures = self._figures
        if figures is None:
            return
        age = time.monotonic() - figures.turned
        text = "Seconds since the session last turned: it hangs where this grows"
        values = figures.gauges | {"beat_age_seconds": age}
        for name, value in values.items():
            found = GaugeMetricFamily(f"stoptrail_{name}", _GAUGES.get(name, text), labels=_LABELS)
            found.add_metric(figures.labels, value)
            yield found
        states = GaugeMetricFamily(
            "stoptrail_connection", "1 for the state of the data", labels=(*_LABELS, "state")
        )
        for state in _STATES:
            states.add_metric((*figures.labels, state), float(state == figures.connection))
        yield states
