from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.config.load import load_settings
from stoptrail.config.settings import as_table
from stoptrail.core.errors import ConfigError
from tests.config.files import SIGNAL, example_settings, refusal, written


def test_a_file_without_keys_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, "")) == example_settings()


@pytest.mark.parametrize(
    ("text", "key", "rule", "received"),
    [
        ("[stop]\natr_period = 0", "stop.atr_period", "greater than or equal to 1", "0"),
        ("[stop]\ntrailing_atr_multiplier = -1", "stop.trailing_atr_multiplier", "than 0", "-1"),
        ("[stop]\natr_period = 14.0", "stop.atr_period", "whole number", "14.0"),
        ("[stop]\natr_period = true", "stop.atr_period", "whole number", "True"),
        ("[stop]\nbreakeven_margin = nan", "stop.breakeven_margin", "finite", "nan"),
        ("[stop]\natr_timeframe = '7h'", "stop.atr_timeframe", "divides the day", "'7h'"),
        ("[risk]\nrisk_includes_costs = 1", "risk.risk_includes_costs", "true or false", "1"),
        ("[data]\nstart = 'yesterday'", "data.start", "date or time", "'yesterday'"),
        ("[notify]\nevents = ['entri']", "notify.events.0", "'entry'", "'entri'"),
        ("[database]\nurl = 'mysql://x'", "database.url", "sqlite:///", "'mysql://x'"),
        ("[live]\nstale_seconds = 0", "live.stale_seconds", "greater than 0", "0"),
    ],
)
def test_a_wrong_value_names_file_key_rule_and_value(
    tmp_path: Path, text: str, key: str, rule: str, received: str
) -> None:
    message = refusal(tmp_path, text)
    assert message.startswith(f"{tmp_path / 'strategy.toml'}: {key} ")
    assert rule in message
    assert message.endswith(f", received {received}")


@pytest.mark.parametrize(
    ("override", "key", "closest"),
    [
        ("stop.atr_perod=3", "stop.atr_perod", "atr_period"),
        ("stpo.atr_period=3", "stpo", "stop"),
        ("strategy.trend_perio=3", "strategy.trend_perio", "trend_period"),
        ("strategy.side=long", "strategy.side", "sides"),
    ],
)
def test_an_unknown_key_names_the_closest_known_one(
    tmp_path: Path, override: str, key: str, closest: str
) -> None:
    message = refusal(tmp_path, "", override)
    assert message == f"--set: {key} is not a known key; did you mean {closest}?"


def test_a_parameter_of_another_signal_is_told_from_an_unknown_key(tmp_path: Path) -> None:
    message = refusal(tmp_path, "strategy.cycle_period = 24.0")
    said = f"is a parameter of the signal mtf_cycle, not of {SIGNAL}: leave it out"
    assert message == f"{tmp_path / 'strategy.toml'}: strategy.cycle_period {said}, received 24.0"


def test_a_section_that_is_no_table_is_named(tmp_path: Path) -> None:
    file = tmp_path / "strategy.toml"
    file.write_text("stop = 5")
    with pytest.raises(ConfigError, match="stop must be a table, received 5"):
        load_settings(file)


def test_several_faults_are_counted(tmp_path: Path) -> None:
    text = "[stop]\natr_period = 0\ncooldown_candles = -1\nbreakeven_margin = 'x'"
    message = refusal(tmp_path, text)
    assert "stop.atr_period" in message
    assert message.endswith("(and 2 more)")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[data]\nstart = 2022-01-01\nend = 2022-01-01", "must be before data.end"),
        ("[data]\ntimeframe = '4h'\n[stop]\natr_timeframe = '1h'", "multiple of data.timeframe"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(tmp_path: Path, text: str, rule: str) -> None:
    assert rule in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("data.timeframe=1d", "stop.atr_timeframe 4h must be a multiple of data.timeframe 1d"),
        ("stop.ratchet=tick", 'stop.ratchet "tick" needs finer candles'),
        ("costs.funding_rate=0.0001", "costs.funding_rate needs a swap"),
        ("book.sleeves=[{share=0.5,sets='best:2'}]", "book.sleeves.0.sets best:2 needs `from`"),
    ],
)
def test_a_rule_between_keys_names_who_broke_it(tmp_path: Path, changed: str, said: str) -> None:
    """The file as well where nothing on the command line did."""
    file = written(tmp_path, "[data]\ntimeframe = '15m'")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, [changed])
    assert str(caught.value).startswith(f"--set: {said}")
    assert "{" not in str(caught.value)
    assert refusal(tmp_path, "[stop]\nratchet = 'tick'").startswith(f"{file}: stop.ratchet")


def test_toml_that_is_none_names_the_line(tmp_path: Path) -> None:
    assert "not valid TOML" in refusal(tmp_path, "[stop]\natr_period = = 3")
    assert "line 3" in refusal(tmp_path, "[stop]\natr_period = = 3")


