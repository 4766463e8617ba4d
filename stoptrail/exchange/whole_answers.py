"""HTTP answers that come whole within a time: `requests` bounds the wait for each byte alone, so
that one that comes byte by byte would be waited for without an end."""

from __future__ import annotations

import errno
from concurrent.futures import Future
from threading import Thread
from typing import Any

import requests

_WAITS = 6
"""In how many times the wait for a byte a whole answer has to be there."""


class WholeAnswers(requests.Session):
    """A session that gives an answer up which is not there, header and body, in six times the
    timeout of its request; requests.Timeout then.

    `trust_env`: whether proxies and passwords of the environment count, as for any session.
    """

    def __init__(self, trust_env: bool = True) -> None:
        super().__init__()
        self.trust_env = trust_env

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """The answer; in a thread of its own, as only that can be left to itself."""
        answer: Future[requests.Response] = Future()

        def receive() -> None:
            try:
                answer.set_result(super(WholeAnswers, self).send(request, **options))
            except BaseException as error:
                answer.set_exception(error)

        seconds = options.get("timeout")
        longest = _WAITS * seconds if isinstance(seconds, int | float) else None
        Thread(target=receive, daemon=True).start()
        try:
            return answer.result(longest)
        except TimeoutError:
            words = f"no whole answer within {longest:g} s"
            raise requests.Timeout(errno.ETIMEDOUT, words, request=request) from None
