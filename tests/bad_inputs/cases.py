"""Bad inputs from a seed: each a command, and the files that it finds in its folder."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bad_inputs.material import SWEEP, Material
from tests.bad_inputs.values import (
    HOSTILE,
    WORDS,
    spoilt,
    spoilt_cell,
    spoilt_column,
    spoilt_table,
    toml_value,
)


class Case(NamedTuple):
    """One command in a folder of its own, which is the working folder."""

    kind: str
    arguments: list[str]
    environment: tuple[tuple[str, str], ...] = ()
    surroundings: str = ""
    """"full", "broken", "closed" (standard output) or "gone" (the working folder)."""


Maker = Callable[[random.Random, Material, Path], Case]


def cases(seed: int, material: Material, count: int, root: Path) -> Iterator[tuple[Path, Case]]:
    """`count` cases, each with its folder made below `root`."""
    random_ = random.Random(seed)
    makers = list(KINDS.values())
    for number in range(count):
        folder = root / f"{number}"
        folder.mkdir()
        yield folder, makers[number % len(makers)](random_, material, folder)


def _backtest(material: Material, *more: str) -> list[str]:
    command = ["backtest", "--quiet", "--config", "strategy.toml", "--out", "out"]
    return [*command, "--data", str(material.candles), *more]


def _settings_file(random_: random.Random, material: Material, folder: Path) -> Case:
    text = material.config.read_text()
    lines = text.splitlines()
    at = random_.randrange(len(lines))
    key = lines[at].partition("=")[0]
    what = random_.randrange(6)
    if what == 0:
        content = spoilt(random_, text.encode())
    else:
        value = toml_value(random_)
        changed = random_.choice([f"{key}= {value}", f"unknown_{at} = {value}", value, f"[x.{at}]"])
        lines[at : at + (what != 1)] = [changed]
        content = "\n".join(lines).encode("utf-8", "surrogatepass")
    (folder / "strategy.toml").write_bytes(content)
    return Case("settings", _backtest(material))


KEYS = """
    data.start data.end data.timeframe data.symbol data.path data.exchange data.source
    data.synthetic_seed strategy.signal strategy.sides strategy.exits strategy.trend_period
    strategy.cycle_period stop.atr_period stop.atr_timeframe stop.trailing_atr_multiplier
    risk.risk_per_trade risk.max_leverage costs.taker_fee account.cash market.tick market.lot
    market.min_notional protections.losses sweep.grid sweep.jobs sweep.objective
    walk_forward.train_days live.poll_seconds exchange.ccxt exchange.ccxt.options exchange.id
    database.url notify.urls notify.events data.detail data.detail_path data.funding
    data.columns data.zone stop.trail stop.ratchet exits.target exits.scale_out exits.time_hours
    exits.trail_from exits risk.sizing risk.kelly_fraction costs.maker_fee costs.funding_rate
    market.type market.maintenance_margin notify.heartbeat dashboard.host dashboard.token
    telegram.chat telegram.base_url x x.y stop stop. . a.b.c.d sweep.grid."stop.atr_period"
