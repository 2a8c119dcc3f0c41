"""Values as the parallel arrays that a statement with `unnest` takes."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any


def columns(values: Iterable[object], *attributes: str) -> list[list[Any]]:
    """Return one list per attribute, each in the order of `values`; an attribute may be a path, as in "terms.scheme".

    No values give as many empty lists.
    """
    kept = list(values)
    return [list(map(attrgetter(attribute), kept)) for attribute in attributes]
