"""READMEs name tests and invariants that exist, and show events that are committed as samples."""

import json
import re

import pytest

from deploy.local.paths import ROOT
from services.completion.invariants import INVARIANTS as OF_COMPLETION
from services.enrollment.invariants import INVARIANTS as OF_ENROLLMENT
from services.payment.invariants import INVARIANTS as OF_PAYMENT
from shared.runtime.definition import Invariant

INVARIANTS = {"completion": OF_COMPLETION, "enrollment": OF_ENROLLMENT, "payment": OF_PAYMENT}
README = (ROOT / "README.md").read_text()
ROW = re.compile(r"^\| (?P<part>[^|]+) \| (?P<tests>`test_[^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"`(test_\w+)`")
CASES = ("F4", "F27", "F28", "A41", "A42", "A43", "A44", "A45", "A46", "A49", "A50", "A51", "A52")
SAMPLES = (
    "salur.training.certificate_issued.v1.json",
    "salur.payment.disbursement_instructed.v1-disbursements.json",
)
EXAMPLE = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMISE = re.compile(r"^\| (?P<id>I\d+) \| [^|]+ \| (?P<checked_by>[^|]+) \|$", re.MULTILINE)


def test_each_part_of_the_promise_names_tests_that_exist() -> None:
    rows = ROW.findall(README)
    assert len(rows) >= 10
    assert _missing_tests(rows) == []


def test_each_case_of_payment_names_tests_that_exist() -> None:
    rows = ROW.findall((ROOT / "tests/README.md").read_text().split("## Payment's cases")[1])
    assert [case.split()[0] for case, _ in rows] == list(CASES)
    assert _missing_tests(rows) == []


@pytest.mark.parametrize(("place", "sample"), list(enumerate(SAMPLES)))
def test_event_shown_in_the_readme_is_a_committed_sample(place: int, sample: str) -> None:
    shown = json.loads(EXAMPLE.findall(README)[place])
    text = (ROOT / "tests/contracts/samples" / sample).read_text()
    assert _shortened_alike(shown, json.loads(text)) == shown


@pytest.mark.parametrize(("service", "invariants"), INVARIANTS.items())
def test_readme_of_a_service_names_its_invariants(service: str, invariants: tuple[Invariant, ...]) -> None:
    page = (ROOT / "services" / service / "README.md").read_text()
    section = page.split("## Invariants")[1].split("\n## ")[0]
    assert set(re.findall(r"\bI\d+\b", section)) == {invariant.id for invariant in invariants}


@pytest.mark.parametrize(("service", "invariants"), INVARIANTS.items())
def test_table_of_invariants_names_who_checks_each(service: str, invariants: tuple[Invariant, ...]) -> None:
    promises = PROMISE.findall((ROOT / "services/README.md").read_text())
    assert [number for number, _ in promises] == [f"I{number}" for number in range(1, 15)]
    assert {number for number, checked_by in promises if service in checked_by} == {one.id for one in invariants}


def _missing_tests(rows: list[tuple[str, str]]) -> list[str]:
    """Return the tests that these rows of a table name and that do not exist."""
    there = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return [name for _, tests in rows for name in NAME.findall(tests) if f"def {name}(" not in there]


def _shortened_alike(shown: object, whole: object) -> object:
    """Shorten the texts of the sample that the README ends with an ellipsis."""
    match shown, whole:
        case dict(), dict():
            return {name: _shortened_alike(shown.get(name), value) for name, value in whole.items()}
        case str(), str() if shown.endswith("…") and whole.startswith(shown[:-1]):
            return shown
    return whole
