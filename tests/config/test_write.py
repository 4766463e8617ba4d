from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import runner
from stoptrail.config.load import load_settings, public_table, to_toml
from stoptrail.config.settings import Settings, trading_only, with_values
from stoptrail.core.database import shown
from stoptrail.core.text import revealed
from tests.config.files import SIGNAL, example_settings, written

SECRET = "hunter2"

_names = st.text(st.characters(categories=("L", "N"), include_characters="$\"'[]"), min_size=1)
_paths = st.text(st.characters(exclude_characters="\0"))
_symbols = st.tuples(_names, _names).map("/".join) | _names
_sections = st.fixed_dictionaries(
    {
        "stop": st.fixed_dictionaries(
            {
                "trailing_atr_multiplier": st.floats(0.001, 100),
                "atr_timeframe": st.sampled_from(["15m", "4h", "1d"]),
            }
        ),
        "market": st.fixed_dictionaries({}, optional={"tick": st.floats(1e-9, 1e9)}),
        "data": st.fixed_dictionaries({"symbol": _symbols, "path": _paths}),
        "strategy": st.fixed_dictionaries(
            {"signal": st.just(SIGNAL), "trend_period": st.integers(2, 500)}
        ),
    }
)


@given(_sections)
def test_written_settings_load_as_the_same_settings(table: dict[str, dict[str, object]]) -> None:
    settings = Settings.model_validate(table)
    assert Settings.model_validate(tomllib.loads(to_toml(settings))) == settings


def test_the_grid_keeps_the_order_of_its_keys(tmp_path: Path) -> None:
    text = "[sweep.grid]\nstop.atr_period = {from = 1, to = 3, step = 1}\nrisk.sizing = ['risk']"
    settings = load_settings(written(tmp_path, text))
    copy = tmp_path / "config.toml"
    copy.write_text(to_toml(settings), "utf-8")
    assert list(load_settings(copy).sweep.grid) == list(settings.sweep.grid)
    assert load_settings(copy) == settings


def _with_secrets() -> Settings:
    return Settings.model_validate(
        {
            "strategy": {"signal": SIGNAL},
            "exchange": {
                "ccxt": {
                    "apiKey": SECRET,
                    "secret": SECRET,
                    "password": 1234567,
                    "httpProxy": f"http://me:{SECRET}@proxy:3128",
                    "headers": {"X-Any": SECRET},
                    "urls": {"api": {"public": f"http://127.0.0.1:1/api?key={SECRET}"}},
                    "timeout": 5000,
                }
            },
            "database": {"url": f"postgresql://me:{SECRET}@host/db?password={SECRET}"},
            "notify": {"urls": [f"tgram://{SECRET}/1", f"mailto://me:{SECRET}@example.org"]},
        }
    )


def test_secrets_are_not_written() -> None:
    text = to_toml(_with_secrets())
    assert SECRET not in text
    assert "1234567" not in text


def test_what_is_no_secret_is_written() -> None:
    table = public_table(_with_secrets())
    assert table["exchange"]["ccxt"]["timeout"] == 5000
    assert table["exchange"]["ccxt"]["urls"]["api"]["public"] == "http://127.0.0.1:1/***"
    assert table["database"]["url"].startswith("postgresql://***@host/db")
    assert [url.partition(":")[0] for url in table["notify"]["urls"]] == ["tgram", "mailto"]


def test_settings_in_a_log_show_no_secret() -> None:
    assert SECRET not in repr(_with_secrets())


def test_redacted_settings_load_and_differ_in_secrets_only() -> None:
    settings = _with_secrets()
    copy = Settings.model_validate(tomllib.loads(to_toml(settings)))
    differing = {
        name for name in Settings.model_fields if getattr(copy, name) != getattr(settings, name)
    }
    assert differing == {"exchange", "database", "notify"}


def test_a_file_path_is_not_taken_for_a_secret() -> None:
    table = public_table(example_settings().model_copy())
    assert table["database"]["url"] == "sqlite:///state/stoptrail.db"


