"""Values as the arrays of a statement."""

from typing import NamedTuple

import pytest

from shared.postgres.columns import columns


class Inner(NamedTuple):
    size: int


class Row(NamedTuple):
    code: str
    inner: Inner


def test_each_attribute_becomes_one_array_in_the_order_of_the_values() -> None:
    rows = (row for row in (Row("b", Inner(2)), Row("a", Inner(1))))
    assert columns(rows, "inner.size", "code") == [[2, 1], ["b", "a"]]


def test_no_values_become_as_many_empty_arrays() -> None:
    assert columns([], "code", "inner.size") == [[], []]


def test_unknown_attribute_is_refused() -> None:
    with pytest.raises(AttributeError, match="cod"):
        columns([Row("a", Inner(1))], "cod")
