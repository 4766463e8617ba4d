from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stoptrail.core.errors import LedgerError, StoreError, UsageError
from stoptrail.sweep.store import SweepRun, SweepUnit, TrialStore

IDENTITY = "a" * 64


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'trials.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_what_was_saved_is_there_after_reopening(url: str) -> None:
    store = TrialStore(url, IDENTITY)
    store.save("screen", [(2, b"two"), (1, b"\x00one")])
    store.save("verified", [(1, b"other")])
    store.close()
    again = TrialStore(url, IDENTITY, store.key)
    assert list(again.load("screen")) == [(1, b"\x00one"), (2, b"two")]
    assert list(again.load("verified")) == [(1, b"other")]
    again.close()


def test_a_unit_that_is_there_stays(url: str) -> None:
    store = TrialStore(url, IDENTITY)
    store.save("screen", [(1, b"first")])
    store.save("screen", [(1, b"second"), (2, b"new")])
    assert list(store.load("screen")) == [(1, b"first"), (2, b"new")]
    store.close()


def test_sweeps_in_one_database_do_not_meet(url: str) -> None:
    one, other = TrialStore(url, IDENTITY), TrialStore(url, IDENTITY)
    one.save("screen", [(1, b"one")])
    assert list(other.load("screen")) == []
    assert one.key != other.key
    one.close()
    other.close()


def test_a_batch_is_stored_whole_or_not_at_all(url: str) -> None:
    store = TrialStore(url, IDENTITY)
    bad: Any = [(1, b"fine"), (object(), b"bad")]
    with pytest.raises(LedgerError, match="trials can no longer be stored"):
        store.save("screen", bad)
    assert list(store.load("screen")) == []
    store.close()


def test_another_identity_is_refused(url: str) -> None:
    store = TrialStore(url, IDENTITY)
    store.close()
    with pytest.raises(UsageError, match="differ from those of the stopped sweep"):
        TrialStore(url, "b" * 64, store.key)


def test_an_unknown_sweep_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="holds no trials"):
        TrialStore(url, IDENTITY, "unknown")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "words.db"
    file.write_text("these are words, not a database\n" * 40)
    with pytest.raises(StoreError, match=r"words\.db"):
        TrialStore(f"sqlite:///{file}", IDENTITY)
    assert file.read_text().startswith("these are words")


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    """What follows a full disk, a rollback that finds nothing to roll back, hides it."""
    store = TrialStore(f"sqlite:///{tmp_path / 'x.db'}", IDENTITY)
    store._database.execute_sql("PRAGMA max_page_count = 20")
    with pytest.raises(LedgerError, match=r"disk is full\); mend it and go on with --resume"):
        store.save("screen", [(unit, b"x" * 4096) for unit in range(100)])
    store.close()


def test_trials_of_another_form_are_not_read(url: str) -> None:
    store = TrialStore(url, IDENTITY)
    with store._bound():
        SweepRun.update(version=99).execute()
    store.close()
    with pytest.raises(UsageError, match="form 99"):
        TrialStore(url, IDENTITY, store.key)


def test_a_limit_of_files_is_told_in_the_systems_words(tmp_path: Path) -> None:
    """SQLite calls it "disk I/O error", as it does a broken disk."""
    url = f"sqlite:///{tmp_path / 'x.db'}"
    store = TrialStore(url, IDENTITY)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, limits[1]))
    try:
        with pytest.raises(LedgerError) as told:
            store.save("screen", [(unit, b"x" * 4096) for unit in range(100)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(told.value) == (
        f"database.url {url}: trials can no longer be stored (File too large); mend it and go on "
        "with --resume"
    )
    store.close()
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    "spoil", [lambda kept: b"", lambda kept: kept[:-1], lambda kept: kept + b"x"]
)
def test_a_damaged_outcome_is_done_again(url: str, spoil: Callable[[bytes], bytes]) -> None:
    """A bit that the disk has lost would be a trade that nobody made."""
    store = TrialStore(url, IDENTITY)
    store.save("screen", [(1, b"one"), (2, b"two")])
    with store._bound():
        row = SweepUnit.get(SweepUnit.run == store.key, SweepUnit.unit == 1)
        kept = spoil(bytes(row.outcome))
        SweepUnit.update(outcome=kept).where(SweepUnit.unit == 1).execute()
    assert list(store.load("screen")) == [(2, b"two")]
    store.save("screen", [(1, b"one")])
    assert list(store.load("screen")) == [(1, b"one"), (2, b"two")]
    store.close()