@pytest.mark.parametrize("value", ["3,0", "1%", "long", "apiKey123"])
def test_a_value_that_toml_does_not_know_is_told_with_its_key_but_not_shown(
    tmp_path: Path, value: str
) -> None:
    said = refusal(tmp_path, f"[stop]\natr_period = {value}\n")
    assert "line 3" in said
    goes = '3.5, true, a "text" in quotes or a list of these'
    assert said.endswith(f'; behind "atr_period =" goes {goes}')
    assert value not in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    missing = tmp_path / "missing.toml"
    for file, reason in ((missing, "no such"), (tmp_path, "cannot be read"), (binary, "UTF-8")):
        with pytest.raises(ConfigError, match=reason) as caught:
            load_settings(file)
        assert str(caught.value).startswith(f"{file}: ")
        assert caught.value.exit_code == 2


def test_without_a_path_the_working_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "[stop]\natr_period = 77")
    monkeypatch.chdir(tmp_path)
    assert load_settings().stop.atr_period == 77


@pytest.mark.parametrize(
    ("override", "section", "name", "value"),
    [
        ("stop.trailing_atr_multiplier=4", "stop", "trailing_atr_multiplier", 4.0),
        ("stop.atr_timeframe=1d", "stop", "atr_timeframe", "1d"),
        ('stop.atr_timeframe="1d"', "stop", "atr_timeframe", "1d"),
        ("risk.risk_includes_costs = false", "risk", "risk_includes_costs", False),
        ("data.start=2021-06-22", "data", "start", "2021-06-22"),
        ("data.symbol=ETH/USDT", "data", "symbol", "ETH/USDT"),
        ("data.path=a=b", "data", "path", "a=b"),
        ('notify.urls=["json://x"]', "notify", "urls", ["json://x"]),
        (
            "exchange.ccxt.options.defaultType=swap",
            "exchange",
            "ccxt",
            {"options": {"defaultType": "swap"}},
        ),
        ("strategy.trend_period=9", "strategy", "trend_period", 9),
    ],
)
def test_an_override_is_toml_or_plain_text(
    tmp_path: Path, override: str, section: str, name: str, value: object
) -> None:
    settings = load_settings(written(tmp_path, ""), [override])
    assert as_table(settings)[section][name] == value


def test_the_last_override_counts(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, ""), ["stop.atr_period=3", "stop.atr_period=4"])
    assert settings.stop.atr_period == 4


@pytest.mark.parametrize(
    "override", ["", "stop", "stop.atr_period", "=3", "stop=3", ".x=1", "a..b=1"]
)
def test_an_override_without_key_or_value_is_refused(tmp_path: Path, override: str) -> None:
    assert f"--set {override.partition('=')[0]}: " in refusal(tmp_path, "", override)


def test_an_override_below_a_value_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, "[stop]\natr_period = 3", "stop.atr_period.x=3")
    assert "stop.atr_period is not a table" in message


def test_an_override_of_the_grid_replaces_one_key(tmp_path: Path) -> None:
    text = "[sweep.grid]\n'stop.atr_period' = [3, 4]\nstrategy.trend_period = [5, 6]"
    override = "sweep.grid.stop.atr_period=[7, 8, 9]"
    settings = load_settings(written(tmp_path, text), [override])
    assert settings.sweep.grid == {"stop.atr_period": [7, 8, 9], "strategy.trend_period": [5, 6]}


def test_another_signal_starts_from_its_own_defaults(tmp_path: Path) -> None:
    file = tmp_path / "strategy.toml"
    file.write_text(
        "[strategy]\nsignal = 'mtf_cycle'\nsides = 'long'\ntrend_period = 77\ncycle_period = 5.0\n"
        "[sweep.grid]\nstrategy.cycle_period = [4.0]\nstrategy.sides = ['both']\n"
        "stop.atr_period = [3]\n"
    )
    settings = load_settings(
        file,
        [
            f"strategy.signal={SIGNAL}",
            "strategy.trend='ema'",
            "sweep.grid.strategy.trend_period=[8]",
        ],
    )
    assert settings.strategy.sides == "long"
    assert settings.strategy.parameters == {
        **example_settings().strategy.parameters,
        "trend": "ema",
    }
    assert set(settings.sweep.grid) == {
        "strategy.sides",
        "stop.atr_period",
        "strategy.trend_period",
    }


@pytest.mark.parametrize(
    "override",
    [
        "exchange.ccxt.apiKey.x=hunter2",
        "apiKey=hunter2",
        "notify.urls=tgram://hunter2/1",
        "database.url=postgres:/a:hunter2@h",
        "database.url=mysql://a:hunter2@h/x",
    ],
)
def test_an_error_does_not_show_a_secret(tmp_path: Path, override: str) -> None:
    text = "[exchange]\nccxt.apiKey = 'hunter2'"
    assert "hunter2" not in refusal(tmp_path, text, override).partition(": ")[2]


@pytest.mark.parametrize("key", ["data.detail_path", "data.cache", "live.log_file"])
def test_the_character_that_no_name_may_hold_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key} must not hold the character \\u0000"):
        load_settings(None, (f'{key}="a\\u0000b"',))
