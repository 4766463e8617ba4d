"""Figures of a session for Prometheus, over HTTP."""

from __future__ import annotations

import math
import time
from collections import Counter
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
        from prometheus_client import CollectorRegistry

        self._address = (host, port)
        self.port = port
        self._server: Any = None
        self.registry = CollectorRegistry()
        self._figures: list[_Figures] = []
        """Of the session, then of the sleeves of a book."""
        self._messages = Counter({"error": 0})  # 0 and not absent while there was none
        """By kind."""
        self._realised: dict[int, float] | None = None
        """By session; None where the ledger has to be asked again."""
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
        self._messages[message.kind] += 1
        if message.kind in ("exit", "funding"):
            self._realised = None

    def turned(self, session: Watched) -> None:
        """Bring the figures up to date."""
        engine: Any = session.engine
        if engine is None or (session.market.price is None and not engine.of_book):
            return
        realised = self._realised_by(session)
        self._figures = [_whole(session, engine, realised)]
        for seat in engine.seats if engine.of_book else ():
            self._figures.append(_of_sleeve(session, seat, realised))

    def _realised_by(self, session: Watched) -> dict[int, float]:
        """Result of the closed trades of the session and of its sleeves; none while the ledger
        cannot be read, which the session itself says."""
        if self._realised is None:
            try:
                database, number = session.ledger.database, session.number
                own = [number, *(row.id for row in sleeves_of(database, number))]
                found = {each: closed_trades(database, each)[0] for each in own}
            except PeeweeException:
                return {}
            self._realised = {**found, number: sum(found.values())}
        return self._realised

    def collect(self) -> Iterator[Metric]:
        """Prometheus asks: the figures of the last turn, and how long ago that was."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        figures = list(self._figures)
        if not figures:
            return
        text = "Seconds since the session last turned: it hangs where this grows"
        figures[0].gauges["beat_age_seconds"] = time.monotonic() - figures[0].turned
        for name in dict.fromkeys(name for each in figures for name in each.gauges):
            found = GaugeMetricFamily(f"stoptrail_{name}", _GAUGES.get(name, text), labels=_LABELS)
            for each in figures:
                if name in each.gauges:
                    found.add_metric(each.labels, each.gauges[name])
            yield found
        states = GaugeMetricFamily(
            "stoptrail_connection", "1 for the state of the data", labels=(*_LABELS, "state")
        )
        for each in figures:
            for state in _STATES:
                states.add_metric((*each.labels, state), float(state == each.connection))
        yield states
        labels = (*_LABELS, "kind")
        messages = CounterMetricFamily("stoptrail_messages", "Messages by kind", labels=labels)
        for kind, count in list(self._messages.items()):
            messages.add_metric((*figures[0].labels, kind), count)
        yield messages


def _whole(session: Watched, engine: Any, realised: dict[int, float]) -> _Figures:
    """A session of one market, or the account of a book."""
    when, price = session.market.price or (0, math.nan)
    gauges = {} if engine.of_book else {"price": price}
    gauges |= {
        "equity": engine.broker.equity(price, when),
        "realised": realised.get(session.number, math.nan),
        "market_data_fresh": 0.0 if session.market.stale else 1.0,
        "candles": float(engine.closed),
        "restarts": float(session.restarts),
    }
    if not engine.of_book:
        gauges |= _held(engine.broker, engine.strategy)
    labels = (session.exchange, session.symbol, str(session.number))
    connection = session.market.connection.partition(":")[0]
    return _Figures(labels, gauges, connection, time.monotonic())


def _of_sleeve(session: Watched, seat: Any, realised: dict[int, float]) -> _Figures:
    """A sleeve of a book, under its own number as a session."""
    market: Any = session.market
    when, price = market.each[seat.symbol].price or (0, math.nan)
    number = seat.options.session
    gauges = {
        "price": price,
        "equity": seat.broker.marked_on(seat.balance, price, when),
        "realised": realised.get(number, math.nan),
        "market_data_fresh": 0.0 if market.behind(seat.symbol) else 1.0,
        **_held(seat.broker, seat.strategy),
    }
    connection = market.connection_of(seat.symbol).partition(":")[0]
    labels = (session.exchange, seat.symbol, str(number))
    return _Figures(labels, gauges, connection, time.monotonic())


def _held(broker: Any, strategy: Any) -> dict[str, float]:
    position = broker.open
    if position is None:
        return {"position_units": 0.0}
    found = {"position_units": position.held.side * position.units}
    return found if strategy is None else found | {"stop_level": strategy.manager.stop.level}
