from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stoptrail.core.errors import ConfigError
from stoptrail.reports.tearsheet import write_tearsheet
from tests.reports.example_run import write_example_run


def test_a_tear_sheet_is_one_page_that_needs_no_network(tmp_path: Path) -> None:
    pytest.importorskip("quantstats", reason="the extra `tearsheet` is not installed")
    folder, _ = write_example_run(tmp_path, days=90)
    page = write_tearsheet(folder).read_text()
    assert "Sharpe" in page
    assert "<svg" in page
    assert 'src="http' not in page
    assert "<link" not in page or 'href="http' not in page


def test_a_missing_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = write_example_run(tmp_path, days=20)
    monkeypatch.setitem(sys.modules, "quantstats", None)
    with pytest.raises(ConfigError, match="tearsheet"):
        write_tearsheet(folder)
    assert not (folder / "tearsheet.html").exists()
