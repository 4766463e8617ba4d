"""A local server that speaks one exchange's dialect, for the real ccxt client."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt

from tests.exchange.dialects import Dialect, RefusedError


class StandIn:
    """Serves `dialect` on 127.0.0.1 until closed; use with `with`."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.breaks = -1
        """Candle requests after which every further one is refused; -1 for never."""
        self.instead: list[tuple[int, dict[str, str], str] | None] = []
        """What the next requests for candles get instead: status, headers and body, or None for a
        connection that breaks off within the answer."""
        self.slow = 0
        """Next requests for candles that are answered byte by byte, without an end."""
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stand_in = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, query: dict[str, Any]) -> tuple[int, Any]:
        """Status and body for a request."""
        dialect = self.dialect
        try:
            if not dialect.speaks(path, query):
                return 200, dialect.other(path, query)
            dialect.asked += 1
            if 0 <= self.breaks <= dialect.asked:
                return 451, {"message": "not in your country"}
            return 200, dialect.candles({**query, "path": path})
        except RefusedError as refused:
            return refused.status, refused.body

    def ccxt_options(self) -> dict[str, Any]:
        """ccxt's constructor options: every host replaced by this one."""
        address = f"http://127.0.0.1:{self._server.server_port}"
        urls = getattr(ccxt, self.dialect.id)().urls["api"]
        return {"urls": {"api": hosted_at(address, urls)}, "enableRateLimit": False}


def hosted_at(address: str, urls: Any) -> Any:
    """ccxt's `urls` with every host replaced by that of `address`."""
    if isinstance(urls, dict):
        return {name: hosted_at(address, url) for name, url in urls.items()}
    return address + urlsplit(urls.replace("{hostname}", "host")).path if urls else urls


class _Server(ThreadingHTTPServer):
    """Knows whom it serves."""

    daemon_threads = True
    stand_in: StandIn


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    """Else a body waits 40 ms until the receipt of its header is confirmed."""

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.reply(parts.path, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(urlsplit(self.path).path, json.loads(body or b"{}"))

    def reply(self, path: str, query: dict[str, Any]) -> None:
        """What is wanted, or what comes instead of it."""
        stand_in = self.server.stand_in
        candles = stand_in.dialect.speaks(path, query)
        if candles and stand_in.slow:
            stand_in.slow -= 1
            self.drip()
        elif candles and stand_in.instead:
            self.send(*(stand_in.instead.pop(0) or (200, {"Content-Length": "999"}, "[")))
        else:
            status, answer = stand_in.answer(path, query)
            self.send(status, {"Content-Type": "application/json"}, json.dumps(answer))

    def drip(self) -> None:
        """An answer byte by byte, until nobody listens."""
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.stand_in.closing.wait(0.02):
                self.wfile.write(b"[")

    def send(self, status: int, headers: dict[str, str], text: str) -> None:
        """One answer."""
        body = text.encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = "Content-Length" in headers