CANARY = "canary7f3a"
PLACES: dict[str, dict[str, object]] = {
    "database": {"url": f"postgresql://me:{CANARY}@host/db"},
    "a password with @": {"url": f"postgresql://me:p@{CANARY}@host/db"},
    "a password with /": {"url": f"postgresql://me:{CANARY}/{CANARY}@host/db"},
    "a password with ?": {"url": f"postgresql://me:a?{CANARY}@host/db"},
    "a password with #": {"url": f"postgresql://me:a#{CANARY}@host/db"},
    "a password with :": {"url": f"postgresql://me:{CANARY}:{CANARY}@host/db"},
    "a parameter": {"url": f"postgresql:///x?password={CANARY}"},
    "a parameter with @": {"url": f"postgresql://host/x?password=a@{CANARY}"},
    "no host": {"url": f"postgresql://me:{CANARY}"},
}


@pytest.mark.parametrize("name", PLACES)
def test_no_part_of_a_database_password_is_written(name: str) -> None:
    settings = Settings.model_validate({"database": PLACES[name]})
    assert CANARY not in to_toml(settings)
    assert CANARY not in repr(settings)
    assert CANARY not in shown(settings.database.url)


@pytest.mark.parametrize(
    "key",
    [
        "bearer",
        "jwt",
        "mnemonic",
        "accountId",
        "brokerId",
        "apiKey",
        "pin",
        "seed",
        "x",
        "headers",
        "httpProxy",
        "https_proxy",
        "socksProxy",
        "wsProxy",
        "proxies",
        "proxyUrl",
        "userAgent",
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        {"a": CANARY},
        [CANARY],
        f"me:{CANARY}@proxy:3128",
        f"http://x/{CANARY}",
        {"a": [CANARY]},
    ],
    ids=str,
)
def test_of_the_exchange_only_what_is_harmless_is_written(key: str, value: object) -> None:
    for table in ({key: value}, {"options": {key: value}}, {"options": {"defaultType": value}}):
        settings = Settings.model_validate({"exchange": {"ccxt": table}})
        assert CANARY not in to_toml(settings)
        assert CANARY not in repr(settings)


def test_a_token_in_the_path_of_an_address_is_not_written() -> None:
    urls = {
        "api": {"public": f"https://node.example/v2/{CANARY}/api"},
        "www": f"https://{CANARY}@x",
    }
    text = to_toml(Settings.model_validate({"exchange": {"ccxt": {"urls": urls}}}))
    assert CANARY not in text
    assert "https://node.example/***" in text


def test_what_workers_get_holds_nothing_secret() -> None:
    import pickle

    plain = trading_only(_with_secrets())
    for secret in (SECRET, "1234567", "proxy:3128"):
        assert secret.encode() not in pickle.dumps(plain)


def test_secrets_are_there_for_whoever_needs_them() -> None:
    settings = _with_secrets()
    assert SECRET in revealed(settings.database.url)
    assert settings.exchange.options()["httpProxy"] == f"http://me:{SECRET}@proxy:3128"
    assert isinstance(settings.exchange.ccxt["httpProxy"], SecretStr)
    assert with_values(settings, {"data.start": "2024-01-01"}).database == settings.database
    assert with_values(settings, {"data.start": "2024-01-01"}).exchange == settings.exchange


@pytest.mark.parametrize(
    "override",
    [
        f"database.url=postgresql://me:{CANARY}/x@127.0.0.1:9/db",
        f"database.url=postgresql://me:{CANARY}@127.0.0.1:port/db",
        f"database.url=postgresql://me:%zz{CANARY}@127.0.0.1:9/db",
        f"database.url=postgresql:///x?password={CANARY}&host=127.0.0.1&port=9",
        f"database.url=postgresql://me:{CANARY}@[::1/db",
        f"database.url=mysql://me:{CANARY}@host/db",
        f"database.url={CANARY}",
        f'database.url=["{CANARY}"]',
        f"database={CANARY}",
        f"notify.urls={CANARY}",
        f'notify.urls=[["{CANARY}"]]',
        f"notify=tgram://{CANARY}",
        f"exchange.ccxt={CANARY}",
        f"exchange=me:{CANARY}@host",
        f"postgresql://me:{CANARY}@host/db",
    ],
)
def test_an_error_about_a_secret_does_not_show_it(
    override: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["status", "--set", override]) in (2, 6)
    assert CANARY not in capsys.readouterr().err


@pytest.mark.parametrize("value", ["inf", "nan", "1e400", "[1, {a = -inf}]"])
def test_an_infinity_for_the_exchange_is_refused(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["status", "--set", f"exchange.ccxt.timeout={value}"]) == 2
    assert "must hold finite numbers only" in capsys.readouterr().err
