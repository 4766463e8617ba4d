"""The page in a real browser: what a reader does, and what must never happen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from stoptrail.reports.html import write_report
from stoptrail.reports.run_files import TradeRecord, read_run
from tests.reports.example_run import BEST, GRID, MIN_TRADES, write_example_run
from tests.reports.html.browser import chromium, errors, found, requests, wait_until

SIZES = {"laptop": (1280, 900), "phone": (390, 844)}
NETWORK = ("http:", "https:", "ws:", "wss:", "ftp:")
SHOWN = """
  const node = arguments[0];
  const drawn = node.querySelector(".main-svg, canvas");
  return node.dataset.drawn === "true" && drawn?.getBoundingClientRect().width > 100;
"""
MARKED = """
  return [...arguments[0].querySelectorAll(".annotation-text")]
    .some((text) => text.textContent.includes("SYNTHETIC"));
"""
HOVER = """
  const box = arguments[0].getBoundingClientRect();
  const at = { clientX: box.x + box.width * arguments[1], clientY: box.y + box.height / 2 };
  const target = document.elementFromPoint(at.clientX, at.clientY);
  for (const name of ["mouseenter", "mousemove"]) {
    target.dispatchEvent(new MouseEvent(name, { ...at, bubbles: true, view: window }));
  }
"""
READ_OUT = "return document.querySelector('#market-plot .read-out').textContent"
LINES = """
  const node = arguments[0];
  return [node.clientWidth < 560, node.clientHeight, node.data.map((trace) => trace.type)];
"""
BLIND = """
  const real = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
    return String(kind).includes("webgl") ? null : real.call(this, kind, ...more);
  };
"""
NARROWED = """
  const [node, done] = arguments;
  const box = (one) => one.getBoundingClientRect();
  const little = { "yaxis.range": [99100, 100900], "yaxis2.range": [-0.012, 0] };
  Plotly.relayout(node, little).then(() => {
    const near = [...node.querySelectorAll(".ytick text, .y2tick text")];
    const names = [...node.querySelectorAll(".ytitle, .y2title")];
    const on = names.filter((name) => near.some((tick) => box(name).right > box(tick).left
      && box(name).bottom > box(tick).top && box(name).top < box(tick).bottom));
    done([near.map((tick) => tick.textContent), names.length, on.map((name) => name.textContent)]);
  });
