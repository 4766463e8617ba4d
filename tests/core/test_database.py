"""A database's URL: what it hands over to the driver, and what its errors show of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from peewee import OperationalError

from stoptrail.core.database import BusyError, open_database, reason_of, server_at, shown

ODD = "z9@Q/w:x?#&=;% '\"\\é$K+"
ENCODED = "z9%40Q%2Fw%3Ax%3F%23%26%3D%3B%25%20%27%22%5C%C3%A9%24K%2B"


def handed_over(url: str) -> dict[str, Any]:
    """What the driver gets, with the database's name."""
    database = server_at(url)
    return {"database": database.database, **database.connect_params}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"postgresql://me%40work:{ENCODED}@host/db", {"user": "me@work", "password": ODD}),
        ("postgresql://me:100%25@host/db", {"password": "100%"}),
        ("postgresql://me:p@ss@host/db", {"password": "p@ss", "host": "host"}),
        ("postgresql://host/db?user=me&password=007", {"password": "007"}),
        ("postgresql://host/db?password=1.50", {"password": "1.50"}),
        ("postgresql://host/db?password=true", {"password": "true"}),
        ("postgresql://me:x@%2Frun%2FPg/db", {"host": "/run/Pg"}),
        ("postgresql://me:x@%2Frun%2FPg:6432/db", {"host": "/run/Pg", "port": 6432}),
        ("postgresql:///db?host=/run/Pg&port=6432", {"host": "/run/Pg", "port": 6432}),
        ("postgresql://host/my%20db", {"database": "my db"}),
    ],
)
def test_what_is_percent_encoded_is_handed_over_as_it_was_meant(
    url: str, expected: dict[str, Any]
) -> None:
    found = handed_over(url)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "said", "expected"),
    [
        (
            f"postgresql://trader:{ENCODED}@host/db",
            f'FATAL: password authentication failed for user "trader" ({ODD})',
            'FATAL: password authentication failed for user "***" (***)',
        ),
        (
            "postgresql:///db?host=/run/secret/pg&port=6432",
            'connection to server on socket "/run/secret/pg/.s.PGSQL.6432" failed',
            'connection to server on socket "***/.s.PGSQL.***" failed',
        ),
        (
            "postgresql://trader:x@%2Frun%2Fsecret:6432/led",
            'connection to server on socket "/run/secret/.s.PGSQL.6432" failed in ledger led',
            'connection to server on socket "***/.s.PGSQL.***" failed in ledger led',
        ),
    ],
)
def test_a_complaint_shows_nothing_of_a_url_that_is_not_shown(
    url: str, said: str, expected: str
) -> None:
    assert reason_of(OperationalError(said), url) == expected


def test_words_that_hold_a_part_of_an_address_are_left_alone() -> None:
    url = "postgresql:///led?host=/var/run/pg&user=art&password=top"
    said = "the ledger was started: stopped at the top, art runs; password and host of art: top"
    told = "the ledger was started: stopped at the ***, *** runs; password and host of ***: ***"
    assert reason_of(OperationalError(said), url) == told


def test_the_folder_of_a_socket_is_not_shown_but_the_name_of_the_database_is() -> None:
    assert shown("postgresql://me:x@%2Frun%2Fsecret:6432/led?a=b") == "postgresql://***@***/led?***"


def made_elsewhere(path: Path) -> sqlite3.Connection:
    """A file whose first tables another process is just making: its log is not there yet."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE sessions (id)")
    return other


def test_a_file_that_another_process_is_just_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(made_elsewhere(path)) as other:
        made = Timer(0.3, other.execute, ("COMMIT",))
        made.start()
        with closing(open_database(f"sqlite:///{path}")) as database:
            assert database.get_tables() == ["sessions"]
        made.join()


def test_a_file_that_stays_locked_is_told_once_the_wait_is_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(made_elsewhere(path)), pytest.raises(BusyError, match="database is locked"):
        open_database(f"sqlite:///{path}", busy=0.2)
