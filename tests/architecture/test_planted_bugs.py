"""The table of planted bugs in docs/reliability.md: every bug, with its scenario."""

import re
from collections.abc import Iterator

from deploy.local.paths import ROOT
from tests.faults.planted import bugs, test_bugs_by_subject

PAGE = ROOT / "docs" / "reliability.md"
HEAD = "| Planted bug | Scenario | Breach |"


def rows() -> Iterator[tuple[str, str]]:
    """Yield (bug, scenario) of each row, as words; "the same" stands for the scenario of the row above."""
    scenario = ""
    for row in PAGE.read_text().partition(HEAD)[2].partition("\n\n")[0].splitlines()[2:]:
        bug, named = row.split("|")[1:3]
        scenario = scenario if named.strip() == "the same" else words(named)
        yield words(bug), scenario


def words(text: str) -> str:
    """Return the text as it stands in a function's name."""
    return re.sub(r"[-_ ]+", " ", re.sub(r"[',]", "", text.lower())).strip().removeprefix("it ")


def test_reliability_page_lists_every_planted_bug_with_its_scenario() -> None:
    planted = (*bugs.BUGS, *test_bugs_by_subject.BUGS)
    assert sorted(rows()) == sorted((words(bug.name), words(bug.scenario.__name__)) for bug in planted)
