import numpy as np
import pytest

from rules.jit import compiled
from sweep.kernel.terms import COLUMNS, conduct_of, conduct_row, conduct_table
from tests.markets import random_conduct


def leaf(conduct: object, path: str) -> float:
    for name in path.split("."):
        conduct = getattr(conduct, name)
    return float(conduct)


def test_a_row_gives_back_an_equal_conduct():
    random = np.random.default_rng(1)
    for _ in range(200):
        conduct = random_conduct(random)
        assert conduct_of(conduct_row(conduct)) == conduct
        assert compiled(conduct_of)(conduct_row(conduct)) == conduct


def test_each_column_is_the_field_that_it_names():
    conduct = random_conduct(np.random.default_rng(2))
    row = conduct_row(conduct)
    assert len(row) == len(COLUMNS)
    for place, name in enumerate(COLUMNS):
        assert row[place] == leaf(conduct, name)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_differs_from_its_base_in_the_named_column_only(name):
    base = random_conduct(np.random.default_rng(3))
    values = np.array([3.0, 5.0, 7.0])
    table = conduct_table(base, 3, {name: values})
    place = COLUMNS.index(name)
    np.testing.assert_array_equal(table[:, place], values)
    others = np.delete(table, place, axis=1)
    np.testing.assert_array_equal(others, np.tile(np.delete(conduct_row(base), place), (3, 1)))


def test_a_column_that_is_not_there_is_an_error():
    with pytest.raises(KeyError, match=r"stop\.multiplyer"):
        conduct_table(random_conduct(np.random.default_rng(4)), 2, {"stop.multiplyer": [1.0, 2.0]})
