from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.sweep.own_code import growth_over_fees
from tests.sweep.small import summary, sweep, write_inputs

OWN = "tests.sweep.own_code:"
GRID = f'["risk", "notional", "volatility", "kelly", "all_in", "{OWN}tenth", "{OWN}less"]'


def test_a_sweep_over_sizes_ranked_by_an_objective_of_ones_own(tmp_path: Path) -> None:
    """The engines agree on every way to size, and finalists are ranked by the function."""
    config, out = write_inputs(tmp_path), tmp_path / "out"
    more = [f"sweep.grid.risk.sizing={GRID}", f"sweep.objective={OWN}growth_over_fees"]
    more += ["risk.volatility_days=10", "risk.kelly_trades=3", "sweep.min_trades=3"]
    more += ["sweep.finalists=12", "sweep.selection=best", "sweep.permutations=0"]
    words = [word for setting in more for word in ("--set", setting)]
    assert sweep(config, out, *words) == 0
    found = summary(out)
    assert found["parity"]["trades_compared"] > 100
    assert found["parity"]["mismatches"] == 0
    trials = pq.read_table(out / "trials.parquet").to_pandas()
    ways = trials.groupby("risk.sizing")["net_return"].nunique()
    assert len(ways) == 7
    assert ways.min() > 1
    objective = trials["objective"].to_numpy()
    ranked = ~np.isnan(objective)
    np.testing.assert_array_equal(objective[ranked], growth_over_fees(trials)[ranked])
    best = trials[trials["stage"] == "finalist"]["objective"].min()
    rest = trials[trials["stage"] != "finalist"]
    assert best > np.nanmedian(rest["objective"])


def test_an_objective_that_cannot_rank_is_refused_before_the_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_inputs(tmp_path)
    setting = f"sweep.objective={OWN}tenth"
    assert sweep(config, tmp_path / "out", "--set", setting) == 2
    assert "sweep.objective: tests.sweep.own_code:tenth fails" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