"""
HOSTILE = '</script><script>window.attacked=1</script><img src=x onerror="window.attacked=1">'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found()
    folder, candles = write_example_run(
        tmp_path_factory.mktemp("run"), days=400, every=200, synthetic=True, symbol=HOSTILE
    )
    return write_report(folder, candles)


@pytest.fixture(scope="module", params=sorted(SIZES))
def window(
    request: pytest.FixtureRequest, report: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    profile = tmp_path_factory.mktemp("profile")
    with chromium(profile, *SIZES[request.param], dark=request.param == "phone") as started:
        yield started


@pytest.fixture
def page(window: Any, report: Path) -> Iterator[Any]:
    """The report without WebGL, which takes seconds where no graphics card is."""
    added = window.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": BLIND})
    yield opened(window, report)
    window.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.fixture
def webgl_page(window: Any, report: Path) -> Any:
    return opened(window, report)


def opened(window: Any, report: Path) -> Any:
    window.get(report.as_uri())
    wait_until(window, "return document.documentElement.dataset.ready")
    window.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    return window


def all_of(page: Any, selector: str) -> list[Any]:
    from selenium.webdriver.common.by import By

    nodes: list[Any] = page.find_elements(By.CSS_SELECTOR, selector)
    return nodes


def one(page: Any, selector: str) -> Any:
    return all_of(page, selector)[0]


def choose(page: Any, selector: str, value: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(bring(page, selector)).select_by_value(value)


def bring(page: Any, selector: str) -> Any:
    node = one(page, selector)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
    return node


def click(page: Any, node: Any) -> None:
    """Click what can be reached: nothing lies over its middle.

    Not by the driver: it drops taps that come soon after scrolling.
    """
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
    reached = page.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "const [x, y] = [box.x + Math.min(box.width, innerWidth) / 2, box.y + box.height / 2];"
        "const top = document.elementFromPoint(x, y);"
        "return arguments[0].contains(top);",
        node,
    )
    assert reached
    page.execute_script("arguments[0].click()", node)


def chart(page: Any, trade: TradeRecord) -> None:
    """Choose `trade` in the list and wait for its chart."""
    wait_until(page, SHOWN, bring(page, "#trade-plot"))
    click(page, one(page, f'#trade-list tr[data-trade="{trade.number}"]'))
    note = "return document.getElementById('note-trade-plot').textContent.startsWith(arguments[0])"
    wait_until(page, note, f"Trade {trade.number},")


def column(page: Any, place: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#trade-list tbody tr')]"
        ".map(row => row.cells[arguments[0]].textContent)"
    )
    cells: list[str] = page.execute_script(script, place)
    return cells


def trades_of(report: Path) -> list[TradeRecord]:
    return read_run(report.parent).trades


def test_every_figure_is_drawn_and_marked_without_an_error_or_a_request(webgl_page: Any) -> None:
    page = webgl_page
    nodes = all_of(page, "[data-figure]")
    assert len(nodes) == 14
    for node in nodes:
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
        assert wait_until(page, SHOWN, node)
        assert page.execute_script(MARKED, node), node.get_attribute("id")
    assert errors(page) == []
    assert [url for url in requests(page) if url.startswith(NETWORK)] == []
    assert page.execute_script("return window.attacked") is None


def test_nothing_is_wider_than_the_screen(page: Any) -> None:
    wide, screen = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen


def test_the_list_sorts_by_a_column_and_back(page: Any, report: Path) -> None:
    heads = [
        button.get_attribute("data-sort") for button in all_of(page, "#trade-list thead button")
    ]
    place = heads.index("r_multiple")
    click(page, one(page, 'button[data-sort="r_multiple"]'))
    shown = [float(cell.replace(",", "")) for cell in column(page, place)]
    expected = sorted((trade.r_multiple for trade in trades_of(report)), reverse=True)
    assert shown == pytest.approx(expected[: len(shown)], abs=0.0051)
    click(page, one(page, 'button[data-sort="r_multiple"]'))
    shown = [float(cell.replace(",", "")) for cell in column(page, place)]
    assert shown == pytest.approx(expected[::-1][: len(shown)], abs=0.0051)


def test_the_list_filters_by_side_result_and_text(page: Any, report: Path) -> None:
    trades = trades_of(report)
    shorts = [trade for trade in trades if trade.side < 0]
    won = [trade for trade in shorts if trade.pnl > 0]
    assert 0 < len(won) < len(shorts) < len(trades)
    choose(page, "#filter-side", "-1")
    assert one(page, "#trade-count").text.startswith(f"{len(shorts)} of {len(trades)} ")
    choose(page, "#filter-result", "1")
    assert one(page, "#trade-count").text.startswith(f"{len(won)} of {len(trades)} ")
    one(page, "#filter-text").send_keys("no such trade")
    assert column(page, 0) == []
    assert errors(page) == []


def test_a_chosen_trade_is_charted_with_its_stop_path(page: Any, report: Path) -> None:
    trade = trades_of(report)[3]
    stops = read_run(report.parent).stops[trade.number]
    chart(page, trade)
    drawn = page.execute_script(
        "return document.getElementById('trade-plot').data"
        ".map(trace => [trace.name, [...(trace.y || trace.close)]])"
    )
    lines = dict(drawn)
    assert lines["stop"] == [*(stop.level for stop in stops), stops[-1].level]
    assert lines["entry"] == [trade.entry_price]
    assert lines["exit"] == [trade.exit_price]
    moved = [stop.level for stop in stops if stop.reason == "breakeven"]
    assert lines.get("breakeven", []) == moved
    assert f"Trade {trade.number}," in one(page, "#note-trade-plot").text
    click(page, one(page, "#next-trade"))
    assert f"Trade {trade.number + 1}," in one(page, "#note-trade-plot").text


def test_a_position_still_open_is_charted_without_an_exit(page: Any, report: Path) -> None:
    last = trades_of(report)[-1]
    assert last.exit_time is None
    choose(page, "#filter-side", str(last.side))
    while one(page, "#more-trades").is_displayed():
        click(page, one(page, "#more-trades"))
    chart(page, last)
    names = page.execute_script(
        "return document.getElementById('trade-plot').data.map(t => t.name)"
    )
    assert "entry" in names
    assert "exit" not in names


def test_the_heat_map_shows_any_two_dimensions_with_the_best_marked(page: Any) -> None:
    keys = list(GRID)
    wait_until(page, SHOWN, bring(page, "#heat-plot"))
    for x, y in ((2, 5), (5, 2), (0, 6)):
        choose(page, "#heat-x", str(x))
        choose(page, "#heat-y", str(y))
        for view in ("slice", "median", "top"):
            choose(page, "#heat-view", view)
            heat, star = page.execute_script(
                "const [heat, star] = document.getElementById('heat-plot').data;"
                "return [heat.z, star.text[0]]"
            )
            assert (len(heat), len(heat[0])) == (len(GRID[keys[y]]), len(GRID[keys[x]]))
            assert star == "★"
    assert errors(page) == []


def test_the_heat_map_opens_on_the_stop_and_marks_what_may_not_be_chosen(
    page: Any, report: Path
) -> None:
    wait_until(page, SHOWN, bring(page, "#heat-plot"))
    keys = list(GRID)
    shown = [keys[int(one(page, f"#heat-{way}").get_attribute("value"))] for way in "xy"]
    assert shown == ["stop.trailing_atr_multiplier", "stop.breakeven_atr_trigger"]
    others = [key for key in keys if key not in shown]
    table = pq.read_table(report.parent / "trials.parquet")
    rows = [row for row in table.to_pylist() if all(row[key] == BEST[key] for key in others)]
    few = sum(row["trades"] < MIN_TRADES for row in rows)
    shapes = page.execute_script("return document.getElementById('heat-plot').layout.shapes")
    corners = [shape for shape in shapes if shape["type"] == "path"]
    assert (len(rows), len(corners)) == (24, few)
    assert few > 0
    sides = [shape for shape in shapes if shape["type"] == "line"]
    assert len(sides) == 2 * (3 + 3)  # the outline of three by three settings


def days_across(page: Any, node: Any) -> int:
    """How many days lie between two places of the market chart, as its read-out has them."""
    told = [wait_until(page, HOVER + READ_OUT, node, place)[:16] for place in (0.1, 0.7)]
    moments = np.array([text.replace(" ", "T") for text in told], "datetime64[m]")
    return int(np.diff(moments)[0] / np.timedelta64(1, "D"))


def test_the_whole_market_zooms_and_a_fill_leads_to_its_trade(page: Any, report: Path) -> None:
    node = bring(page, "#market-plot")
    wait_until(page, SHOWN, node)
    for span, least, most in (("0", 181, 10_000), ("30", 10, 30)):
        click(page, one(page, f'#market-spans [data-days="{span}"]'))
        until = time.monotonic() + 20.0  # it is drawn anew a moment later
        while not least <= (days := days_across(page, node)) <= most:
            assert time.monotonic() < until, days
    assert errors(page) == []


def test_the_same_dimension_twice_swaps_the_axes(page: Any) -> None:
    wait_until(page, SHOWN, bring(page, "#heat-plot"))
    choose(page, "#heat-x", "1")
    assert one(page, "#heat-y").get_attribute("value") == "0"


def test_the_scale_switches_between_linear_and_logarithmic(page: Any) -> None:
    wait_until(page, SHOWN, bring(page, "#equity-plot"))
    kinds = set()
    for _ in range(2):
        click(page, one(page, "#log-scale"))
        kinds.add(
            page.execute_script("return document.getElementById('equity-plot').layout.yaxis.type")
        )
    assert kinds == {"linear", "log"}


def test_an_account_that_moves_little_has_numbers_of_its_own_that_no_name_lies_on(
    page: Any,
) -> None:
    """A drawdown axis read 0 %, -1 %, -1 %, and "equity" stood on "100.5k"."""
    node = bring(page, "#equity-plot")
    wait_until(page, SHOWN, node)
    ticks, names, covered = page.execute_async_script(NARROWED, node)
    assert len(ticks) >= 4
    assert len(set(ticks)) == len(ticks)
    assert names in (0, 2)  # none on a phone
    assert covered == []


def test_light_and_dark_follow_the_system_and_the_switch(page: Any) -> None:
    before = page.execute_script("return document.documentElement.dataset.theme")
    dark = page.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches")
    assert before == ("dark" if dark else "light")
    wait_until(page, SHOWN, bring(page, "#equity-plot"))
    ink = "return document.getElementById('equity-plot').layout.font.color"
    colour = page.execute_script(ink)
    click(page, one(page, "#theme-switch"))
    assert page.execute_script("return document.documentElement.dataset.theme") != before
    assert page.execute_script(ink) != colour
    click(page, one(page, "#theme-switch"))
    page.execute_script("localStorage.clear()")


def test_parallel_coordinates_lie_below_each_other_on_a_phone(webgl_page: Any) -> None:
    page = webgl_page
    node = bring(page, "#lines-plot")
    wait_until(page, SHOWN, node)
    narrow, height, types = page.execute_script(LINES, node)
    assert height > 450 or not narrow
    assert ("parcoords" in types) != narrow


def test_parallel_coordinates_are_drawn_without_webgl_too(page: Any) -> None:
    wait_until(page, SHOWN, bring(page, "#lines-plot"))
    kinds = page.execute_script(
        "return document.getElementById('lines-plot').data.map(t => t.type)"
    )
    assert set(kinds) == {"scatter"}
    assert errors(page) == []


def test_a_run_without_evidence_or_trades_opens_without_an_error(
    window: Any, tmp_path: Path
) -> None:
    folder, candles = write_example_run(tmp_path, days=20, evidence=False, sweep=False)
    for name in ("trades.csv", "stops.csv", "baseline_trades.csv", "baseline_equity.csv"):
        (folder / name).unlink()
    window.get(write_report(folder, candles).as_uri())
    wait_until(window, "return document.documentElement.dataset.ready")
    nodes = all_of(window, "[data-figure]")
    assert nodes
    for node in nodes:
        window.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
        assert wait_until(window, SHOWN, node)
        assert not window.execute_script(MARKED, node)
    assert errors(window) == []
