"""Rules of the services: whatever the order, repetition and delay of events, the decisions and books are the same."""

import os
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.payment.domain.entitlement import Payee
from tests.model.rules.journeys import Journey, journeys
from tests.model.rules.world import World, in_order, shuffled

SCHEDULES = 8
"""Orders in which each journey is played; to draw a journey takes longer."""
MANY = settings(
    max_examples=int(os.environ.get("JOURNEYS", "300")),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@MANY
@given(journey=journeys(), seed=st.integers(0, 2**32))
def test_any_order_leads_to_the_same_decisions_and_books(journey: Journey, seed: int) -> None:
    expected = in_order(journey)
    assert_balanced(expected)
    for schedule in range(SCHEDULES):
        found = shuffled(journey, seed + schedule)
        assert found.decisions() == expected.decisions(), f"schedule {seed + schedule}"
        assert_balanced(found)


@MANY
@given(journey=journeys().filter(lambda journey: journey.late), seed=st.integers(0, 2**32))
def test_reopened_training_ends_as_if_its_evidence_had_come_in_time(journey: Journey, seed: int) -> None:
    expected = in_order(replace(journey, facts=(*journey.facts, *journey.late)))
    for schedule in range(SCHEDULES):
        found = shuffled(journey, seed + schedule)
        found.send(journey.late)
        found.completion.reopen()
        found.end()
        assert found.decisions() == expected.decisions(), f"schedule {seed + schedule}"
        assert_balanced(found)


def assert_balanced(world: World) -> None:
    """Assert that nothing is under way, and that what is kept is what was paid and not claimed back."""
    payment, books = world.payment, world.payment.books
    assert not world.enrollment.undecided
    assert not sum(books.values())
    assert not any(amount for name, amount in books.items() if name.startswith(("reserved", "clearing")))
    kept = payment.kept()
    assert sum(amount for name, amount in books.items() if name.startswith("paid")) == sum(kept.values())
    for key in kept:
        standing, cash = payment.disbursements[key], payment.disbursements[key].payee is Payee.PARTICIPANT
        assert not payment.enrollments[standing.redeem_code].is_annulled
        assert not (cash and payment.is_blocked)
