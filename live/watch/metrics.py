"""Figures of a session for Prometheus, over HTTP."""

from __future__ import annotations

from typing import Any

from stoptrail.core.errors import ConfigError
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.watched import Watched


class Endpoint:
    """Serves `http://host:port/metrics`; use it with `with`. Port 0 takes a free one.

    Raises ConfigError where the address cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge

        self._address = (host, port)
        self.port = port
        self._server: Any = None
        self.registry = CollectorRegistry()

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"stoptrail_{name}", text, registry=self.registry)

        self._price = gauge("price", "Newest price")
        self._equity = gauge("equity", "Equity at the newest price, quote currency")
        self._units = gauge("position_units", "Units held; negative for a short")
        self._level = gauge("stop_level", "Level of the working stop; 0 without one")
        self._fresh = gauge("market_data_fresh", "1 while entries may be made on the data")
        self._candles = gauge("candles", "Closed candles that this run has processed")
        self._messages = Counter(
            "stoptrail_messages", "Messages by kind", ["kind"], registry=self.registry
        )

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

    def turned(self, session: Watched) -> None:
        """Bring the figures up to date."""
        engine = session.engine
        if engine is None or session.market.price is None:
            return
        time, price = session.market.price
        position = engine.broker.open
        self._price.set(price)
        self._equity.set(engine.broker.equity(price, time))
        self._units.set(0.0 if position is None else position.held.side * position.units)
        stop = engine.strategy.manager.stop if engine.strategy is not None else None
        self._level.set(0.0 if stop is None else stop.level)
        self._fresh.set(0.0 if session.market.stale else 1.0)
        self._candles.set(engine.closed)
