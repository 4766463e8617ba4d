"""Every kind of trend and structure is warm when it says so, on every base timeframe."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.backtest.inputs import plan_for, signals_of
from stoptrail.config.load import load_settings
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.structure import STRUCTURE_KINDS
from stoptrail.rules.trend import TREND_KINDS
from stoptrail.sweep.audit.signal import early_zones, warm_up
from tests.markets import FINE
from tests.sweep.small import DAY, FIRST, HOUR

TIMEFRAMES = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
@pytest.mark.parametrize(
    ("trend", "structure"),
    [*((kind, "none") for kind in TREND_KINDS), *(("roc", kind) for kind in STRUCTURE_KINDS)],
)
def test_data_that_begin_later_agree_from_the_warm_up_on(
    trend: str, structure: str, timeframe: str, tmp_path: Path
) -> None:
    days = 4000 if timeframe == "1d" else 700
    candles = synthetic_candles(5, TIMEFRAMES[timeframe], FIRST, FIRST + days * DAY)
    parameters = {
        "trend": trend,
        "structure": structure,
        "trend_period": 12,
        "structure_period": 12,
        "cycle_period": 24.0 if timeframe == "1h" else 192.0,
    }
    file = tmp_path / "strategy.toml"
    file.write_text("[strategy]\nsignal = 'mtf_cycle'\n")
    plan = plan_for(load_settings(file), FINE)._replace(parameters=parameters)
    signals = signals_of(plan, candles)
    assert (signals.zone != 0).sum() > 10
    assert early_zones(signals).passed
    check = warm_up(plan, candles, signals, 3)
    assert check.tried > 10
    assert check.findings == ()
