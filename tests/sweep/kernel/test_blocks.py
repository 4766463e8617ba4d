import numpy as np
import pytest

from stoptrail.rules.atr import stop_atr
from stoptrail.rules.candles import Candles
from stoptrail.sweep.kernel.blocks import SHIFTS, SIZES, Nodes, closes_of, nodes_of
from tests.markets import QUARTER_HOUR, random_market


def cut(quarters: int, **market: float) -> tuple[Candles, Nodes]:
    candles = random_market(quarters, **market)
    return candles, nodes_of(candles, stop_atr(candles, quarters * QUARTER_HOUR, 5))


def span(nodes: Nodes, node: int, count: int) -> slice:
    if node < count:
        return slice(node, node + 1)
    return slice(nodes.begin[node - count], nodes.end[node - count])


@pytest.mark.parametrize("quarters", [1, 4, 16, 48, 96])
def test_every_node_bounds_its_candles_and_has_one_atr(quarters):
    candles, nodes = cut(quarters)
    count = len(candles.time)
    for node in range(len(nodes.high)):
        inside = span(nodes, node, count)
        assert nodes.high[node] == candles.high[inside].max()
        assert nodes.low[node] == candles.low[inside].min()
        assert nodes.close[node] == candles.close[inside][-1]
        np.testing.assert_array_equal(nodes.atr[inside], nodes.atr[node])


@pytest.mark.parametrize("quarters", [1, 4, 16, 48, 96])
def test_a_node_is_followed_by_the_largest_that_begins_where_it_ends(quarters):
    candles, nodes = cut(quarters)
    count = len(candles.time)
    spans = [span(nodes, node, count) for node in range(len(nodes.high))]
    largest = {count: len(spans)}
    for node, inside in enumerate(spans):
        other = largest.setdefault(inside.start, node)
        if inside.stop > spans[other].stop:
            largest[inside.start] = node
    for node, inside in enumerate(spans):
        assert nodes.after[node] == largest[inside.stop]


@pytest.mark.parametrize("quarters", [4, 16, 48, 96])
def test_the_parts_of_a_block_are_smaller_nodes_that_cover_it(quarters):
    candles, nodes = cut(quarters)
    count = len(candles.time)
    assert len(nodes.inside) > 0
    for block in range(len(nodes.inside)):
        whole = span(nodes, count + block, count)
        part, reached = nodes.inside[block], whole.start
        while reached < whole.stop:
            inside = span(nodes, part, count)
            assert inside.start == reached
            assert inside.stop - inside.start < whole.stop - whole.start
            part, reached = nodes.after[part], inside.stop
        assert reached == whole.stop


def test_blocks_are_as_long_as_the_atr_is_constant():
    for quarters in (1, *SIZES):
        candles, nodes = cut(quarters, missing=0.0)
        count = len(candles.time)
        lengths = np.append(nodes.end - nodes.begin, 1)
        assert lengths.max() == quarters
        assert (lengths == quarters).sum() >= (count // quarters - 7 if quarters > 1 else 1)


def test_rows_of_closes_hold_their_extremes():
    closes = random_market(3).close
    rows = closes_of(closes)
    for level, shift in enumerate(SHIFTS):
        for row, begin in enumerate(range(0, len(closes), 1 << shift)):
            inside = closes[begin : begin + (1 << shift)]
            assert rows.top[rows.first[level] + row] == inside.max()
            assert rows.bottom[rows.first[level] + row] == inside.min()
