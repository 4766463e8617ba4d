from __future__ import annotations

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.config.write import public_table, to_toml
from tests.config.files import SIGNAL, example_settings, written

SECRET = "hunter2"

_sections = st.fixed_dictionaries(
    {
        "stop": st.fixed_dictionaries(
            {
                "trailing_atr_multiplier": st.floats(0.001, 100),
                "atr_timeframe": st.sampled_from(["15m", "4h", "1d"]),
            }
        ),
        "market": st.fixed_dictionaries({}, optional={"tick": st.floats(1e-9, 1e9)}),
        "data": st.fixed_dictionaries({"symbol": st.text(min_size=1), "path": st.text()}),
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
    assert table["exchange"]["ccxt"]["urls"]["api"]["public"].startswith("http://127.0.0.1:1/api")
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