"""


def _override(random_: random.Random, material: Material, folder: Path) -> Case:
    (folder / "strategy.toml").write_text(material.config.read_text())
    keys = random_.sample(KEYS.split(), random_.choice([1, 1, 2]))
    more = [part for key in keys for part in ("--set", f"{key}={toml_value(random_)}")]
    if random_.random() < 0.2:
        own = ["--config", "strategy.toml", "--data", str(material.candles)]
        return Case("override", ["audit", *own, *more])
    if random_.random() < 0.1:
        more = [*SWEEP, "--sweep", *more]
    return Case("override", [*_backtest(material), *more])


NAMES = ("c.csv", "c.parquet", "c.json", "c.feather", "c.csv.gz", "c.zip", "c", "c\x1b[2J.csv")


def _candles(random_: random.Random, material: Material, folder: Path) -> Case:
    name = random_.choice(NAMES)
    file = folder / name
    (folder / "strategy.toml").write_text(material.config.read_text())
    what = random_.randrange(10)
    if what == 0:
        os.mkfifo(file)
    elif what == 1:
        random_.choice([lambda: file.mkdir(), lambda: file.symlink_to(file), lambda: None])()
    elif what < 4:
        file.write_bytes(spoilt(random_, material.candles.read_bytes()))
    elif what < 6:
        file.write_bytes(spoilt(random_, material.csv))
    else:
        file.write_bytes(spoilt_cell(random_, material.csv))
    if random_.random() < 0.5:
        return Case("candles", ["data", "check", name])
    return Case("candles", [*_backtest(material)[:-2], "--data", name])


def _run(random_: random.Random, material: Material, folder: Path) -> Case:
    files = dict(random_.choice([material.run, material.sweep]))
    if random_.random() < 0.7:
        files.pop("manifest.json", None)
    name = random_.choice(["summary.json", "summary.json", "config.toml", *sorted(files)])
    content = files.get(name, b"x")
    if name == "summary.json" and random_.random() < 0.7:
        table = spoilt_table(random_, copy.deepcopy(json.loads(content)))
        content = json.dumps(table).encode("utf-8", "surrogatepass")
    elif name.endswith(".csv") and random_.random() < 0.6:
        content = spoilt_cell(random_, content)
    elif name.endswith(".parquet") and random_.random() < 0.6:
        content = spoilt_column(random_, content)
    else:
        content = spoilt(random_, content)
    place = folder / "runs" / random_.choice(["run", "a b", "run\x1b[2J", "[red]run"])
    place.mkdir(parents=True)
    for file, data in {**files, name: content}.items():
        if not (file == name and random_.random() < 0.1):
            (place / file).write_bytes(data)
    (folder / "strategy.toml").write_text(material.config.read_text())
    run = str(place.relative_to(folder))
    nowhere = "database.url=sqlite:////dev/null/x.db"
    command = random_.choice(
        [
            ["live", "--paper", "--config", "strategy.toml", "--from", run, "--set", nowhere],
            ["plot", run, "--config", "strategy.toml", "--trade", "99999"],
            ["runs", "show", run],
            ["runs", "show", run, "--json"],
            ["runs", "list"],
            ["report", run, "--config", "strategy.toml"],
            ["runs", "compare", run, run],
        ]
    )
    return Case("run folder", command)


def _stopped(random_: random.Random, material: Material, folder: Path) -> Case:
    files = dict(material.stopped)
    name = random_.choice([*sorted(files), "several.json"])
    content = files.get(name, b'{"run": "abc", "markets": []}')
    if name.endswith(".json") and random_.random() < 0.6:
        content = json.dumps(spoilt_table(random_, json.loads(content))).encode()
    elif random_.random() < 0.5:
        lines = content.decode().splitlines()
        at = random_.randrange(len(lines))
        lines[at] = f"{lines[at].partition('=')[0]}= {toml_value(random_)}"
        content = "\n".join(lines).encode("utf-8", "surrogatepass")
    else:
        content = spoilt(random_, content)
    place = folder / "out.unfinished"
    place.mkdir()
    for file, data in {**files, name: content}.items():
        (place / file).write_bytes(data)
    text = material.config.read_text().replace("trials.db", "none.db")
    (folder / "strategy.toml").write_text(text)
    config = random_.choice(["strategy.toml", "strategy.toml", "none.toml"])
    return Case("stopped sweep", ["backtest", "--resume", "out", "--quiet", "--config", config])


def _ledger(random_: random.Random, material: Material, folder: Path) -> Case:
    file = folder / "ledger.db"
    what = random_.randrange(3)
    if what == 0:
        file.write_bytes(spoilt(random_, material.ledger))
    elif what == 1:
        file.write_bytes(material.ledger)
        _spoil_rows(random_, file)
    else:
        _foreign(random_, file)
    (folder / "strategy.toml").write_text('[database]\nurl = "sqlite:///ledger.db"\n')
    command = random_.choice(
        [
            *(["status"], ["status", "--json"], ["replay", "1"], ["replay", "BTC/USDT"]),
            *(["pause", "1"], ["plot", "1", "--trade", "99999"], ["close", "[/x]"]),
            *(["replay", "1", "--json"], ["status", "--brief"], ["close", "1", "--at", "100"]),
            *(["ledger", "check"], ["ledger", "backup", "copy.db"]),
        ]
    )
    return Case("ledger", [*command, "--config", "strategy.toml"])


def _spoil_rows(random_: random.Random, file: Path) -> None:
    database = sqlite3.connect(file)
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = [name for (name,) in database.execute(query)]
    table = random_.choice(tables)
    columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
    column = random_.choice(columns)
    value = random_.choice([None, "x", -1, 1.5, 10**18, 1e300, b"\x00\xff", "[1,", *HOSTILE])
    edge = random_.choice(["max", "min"])
    rows_of = f' WHERE rowid = (SELECT {edge}(rowid) FROM "{table}")'
    rows_of = rows_of if random_.random() < 0.5 else ""
    what = random_.randrange(6)
    try:
        if random_.random() < 0.5:  # without its constraints, which refuse much
            database.execute(f'CREATE TABLE bare AS SELECT * FROM "{table}"')
            database.execute(f'DROP TABLE "{table}"')
            database.execute(f'ALTER TABLE bare RENAME TO "{table}"')
        if what == 0:
            database.execute(f'DROP TABLE "{table}"')
        elif what == 1:
            database.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO other')
        elif what == 2:
            database.execute(f'DELETE FROM "{table}"{rows_of}')
        else:
            change = f'UPDATE OR IGNORE "{table}" SET "{column}" = ?{rows_of}'
            database.execute(change, (value,))
        database.commit()
    except sqlite3.Error:
        pass
    database.close()


def _foreign(random_: random.Random, file: Path) -> None:
    """A database of another program, or of another version."""
    database = sqlite3.connect(file)
    database.execute(
        random_.choice(
            [
                "CREATE TABLE notes (id INTEGER, text TEXT)",
                "CREATE TABLE ledger_schema (version INTEGER PRIMARY KEY)",
                "CREATE TABLE ledger_schema (version TEXT, other TEXT)",
                "CREATE TABLE ledger_schema (name TEXT)",
                "CREATE TABLE sessions (id INTEGER)",
            ]
        )
    )
    for value in random_.choice([(), (127,), ("x",), (-1,), (1,), (None,)]):
        with contextlib.suppress(sqlite3.Error):
            database.execute("INSERT INTO ledger_schema (version) VALUES (?)", (value,))
    database.commit()
    database.close()


OPTIONS = """
    --config --set --data --out --jobs --cluster --resume --symbols --sweep --walk-forward
    --plot --json --quiet --force --trade --from --paper --timeframe --start --exchange --best
    --nope -x --
