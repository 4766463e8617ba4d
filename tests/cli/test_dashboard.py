"""`dashboard` as a user starts and stops it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import runner
from stoptrail.cli.dashboard import access_of, address_of, address_to_open
from stoptrail.config.settings import Settings
from stoptrail.dashboard.guard import Access

ROOT = Path(__file__).parents[2]
TOKEN = "a token of more than sixteen characters"


def settings(**dashboard: object) -> Settings:
    return Settings.model_validate({"dashboard": dashboard})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_in_order(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "runner.py"), "dashboard", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        match = re.fullmatch(r"dashboard: (http://127\.0\.0\.1:\d+/)\n", process.stdout.readline())
        assert match is not None
        with urllib.request.urlopen(f"{match[1]}api/sessions", timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_a_ledger_is_a_file_or_an_address() -> None:
    assert address_of("state/stoptrail.db") == "sqlite:///state/stoptrail.db"
    assert address_of("postgresql://host/name") == "postgresql://host/name"


def test_a_token_is_made_where_others_can_reach_it() -> None:
    assert access_of(settings()).token == ""
    assert access_of(settings(token=TOKEN)).token == TOKEN
    made = [access_of(settings(host="0.0.0.0")).token for _ in range(2)]
    assert made[0] != made[1]
    assert all(len(token) >= 32 for token in made)
    assert access_of(settings(host="0.0.0.0", token=TOKEN)).token == TOKEN
    assert len(access_of(settings(host="0.0.0.0", token="***")).token) >= 32


def test_the_token_in_the_address_is_sent_to_nobody() -> None:
    assert address_to_open(Access("127.0.0.1"), 8765) == "http://127.0.0.1:8765/"
    assert address_to_open(Access("::1"), 1) == "http://[::1]:1/"
    elsewhere = Access("0.0.0.0", (), TOKEN)
    assert address_to_open(elsewhere, 1) == f"http://127.0.0.1:1/#token={TOKEN}"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("dashboard.token=short", "dashboard.token must be empty or 16 or more"),
        ("dashboard.port=70000", "dashboard.port"),
        ("dashboard.host=", "dashboard.host must not be empty"),
        ("dashboard.host=nowhere.invalid", "nowhere.invalid:8765 cannot be listened on"),
    ],
)
def test_what_cannot_be_is_one_line(
    option: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["dashboard", "--set", option]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
    assert "short" not in err.replace("shorter", "")
