"""A local server that speaks one exchange's dialect, for the real ccxt client."""

from __future__ import annotations

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
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
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
                if stand_in.instead and stand_in.dialect.speaks(path, query):
                    self.send(*(stand_in.instead.pop(0) or (200, {"Content-Length": "999"}, "[")))
                else:
                    status, answer = stand_in.answer(path, query)
                    self.send(status, {"Content-Type": "application/json"}, json.dumps(answer))

            def send(self, status: int, headers: dict[str, str], text: str) -> None:
                body = text.encode()
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = "Content-Length" in headers

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
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
