import numpy as np
import pytest

from stoptrail.rules.jit import compiled
from stoptrail.sweep.kernel.rule_table import COLUMNS, rule_row, rule_rows, run_rules_of
from tests.markets import random_rules


def leaf(run_rules: object, path: str) -> float:
    for name in path.split("."):
        run_rules = getattr(run_rules, name)
    return float(run_rules)


def test_a_row_gives_back_an_equal_run_rules():
    random = np.random.default_rng(1)
    for _ in range(200):
        run_rules = random_rules(random)
        assert run_rules_of(rule_row(run_rules)) == run_rules
        assert compiled(run_rules_of)(rule_row(run_rules)) == run_rules


def test_each_column_is_the_field_that_it_names():
    run_rules = random_rules(np.random.default_rng(2))
    row = rule_row(run_rules)
    assert len(row) == len(COLUMNS)
    for place, name in enumerate(COLUMNS):
        assert row[place] == leaf(run_rules, name)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_differs_from_its_base_in_the_named_column_only(name):
    base = random_rules(np.random.default_rng(3))
    values = np.array([3.0, 5.0, 7.0])
    table = rule_rows(base, 3, {name: values})
    place = COLUMNS.index(name)
    np.testing.assert_array_equal(table[:, place], values)
    others = np.delete(table, place, axis=1)
    np.testing.assert_array_equal(others, np.tile(np.delete(rule_row(base), place), (3, 1)))


def test_a_column_that_is_not_there_is_an_error():
    with pytest.raises(KeyError, match=r"stop\.multiplyer"):
        rule_rows(random_rules(np.random.default_rng(4)), 2, {"stop.multiplyer": [1.0, 2.0]})
