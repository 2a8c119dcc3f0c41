"""Files and functions stay small enough to be read at one sitting."""

from __future__ import annotations

from statistics import median, quantiles

from deploy.local.paths import ROOT
from tests.architecture.repository import CODE, functions, place, sources

FILE_LINES = 400
FUNCTION_LINES = 60
DOMAIN_FUNCTION_LINES = 25

# Place -> why it may be longer than the budget. Nothing is here for convenience.
LONGER: dict[str, str] = {}


def too_long(lengths: dict[str, int], at_most: int) -> dict[str, int]:
    return {where: lines for where, lines in lengths.items() if lines > at_most and where not in LONGER}


def ninetieth_percentile(lengths: list[int]) -> float:
    return quantiles(lengths, n=10)[-1]


def test_no_file_is_longer_than_its_budget() -> None:
    lengths = {
        place(path): len(path.read_text().splitlines())
        for folder in CODE
        for kind in ("*.py", "*.sql")
        for path in (ROOT / folder).rglob(kind)
        if path.name != "schema.sql"
    }
    assert too_long(lengths, FILE_LINES) == {}


def test_no_function_is_longer_than_its_budget() -> None:
    lengths = {function.where: function.lines for path in sources(*CODE) for function in functions(path)}
    assert too_long(lengths, FUNCTION_LINES) == {}


def test_rules_are_shorter_still() -> None:
    rules = [path for path in sources("services") if "domain" in path.parts]
    lengths = {function.where: function.lines for path in rules for function in functions(path)}
    assert too_long(lengths, DOMAIN_FUNCTION_LINES) == {}


def test_files_are_short_as_a_rule() -> None:
    lengths = [len(path.read_text().splitlines()) for path in sources("services", "shared", "deploy")]
    assert median(lengths) <= 100
    assert ninetieth_percentile(lengths) <= 250


def test_functions_are_short_as_a_rule() -> None:
    paths = sources("services", "shared", "deploy")
    lengths = [function.lines for path in paths for function in functions(path)]
    assert median(lengths) <= 10
    assert ninetieth_percentile(lengths) <= 30


def test_every_exception_still_is_one() -> None:
    files = {place(path) for path in sources(*CODE)}
    named = {function.where for path in sources(*CODE) for function in functions(path)}
    assert set(LONGER) <= files | named
    assert all(LONGER.values())
