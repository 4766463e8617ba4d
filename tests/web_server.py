"""Web servers of a test's own, on this machine and in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], *, waits: bool = False) -> Iterator[str]:
    """The address of a server that answers by `handler`; with `waits` its end is after that of all
    answers under way."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = not waits
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def receiver(delay: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """Apprise's address of a server that takes its JSON messages, each after `delay` seconds, and
    what has come."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            time.sleep(delay)
            got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with served(Handler, waits=True) as address:
        yield address.replace("http", "json", 1), got