"""
COMMANDS = (
    *("backtest", "audit", "live", "pause", "resume", "close", "data", "data check", "plot"),
    *("replay", "status", "init", "runs", "runs show", "runs list", "runs compare", "runs open"),
    *("report", "nope", ""),
)
PATHS = ("/dev/null", "/dev/zero", "/proc/self/mem", "/", ".", "..", "none", "none/none", "a" * 300)


def _arguments(random_: random.Random, material: Material, folder: Path) -> Case:
    (folder / "strategy.toml").write_text(material.config.read_text())
    words = random_.choice(COMMANDS).split()
    values = (
        *HOSTILE,
        *WORDS,
        *PATHS,
        "-1",
        "1e9",
        "9" * 5000,
        "tcp://[::1",
        "ray://",
        "tls://x:y",
    )
    for _ in range(random_.randrange(1, 4)):
        words.append(random_.choice(OPTIONS.split()))
        if random_.random() < 0.8:
            words.append(random_.choice(values))
    if words[:1] == ["live"]:
        words += ["--set", "database.url=sqlite:////dev/null/x.db"]
    if words[:1] == ["backtest"]:
        words += ["--data", "none.csv"]  # what would be right otherwise is not run
    return Case("arguments", words)


VARIABLES = ("COLUMNS", "LINES", "TERM", "MPLBACKEND", "TMPDIR", "NO_COLOR", "LANG", "TZ")


def _environment(random_: random.Random, material: Material, folder: Path) -> Case:
    (folder / "strategy.toml").write_text(material.config.read_text())
    value = random_.choice([*WORDS, *HOSTILE, "-1", "99999999999", "dumb", "/none"])
    surroundings = random_.choice(["", "full", "closed", "gone", "broken"])
    command = random_.choice(["status", "backtest --help", "runs list", "--help", "data"])
    environment = ((random_.choice(VARIABLES), value),)
    return Case("environment", command.split(), environment, surroundings)


KINDS: dict[str, Maker] = {
    "settings": _settings_file,
    "override": _override,
    "candles": _candles,
    "run folder": _run,
    "stopped sweep": _stopped,
    "ledger": _ledger,
    "arguments": _arguments,
    "environment": _environment,
}
