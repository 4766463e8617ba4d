"""The command line: exit codes, one line for each mistake, what reaches the commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runner
from stoptrail.cli import main as program
from stoptrail.core.errors import ConfigError, RunError
from stoptrail.core.time import time_ms

ROOT = Path(runner.__file__).parent
COMMANDS = [
    ["backtest"],
    ["audit"],
    ["live"],
    ["pause"],
    ["resume"],
    ["close"],
    ["data"],
    ["data", "download"],
    ["data", "check"],
    ["plot"],
    ["report"],
    ["runs"],
    ["runs", "list"],
    ["runs", "show"],
    ["runs", "compare"],
    ["runs", "open"],
    ["replay"],
    ["status"],
    ["init"],
    ["docs"],
]

Plant = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Put a stand-in for a command's module; what it was called with."""

    def put(
        module: str, name: str = "run", error: BaseException | None = None
    ) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def call(**options: Any) -> None:
            calls.append(options)
            if error is not None:
                raise error

        stand_in = ModuleType(f"stoptrail.cli.{module}")
        setattr(stand_in, name, call)
        monkeypatch.setitem(sys.modules, f"stoptrail.cli.{module}", stand_in)
        return calls

    return put


@pytest.mark.parametrize("group", [[], *(word for word in COMMANDS if len(word) == 1)])
def test_no_line_of_a_list_of_commands_is_cut_off(
    group: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert runner.main([*group, "--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2]
    assert "..." not in listed


@pytest.mark.parametrize("command", [[], *COMMANDS])
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main([*command, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["bakctest"],
        ["backtest", "--swep"],
        ["backtest", "--jobs", "many"],
        ["backtest", "--jobs", "-1"],
        ["backtest", "--symbols", ","],
        ["backtest", "--out", "a", "--resume", "b"],
        ["backtest", "--force"],
        ["backtest", "extra"],
        ["live"],
        ["live", "--paper", "--max-candles", "0"],
        ["pause"],
        ["replay"],
        ["plot"],
        ["report"],
        ["runs", "show"],
        ["runs", "compare", "A"],
        ["runs", "lst"],
        ["plot", "RUN", "--best", "1", "--worst", "1"],
        ["plot", "RUN", "--trade", "0"],
        ["data", "downlod"],
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str], plant: Plant
) -> None:
    calls = plant("backtest") + plant("live") + plant("plot")
    assert runner.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert not captured.out
    assert not calls


def test_a_misspelt_command_names_the_closest(capsys: pytest.CaptureFixture[str]) -> None:
    runner.main(["bakctest"])
    assert "backtest" in capsys.readouterr().err.replace("bakctest", "")


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError("stop.x is wrong"), 2), (RunError("it failed"), 1)]
)
def test_a_known_error_is_its_message_and_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str], plant: Plant
) -> None:
    plant("sessions", "status", error=error)
    assert runner.main(["status"]) == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_an_unexpected_error_is_one_line(
    capsys: pytest.CaptureFixture[str], plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(program.DEBUG, raising=False)
    plant("sessions", "status", error=KeyError("first\nsecond"))
    assert runner.main(["status"]) == 1
    message = capsys.readouterr().err
    assert "KeyError" in message
    assert "Traceback" not in message
    assert message.count("\n") == 1


def test_a_traceback_is_shown_on_request(
    capsys: pytest.CaptureFixture[str], plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(program.DEBUG, "1")
    plant("sessions", "status", error=KeyError("x"))
    assert runner.main(["status"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_ends_cleanly(capsys: pytest.CaptureFixture[str], plant: Plant) -> None:
    plant("sessions", "status", error=KeyboardInterrupt())
    assert runner.main(["status"]) == 130
    assert capsys.readouterr().err.strip() == "stopped; what is finished is kept"


def test_a_closed_pipe_is_quiet() -> None:
    with subprocess.Popen(
        [sys.executable, str(ROOT / "runner.py"), "backtest", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode in (0, 1)


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys, runner; runner.main(['backtest', '--help']);"
        "heavy = {'backtrader', 'ccxt', 'matplotlib', 'numba', 'numpy', 'pandas', 'pydantic'};"
        "loaded = heavy & set(sys.modules); sys.exit(str(loaded) if loaded else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_backtest_gets_all_its_options(plant: Plant) -> None:
    calls = plant("backtest")
    arguments = "backtest --config c.toml --set a.b=1 --set c.d=2 --sweep --no-walk-forward --plot "
    arguments += "--force --data x.csv --data y.csv --symbols A/B,C/D --out o --jobs 3 "
    arguments += "--cluster tcp://h:1 --quiet --json"
    assert runner.main(arguments.split()) == 0
    assert calls == [
        {
            "config": Path("c.toml"),
            "overrides": ("a.b=1", "c.d=2", "sweep.jobs=3", "sweep.cluster=tcp://h:1"),
            "sweep": True,
            "walk_forward": False,
            "plot": True,
            "force": True,
            "files": (Path("x.csv"), Path("y.csv")),
            "symbols": ("A/B", "C/D"),
            "out": Path("o"),
            "resume": None,
            "quiet": True,
            "as_json": True,
            "book": False,
            "trust": False,
        }
    ]


def test_a_backtest_without_options_leaves_everything_open(plant: Plant) -> None:
    calls = plant("backtest")
    assert runner.main(["backtest"]) == 0
    (options,) = calls
    assert options["walk_forward"] is None
    assert options["config"] is None
    assert options["overrides"] == options["files"] == options["symbols"] == ()


@pytest.mark.parametrize(
    ("command", "own"), [("pause", {}), ("resume", {}), ("close", {"price": None})]
)
def test_a_session_is_controlled_by_name(command: str, own: dict[str, None], plant: Plant) -> None:
    calls = plant("sessions", command)
    assert runner.main([command, "7"]) == 0
    assert calls == [{"config": None, "overrides": (), "session": "7", **own}]


def test_a_session_can_trade_the_best_set_of_a_run(plant: Plant) -> None:
    calls = plant("live")
    assert runner.main(["live", "--paper", "--from", "runs/x", "--max-candles", "5"]) == 0
    assert calls == [
        {
            "config": None,
            "overrides": (),
            "source": Path("runs/x"),
            "book": False,
            "symbols": (),
            "max_candles": 5,
            "trust": False,
            "verbose": False,
        }
    ]


def test_a_download_turns_its_options_into_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    stand_in = ModuleType("stoptrail.cli.data")
    calls_of: Any = lambda *wanted, **more: calls.append((*wanted, more))  # noqa: E731
    stand_in.download = calls_of  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stoptrail.cli.data", stand_in)
    arguments = (
        "data download --exchange kraken --symbol ETH/USDT --timeframe 1h --start 2021-01-01"
    )
    assert runner.main([*arguments.split(), "--set", "data.cache=c"]) == 0
    start = time_ms("2021-01-01")
    settings = {"archive": "", "market_type": "auto", "warm_up": True}
    settings |= {"funding": False, "mark": False}
    assert calls == [("kraken", {}, "ETH/USDT", "1h", start, None, Path("c"), settings)]


def test_a_check_of_several_files_fails_with_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {Path("a"): 0, Path("b"): 1, Path("c"): 0}
    stand_in = ModuleType("stoptrail.cli.data")
    stand_in.check = lambda file, timeframe, reading: codes[file]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stoptrail.cli.data", stand_in)
    assert runner.main(["data", "check", "a", "b", "c"]) == 1
    assert runner.main(["data", "check", "a", "c"]) == 0


def test_an_audit_names_its_signal(plant: Plant) -> None:
    calls = plant("audit")
    assert runner.main(["audit", "mine:signal"]) == 0
    assert calls[0]["overrides"] == ("strategy.signal=mine:signal",)
