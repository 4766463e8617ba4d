"""`audit`: does a signal look ahead, and does it say when it is warm?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from stoptrail.backtest.inputs import plan_of, prepare
from stoptrail.backtest.warm_up import require_warm
from stoptrail.cli import market as markets
from stoptrail.cli.console import Voice
from stoptrail.cli.results import data_overrides
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.json import json_text
from stoptrail.feeds.market import MarketData
from stoptrail.sweep.audit.all_checks import audit
from stoptrail.sweep.audit.signal import Check
from stoptrail.terminal import Terminal, safe

FOUND = 1
"""Exit code where something was found."""
SHOWN = 1
"""Findings of each check on the terminal; --json has some more."""


def run(config: Path | None, overrides: tuple[str, ...], file: Path | None, as_json: bool) -> int:
    """Run every check and show what was found; exit code 0 or FOUND."""
    files = (file,) if file else ()
    settings = load_settings(config, (*overrides, *data_overrides(files, ())), searching=False)
    voice = Voice()
    market = markets.load(settings, voice)
    settings = markets.with_maintenance(settings, market)
    inputs = prepare(market, settings)
    plan = plan_of(settings, inputs)
    require_warm(plan, inputs)
    with voice.progress(f"audit of {settings.strategy.signal}") as advance:
        checks = audit(plan, inputs, settings.sweep.seed, advance)
    passed = all(check.passed for check in checks)
    if as_json:
        print(json_text(_table(settings, market, checks)))
    else:
        _show(settings, market, checks)
    return 0 if passed else FOUND


def _table(settings: Settings, market: MarketData, checks: list[Check]) -> dict[str, Any]:
    return {
        "signal": settings.strategy.signal,
        "parameters": settings.strategy.parameters,
        "data": market.summary(),
        "passed": all(check.passed for check in checks),
        "checks": [{**check._asdict(), "passed": check.passed} for check in checks],
    }


def _show(settings: Settings, market: MarketData, checks: list[Check]) -> None:
    console = Terminal()
    table = Table(
        title=safe(f"Audit of {settings.strategy.signal} on {market.symbol}"), title_style="bold"
    )
    table.add_column("Check")
    table.add_column("Tried", justify="right")
    table.add_column("Result")
    table.add_column("Note")
    for check in checks:
        word, style = ("passed", "green") if check.passed else ("FOUND", "bold red")
        if not check.tried:
            word, style = "nothing to try", "yellow"
        table.add_row(safe(check.name), f"{check.tried:,}", f"[{style}]{word}[/]", safe(check.note))
    console.print(table)
    for check in checks:
        for line in check.findings[:SHOWN]:
            console.print(f"{check.name}: {line}", style="red", markup=False, soft_wrap=True)
    console.print(_verdict(checks), style="bold", soft_wrap=True)


def _verdict(checks: list[Check]) -> str:
    found = [check.name for check in checks if not check.passed]
    if not found:
        return "Nothing found: no decision depended on a later candle, and the warm-up is enough."
    return f"Found in {len(found)} of {len(checks)} checks: do not trust results of it."
