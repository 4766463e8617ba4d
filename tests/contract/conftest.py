"""Every engine, and both sides of the market, by one fixture each."""

import pytest

from tests.contract.engines import ENGINES
from tests.contract.seen import Engine


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn, on the table as it is written."""
    return Engine(request.param, ENGINES[request.param], 1)


@pytest.fixture(params=[(name, sign) for name in ENGINES for sign in (1, -1)], ids=str)
def either(request: pytest.FixtureRequest) -> Engine:
    """Each engine on the table and on its mirror image, in which longs are shorts."""
    name, sign = request.param
    return Engine(name, ENGINES[name], sign)
