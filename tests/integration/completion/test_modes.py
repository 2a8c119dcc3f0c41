"""The rule book of completion: what completes a training, by scheme and mode, from the scheme files on."""

import json
from typing import Any

import pytest

from services.enrollment.handlers.confirmation import confirmed_event
from services.enrollment.schemes import load_schemes
from shared.contracts import enrollment, upstream
from tests.builders import a_purchase, sessions
from tests.integration.completion.harness import (
    CompletionHarness,
    Sent,
    attended,
    certified,
    examined,
    graded,
    rated,
)
from tests.unit.completion.facts import CODE, DAY, FIRST_START, PARTICIPANT

SESSIONS = {
    "online": ("online", "online"),
    "self_paced": ("online", "online"),
    "offline": ("offline", "offline"),
    "hybrid": ("online", "offline"),
}
EVIDENCE: dict[str, Any] = {
    "face-1": lambda: attended(1, "face"),
    "face-2": lambda: attended(2, "face"),
    "venue-1": lambda: attended(1, "venue_qr"),
    "venue-2": lambda: attended(2, "venue_qr"),
    "passed": examined,
    "failed": lambda: examined(passed=False),
    "graded": graded,
    "graded-low": lambda: graded(score=5, passed=False),
    "certificate": certified,
    "rating": rated,
}
RULE_BOOK = """
normal-2023      online      face-1 face-2 passed graded                           completed
normal-2023      online      face-1 face-2 passed graded-low                       completed
normal-2023      online      face-1 face-2 failed passed graded                    completed
normal-2023      online      face-1 face-2 failed graded                           post_test_taken
normal-2023      online      face-1 face-2 passed                                  work_graded
normal-2023      online      face-1 passed graded certificate rating               session_attended/2
normal-2023      online      face-1 venue-2 passed graded                          session_attended/2
normal-2023      self_paced  face-1 face-2 passed graded                           completed
normal-2023      self_paced  face-1 face-2 graded certificate                      post_test_taken
normal-2023      offline     venue-1 venue-2 passed                                completed
normal-2023      offline     venue-1 venue-2 graded certificate                    post_test_taken
normal-2023      offline     face-1 face-2 passed                                  session_attended/1 session_attended/2
normal-2023      hybrid      face-1 venue-2 passed graded                          completed
normal-2023      hybrid      venue-1 face-2 passed graded                          session_attended/1 session_attended/2
normal-2023      hybrid      face-1 venue-2 passed                                 work_graded
semi-bansos-2020 online      face-1 face-2 passed certificate                      completed
semi-bansos-2020 online      face-1 face-2 failed certificate                      completed
semi-bansos-2020 online      face-1 face-2 passed graded                           certificate_issued
semi-bansos-2020 online      face-1 face-2 certificate                             post_test_taken
semi-bansos-2020 self_paced  face-1 face-2 failed certificate                      completed
semi-bansos-2020 self_paced  face-2 failed certificate rating                      session_attended/1
normal-2023      online      certificate    session_attended/1 session_attended/2 post_test_taken work_graded
semi-bansos-2020 online      certificate    session_attended/1 session_attended/2 post_test_taken
"""
ROWS = [line.split() for line in RULE_BOOK.strip().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
async def test_evidence_completes_a_training_or_leaves_something_missing(
    harness: CompletionHarness, row: list[str]
) -> None:
    scheme, mode, *words = row
    reported = [EVIDENCE[word]() for word in words if word in EVIDENCE]
    expected = [word for word in words if word not in EVIDENCE]
    await harness.receive(_confirmed(scheme, mode), *reported)
    assert await harness.state() == ("completed" if expected == ["completed"] else "open")

    harness.now += 60 * DAY
    await harness.sweep()
    decided = [data for name, data in harness.announced if name.startswith("completion_")]
    assert [data.get("missing", ["completed"]) for data in decided] == [expected]
    assert (await harness.parked(), await harness.breaches()) == ([], [])


def test_every_mode_of_every_scheme_is_in_the_rule_book() -> None:
    modes = {(scheme, mode) for scheme, versions in load_schemes().items() for mode in versions.latest.modes}
    assert {(scheme, mode) for scheme, mode, *_ in ROWS} == modes


def _confirmed(scheme: str, mode: str) -> Sent:
    """Return the confirmation that enrollment makes of a purchase under the latest version of a scheme."""
    held = sessions(FIRST_START, *SESSIONS[mode])
    bought = a_purchase(PARTICIPANT, CODE, purchased_at=FIRST_START - DAY, mode=mode, sessions=held)
    purchase = upstream.TRAINING_PURCHASED.parse(json.dumps(bought.data).encode())
    event = confirmed_event(purchase, "48", load_schemes()[scheme].latest)
    confirmed = enrollment.ENROLLMENT_CONFIRMED
    return Sent(confirmed.name, confirmed.topic, json.loads(confirmed.dump(event)))
