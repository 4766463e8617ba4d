"""Every check of a signal, one after the other."""

from __future__ import annotations

import numpy as np

from stoptrail.backtest.inputs import Inputs, atr_of, setups_of, signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.core.errors import ConfigError
from stoptrail.core.program import Progress
from stoptrail.rules.candles import Signals
from stoptrail.sweep.audit.engine import engine_checks
from stoptrail.sweep.audit.own_code import own_code_checks
from stoptrail.sweep.audit.signal import (
    Check,
    early_zones,
    goes_by_dates,
    goes_by_prices,
    look_ahead,
    step_check,
    warm_up,
)
from stoptrail.sweep.plain_run import Ready, quick_record


def audit(plan: Plan, inputs: Inputs, seed: int, on_progress: Progress) -> list[Check]:
    """All checks of the plan's signal and of the trades made of it. Raises ConfigError where code
    of the user's own fails on the candles as they are."""
    candles = inputs.candles
    signals, atr = signals_of(plan, candles), atr_of(plan, candles)
    quick_record(plan, inputs, Ready(setups_of(plan, inputs, signals, atr), atr))
    checks = [_twice(plan, inputs, signals), early_zones(signals)]
    checks += _moved(plan, inputs, signals)
    checks += look_ahead(plan, candles, signals, on_progress, seed)
    stepped = step_check(plan, candles, signals)
    checks += [stepped] if stepped else []
    checks.append(warm_up(plan, candles, signals, seed))
    checks += own_code_checks(plan, inputs)
    return checks + engine_checks(plan, inputs, signals, seed)


def _moved(plan: Plan, inputs: Inputs, signals: Signals) -> list[Check]:
    """The same market under other dates, and at other prices."""
    given = plan, inputs.candles, signals
    said = "they make other zones: it knows {}, or a file, by itself, which no check looks into"
    dates = (said.format("dates"),) if goes_by_dates(*given) else ()
    prices = (said.format("prices"),) if goes_by_prices(*given) else ()
    return [
        Check("the same candles 28 years later", 1, dates),
        Check("the same candles at prices a ten-thousandth higher", 1, prices),
    ]


def _twice(plan: Plan, inputs: Inputs, signals: Signals) -> Check:
    name = "the same candles, the same zones"
    try:
        again = signals_of(plan, inputs.candles)
    except ConfigError as error:
        return Check(name, 2, (f"a second call: {error}",))
    same = np.array_equal(signals.zone, again.zone) and signals.warm == again.warm
    same = same and np.array_equal(signals.exit_zone, again.exit_zone)
    lines = () if same else ("a second call over the same candles gives other zones",)
    return Check(name, 2, lines)
