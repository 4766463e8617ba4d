"""`telegram` against a stand-in of its Bot API on this machine."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import tomli_w

import runner
from stoptrail.config.settings import as_table
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows
from tests.web_server import served

pytest.importorskip("telegram", reason="needs python-telegram-bot")

ROOT = Path(__file__).parents[2]
TOKEN = "123456:canary7f3a-abcdefghijklmnop"
OURS, THEIRS = 4711, 666


class BotApi:
    """Telegram's side: gives messages to the bot, and keeps what it answers."""

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] = []
        self.answers: list[tuple[int, str]] = []
        self._number = 0

    def write(self, chat: int, text: str) -> None:
        self._number += 1
        command = {"type": "bot_command", "offset": 0, "length": len(text.split()[0])}
        message = {
            "message_id": self._number,
            "date": int(time.time()),
            "chat": {"id": chat, "type": "private", "first_name": "A"},
            "from": {"id": chat, "is_bot": False, "first_name": "A"},
            "text": text,
            "entities": [command],
        }
        self.waiting.append({"update_id": self._number, "message": message})

    def answer(self, method: str, given: dict[str, str]) -> Any:
        if method == "getMe":
            return {"id": 1, "is_bot": True, "first_name": "Bot", "username": "a_bot"}
        if method == "getUpdates":
            offset = int(given.get("offset", 0))
            self.waiting = [one for one in self.waiting if one["update_id"] >= offset]
            if not self.waiting:
                time.sleep(0.05)
            return self.waiting
        if method == "sendMessage":
            self.answers.append((int(given["chat_id"]), given["text"]))
            return {"message_id": 1, "date": 1, "chat": {"id": OURS, "type": "private"}}
        if method == "deleteWebhook" and given.get("drop_pending_updates", "").lower() == "true":
            self.waiting = []
        return True

    def until(self, count: int) -> list[tuple[int, str]]:
        end = time.monotonic() + 30.0
        while len(self.answers) < count:
            assert time.monotonic() < end, self.answers
            time.sleep(0.02)
        return self.answers


@contextmanager
def bot_api() -> Iterator[tuple[BotApi, str]]:
    api = BotApi()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
            given = dict(urllib.parse.parse_qsl(body))
            known = self.path.startswith(f"/bot{TOKEN}/")
            found: Any = {"ok": False, "error_code": 401, "description": "Unauthorized"}
            if known:
                found = {"ok": True, "result": api.answer(self.path.rpartition("/")[2], given)}
            text = json.dumps(found).encode()
            self.send_response(200 if known else 401)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the bot ends while it waits for an answer
                self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with served(Handler) as address:
        yield api, address


def config_of(folder: Path, base_url: str, token: str = TOKEN) -> Path:
    url = f"sqlite:///{folder}/ledger.db"
    table = as_table(settings(database={"url": url}))
    table["telegram"] = {"token": token, "chat": OURS, "base_url": base_url}
    file = folder / "strategy.toml"
    file.write_text(tomli_w.dumps(table))
    return file


def test_the_configured_chat_is_answered_and_no_other(tmp_path: Path) -> None:
    with bot_api() as (api, base_url):
        config = config_of(tmp_path, base_url)
        url = f"sqlite:///{tmp_path}/ledger.db"
        play(settings(), PlaybackStore(small_rows(300), WARM_UP, HOUR), url)
        api.write(OURS, "/resume 1")  # before it listens: dropped
        command = [sys.executable, str(ROOT / "runner.py"), "telegram", "--config", str(config)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
        try:
            end = time.monotonic() + 30.0
            while api.waiting:
                assert time.monotonic() < end
                time.sleep(0.02)
            api.write(THEIRS, "/pause 1")
            api.write(THEIRS, "/status")
            said = []
            for text in ("/status", "/pause 1", "/resume", "/close 1", "/daily", "/pause 9"):
                api.write(OURS, text)
                said.append(api.until(len(said) + 1)[-1])
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
    assert [chat for chat, _ in api.answers] == [OURS] * 6
    texts = [text for _, text in said]
    assert texts[0].startswith("1 binance BTC/USDT: well")
    assert "pause: not running: no new entries" in texts[1]
    assert "resume: not running: entries again" in texts[2]
    assert texts[3].endswith("send: /close 1 yes")
    assert "trades closed" in texts[4]
    assert "there is no session 9" in texts[5]
    assert (process.returncode, err) == (0, "")
    assert TOKEN not in out
    assert "canary7f3a" not in out


def test_without_a_token_or_with_a_wrong_one_it_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["telegram"]) == 2
    assert "telegram.token and telegram.chat must be set" in capsys.readouterr().err
    with bot_api() as (_, base_url):
        config = config_of(tmp_path, base_url, "1:canary7f3a-wrong")
        command = [sys.executable, str(ROOT / "runner.py"), "telegram", "--config", str(config)]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 2
    assert found.stderr.splitlines() == [
        "error: telegram.token is refused: copy it from @BotFather"
    ]
