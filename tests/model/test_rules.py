"""Rules of the services: whatever the order, repetition and delay of events, the decisions and books are the same.

Left out is what competes, for there the order that was seen decides, and is on record: purchases of one participant
with each other and with what a purchase is judged by (`Journey.behind`), the training that has the incentive when it is
paid (`Journey.is_annulled`), accounts of which an earlier one is better than the last, a block or an erasure with
payments, and the cut-off with all that is not paid by then. The environment may set JOURNEYS: 3000 take minutes.
"""

import os
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.payment.domain.claim import ClaimReason, ClaimState, Payment, is_paid_while_blocked
from services.payment.domain.entitlement import Component, Payee, component_of
from services.payment.domain.ledger import APPROPRIATION
from tests.model.rules.facts import NOW
from tests.model.rules.journeys import Journey, journeys
from tests.model.rules.world import World, in_order, shuffled

SCHEDULES = 8
"""Orders in which each journey is played; to draw a journey takes longer."""
JOURNEYS = int(os.environ.get("JOURNEYS", "300"))
MANY = settings(max_examples=JOURNEYS, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(MANY, max_examples=max(1, JOURNEYS // 3))


@MANY
@given(journey=journeys(), seed=st.integers(0, 2**32))
def test_any_order_leads_to_the_same_decisions_and_books(journey: Journey, seed: int) -> None:
    expected = in_order(journey)
    assert_balanced(expected)
    for schedule in range(SCHEDULES):
        found = shuffled(journey, seed + schedule)
        assert found.decisions() == expected.decisions(), f"schedule {seed + schedule}"
        assert_balanced(found)


@SOME
@given(journey=journeys(is_late=True), seed=st.integers(0, 2**32))
def test_reopened_training_ends_as_if_its_evidence_had_come_in_time(journey: Journey, seed: int) -> None:
    # A cut-off competes: it takes what is due after it.
    journey = replace(journey, wave=replace(journey.wave, cut_off_at=None))
    expected = in_order(replace(journey, facts=(*journey.facts, *journey.late)))
    for schedule in range(SCHEDULES):
        found = shuffled(journey, seed + schedule)
        found.send(journey.late)
        found.completion.reopen()
        found.end()
        assert found.decisions() == expected.decisions(), f"schedule {seed + schedule}"
        assert_balanced(found)


@SOME
@given(journey=journeys(), seed=st.integers(0, 2**32))
def test_cut_off_at_any_moment_leaves_nothing_under_way(journey: Journey, seed: int) -> None:
    journey = replace(journey, wave=replace(journey.wave, cut_off_at=NOW))
    for schedule in range(SCHEDULES):
        assert_balanced(shuffled(journey, seed + schedule, cuts_off=True))


def assert_balanced(world: World) -> None:
    """Assert that nothing is under way, and that what is kept is what was paid and not claimed back."""
    payouts, books, kept = world.payouts, world.payouts.books, world.payment.kept()
    assert not world.enrollment.undecided
    for component in Component:
        balances = {name: amount for (of, name), amount in books.items() if of is component and amount}
        assert not sum(balances.values())
        assert not any(name.startswith(("reserved", "clearing")) for name in balances)
        paid = sum(amount for name, amount in balances.items() if name.startswith("paid"))
        assert paid == sum(amount for key, amount in kept.items() if component_of(key[1]) is component)
        assert not (payouts.is_cut_off and balances.get(APPROPRIATION))
    for key in kept:
        standing, cash = payouts.disbursements[key], payouts.disbursements[key].payee is Payee.PARTICIPANT
        assert not payouts.enrollments[standing.redeem_code].is_annulled
        assert not (cash and is_paid_while_blocked(Payment(standing, payouts.settled_at[key]), payouts.blocks))
    for claim in payouts.claims:
        annulled = payouts.enrollments[claim.disbursement.redeem_code].is_annulled
        if claim.state is ClaimState.OPEN and claim.reason is not ClaimReason.CONTRADICTED:
            assert payouts.is_blocked if claim.reason is ClaimReason.BLOCKED else annulled
    for held in payouts.held:
        assert not payouts.enrollments[held.redeem_code].is_annulled
        assert not payouts.is_cut_off
        assert not payouts.is_erased
