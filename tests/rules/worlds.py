"""Random trades for properties of the rules: sides, terms, ticks and prices together."""

from __future__ import annotations

from hypothesis import strategies as st

from stoptrail.rules.costs import AS_TAKER, DAY, Costs
from stoptrail.rules.exits import NO_EXITS
from stoptrail.rules.margin import AS_MAINTENANCE, NO_MARGIN, Margin
from stoptrail.rules.market import Market
from stoptrail.rules.sizing import ALL_IN, RISK, by_risk
from stoptrail.rules.stops import ATR_TRAIL, NO_TRAIL, PERCENT, Entry, StopRules
from stoptrail.rules.trade import EntryOrder, TradeRules

QUARTER_HOUR = 900_000
SIDES = st.sampled_from([1, -1])
TICKS = st.sampled_from([(100.0, 1.0), (100.0, 5.0), (10.0, 5.0), (1.0, 1.0), (1.0, 10.0)])
LOTS = st.sampled_from([(1e5, 1.0), (100.0, 1.0), (10.0, 5.0), (1.0, 1.0)])
MARKETS = st.builds(
    lambda tick, lot, quantity, notional: Market(*tick, *lot, quantity, notional),
    TICKS,
    LOTS,
    st.sampled_from([0.0, 0.01, 3.0]),
    st.sampled_from([0.0, 5.0, 500.0]),
)
COSTS = st.builds(
    Costs,
    st.sampled_from([0.0, 0.0004, 0.001, 0.01]),
    st.sampled_from([0.0, 0.0002, 0.003]),
    st.sampled_from([0.0, 0.0002, 0.02]),
    st.sampled_from([AS_TAKER, 0.0, 0.0005]),
    st.sampled_from([0.0, 1.0]),
)
STOPS = st.builds(
    StopRules,
    st.floats(0.1, 10.0),
    st.sampled_from([0.0, 0.25, 1.0, 3.0]),
    st.sampled_from([0.0, 0.0002, 0.01]),
    st.booleans(),
    st.sampled_from([ATR_TRAIL, PERCENT, NO_TRAIL]),
    st.just(0),
    st.floats(0.001, 0.3),
    st.sampled_from([0.0, 0.5, 2.0]),
    st.just(False),  # ruled
)
MARGINS = st.just(NO_MARGIN) | st.builds(
    Margin,
    st.sampled_from([0.0, 0.005, 0.5]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([AS_MAINTENANCE, 0.0, 0.01]),
)
SIZINGS = st.builds(
    by_risk,
    st.floats(0.0005, 0.1),
    st.floats(0.05, 5.0),
    st.booleans(),
    st.sampled_from([RISK, ALL_IN]),
)
# Every field is given: builds() draws whatever a type allows for those that are not, though they
# have a default.
TRADE_RULES = st.builds(TradeRules, STOPS, SIZINGS, COSTS, MARKETS, MARGINS, st.just(NO_EXITS))
PRICES = st.floats(200.0, 5000.0)
ATRS = st.floats(0.5, 60.0)
HELDS = st.builds(Entry, SIDES, PRICES, st.just(20_000 * DAY), ATRS)


@st.composite
def entry_orders(draw: st.DrawFn) -> tuple[EntryOrder, float, TradeRules]:
    """A decision, the open at which it fills, and its terms."""
    trade_rules, side, atr = draw(TRADE_RULES), draw(SIDES), draw(ATRS)
    equity = draw(st.floats(10.0, 1e7))
    units = equity * trade_rules.sizing.risk_per_trade / (trade_rules.stop.multiplier * atr)
    return EntryOrder(side, units, equity, atr, 0, 0), draw(PRICES), trade_rules
