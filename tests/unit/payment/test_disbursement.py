"""States of a disbursement: exactly the transitions of the table."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from deploy.local.paths import ROOT
from services.payment.domain.disbursement import (
    FINAL,
    TRANSITIONS,
    Disbursement,
    HoldReason,
    IllegalTransition,
    State,
    accept,
    annul,
    book_back,
    cancel,
    confirm,
    fail,
    fall_due,
    forfeit,
    freeze,
    hold,
    instruct,
    postpone_status_check,
    reject,
    settle,
)
from services.payment.domain.entitlement import Annulment, Payee, void
from services.payment.domain.reason_codes import after_rejection, verdict_of
from tests.unit.payment.values import NOW, a_disbursement, an_enrollment

STEPS: dict[State, Callable[[Disbursement], Disbursement]] = {
    State.HELD: lambda d: hold(d, HoldReason.NO_FUNDS),
    State.INSTRUCTED: lambda d: instruct(d, "0ABCDEFGHJKMNPQR", "bni", 1, NOW),
    State.ACCEPTED: lambda d: accept(d, NOW),
    State.SETTLED: lambda d: confirm(d, "0ABCDEFGHJKMNPQR", "bni") if d.state is State.HELD else settle(d),
    State.REJECTED: reject,
    State.RETURNED: lambda d: book_back(d, None),
    State.FAILED: fail,
    State.CANCELLED: lambda d: cancel(d._replace(annulled=Annulment.VOIDED)),
    State.FORFEITED: forfeit,
}


@pytest.mark.parametrize(("before", "after"), list(product(State, STEPS)))
def test_only_the_transitions_of_the_table_are_possible(before: State, after: State) -> None:
    disbursement = a_disbursement(state=before, attempt=1, frozen=before is State.HELD)
    if (before, after) in TRANSITIONS:
        assert STEPS[after](disbursement).state is after
    else:
        with pytest.raises(IllegalTransition):
            STEPS[after](disbursement)


@pytest.mark.parametrize("end", [Annulment.VOIDED, Annulment.REVOKED])
def test_end_of_a_training_is_marked_above_an_erasure(end: Annulment) -> None:
    at_a_partner = a_disbursement(state=State.INSTRUCTED, attempt=1)
    for marks in ((end, Annulment.ERASED), (Annulment.ERASED, end)):
        marked = at_a_partner
        for mark in marks:
            marked = annul(marked, mark)
        assert marked.annulled is end
    assert annul(annul(at_a_partner, Annulment.ERASED), Annulment.ERASED).annulled is Annulment.ERASED


def test_held_disbursement_settles_only_by_confirmation_and_only_if_frozen() -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.NEEDS_APPROVAL, attempt=2)
    with pytest.raises(IllegalTransition):
        settle(held._replace(frozen=True))
    with pytest.raises(IllegalTransition):
        confirm(held, "0ABCDEFGHJKMNPQR", "bni")
    paid = confirm(held._replace(frozen=True), "0ABCDEFGHJKMNPQR", "bni")
    assert (paid.state, paid.reason, paid.reference, paid.partner) == (State.SETTLED, None, "0ABCDEFGHJKMNPQR", "bni")


def test_hold_keeps_the_partner_unless_it_would_go_to_another() -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.HALTED, partner="bni")
    assert hold(held, HoldReason.NO_FUNDS).partner == "bni"
    assert hold(held, HoldReason.HALTED, partner="bca").partner == "bca"


@pytest.mark.parametrize("reason", sorted(HoldReason))
def test_frozen_disbursement_stays_frozen_under_any_hold_reason(reason: HoldReason) -> None:
    frozen = freeze(a_disbursement(state=State.HELD, reason=reason, attempt=1))
    blocked = reason is HoldReason.PARTICIPANT_BLOCKED
    assert (frozen.reason, frozen.frozen) == (reason if blocked else HoldReason.NEEDS_APPROVAL, True)
    assert hold(frozen, reason).frozen


def test_next_attempt_ends_a_freeze_unless_it_is_adopted() -> None:
    frozen = freeze(a_disbursement(state=State.HELD, reason=HoldReason.HALTED, attempt=1))
    assert not instruct(frozen, "0ABCDEFGHJKMNPQR", "bni", 1, NOW).frozen
    assert instruct(frozen, "0ABCDEFGHJKMNPQR", "bni", 0, NOW, adopted=True).frozen


@pytest.mark.parametrize("state", [State.INSTRUCTED, State.ACCEPTED])
def test_frozen_attempt_at_a_partner_continues_until_settled(state: State) -> None:
    frozen = freeze(a_disbursement(state=state, attempt=1))
    assert (frozen.state, frozen.frozen, settle(frozen).frozen) == (state, True, False)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_final_disbursement_is_never_frozen(state: State) -> None:
    final = a_disbursement(state=state, attempt=1)
    assert freeze(final) is final


def test_only_an_annulled_disbursement_is_cancelled_and_its_freeze_ends() -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.NEEDS_APPROVAL, attempt=1, frozen=True, next_check_at=NOW)
    with pytest.raises(IllegalTransition):
        cancel(held)
    cancelled = cancel(annul(held, Annulment.REVOKED))
    assert (cancelled.state, cancelled.reason, cancelled.frozen) == (State.CANCELLED, None, False)
    assert (cancelled.annulled, cancelled.next_check_at) == (Annulment.REVOKED, None)


def test_forfeit_ends_a_hold_and_a_freeze() -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.NEEDS_APPROVAL, attempt=1, frozen=True, next_check_at=NOW)
    forfeited = forfeit(held)
    assert (forfeited.state, forfeited.reason, forfeited.frozen) == (State.FORFEITED, None, False)
    assert (forfeited.attempt, forfeited.next_check_at) == (1, None)


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_the_first_annulment_marks_and_later_ones_change_nothing(state: State) -> None:
    marked = annul(a_disbursement(state=state), Annulment.VOIDED)
    assert marked == a_disbursement(state=state, annulled=Annulment.VOIDED)
    assert annul(marked, Annulment.REVOKED) is marked


@pytest.mark.parametrize("state", sorted(FINAL))
def test_annulment_leaves_a_final_disbursement_as_it_is(state: State) -> None:
    final = a_disbursement(state=state, attempt=1)
    assert annul(final, Annulment.VOIDED) is final


@pytest.mark.parametrize("code", ["AC04", "LEGL", "AM04", "ED05"])
def test_annulled_attempt_is_cancelled_whatever_it_is_rejected_for(code: str) -> None:
    under_way = annul(a_disbursement(state=State.INSTRUCTED, attempt=1), Annulment.VOIDED)
    assert cancel(after_rejection(under_way, verdict_of("rejected", code), NOW)).state is State.CANCELLED


@pytest.mark.parametrize("code", ["AC04", "LEGL", "AM04", "ED05"])
def test_attempt_past_its_cut_off_is_forfeited_whatever_it_is_rejected_for(code: str) -> None:
    under_way = a_disbursement(state=State.INSTRUCTED, attempt=1, past_cut_off=True)
    assert forfeit(after_rejection(under_way, verdict_of("rejected", code), NOW)).state is State.FORFEITED


def test_nothing_but_a_return_leaves_a_final_state() -> None:
    assert [(before, after) for before, after in TRANSITIONS if before in FINAL] == [(State.SETTLED, State.RETURNED)]


def test_every_state_can_be_reached_and_every_other_state_left() -> None:
    assert {after for _, after in TRANSITIONS} == set(State) - {State.DUE}
    assert {before for before, _ in TRANSITIONS} == set(State) - FINAL | {State.SETTLED}


def test_only_a_rejection_or_return_leads_from_a_partner_back_to_a_hold() -> None:
    assert {before for before, after in TRANSITIONS if after is State.HELD} == {
        State.DUE,
        State.HELD,
        State.REJECTED,
        State.RETURNED,
    }


def test_returned_payment_has_the_mark_that_came_first() -> None:
    paid = a_disbursement(state=State.SETTLED, attempt=1)
    assert book_back(paid, Annulment.REVOKED).annulled is Annulment.REVOKED
    assert book_back(paid._replace(annulled=Annulment.VOIDED), Annulment.REVOKED).annulled is Annulment.VOIDED
    assert book_back(paid, None).annulled is None
    assert book_back(paid._replace(annulled=Annulment.ERASED), None).annulled is Annulment.ERASED


def test_instructed_disbursement_has_its_attempt_and_no_hold() -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.HALTED, partner="bni", next_check_at=NOW)
    ask_at = NOW + timedelta(minutes=15)
    assert instruct(held, "0ABCDEFGHJKMNPQR", "bca", 7, ask_at) == a_disbursement(
        state=State.INSTRUCTED,
        attempt=1,
        reference="0ABCDEFGHJKMNPQR",
        partner="bca",
        tried_version=7,
        next_check_at=ask_at,
    )


def test_partner_is_asked_about_what_it_has_and_what_is_held_is_retried() -> None:
    at_a_partner = a_disbursement(state=State.INSTRUCTED, next_check_at=NOW)
    held = a_disbursement(state=State.HELD, reason=HoldReason.PARTNER_PAUSED, next_check_at=NOW)
    assert (at_a_partner.ask_at, at_a_partner.retry_at) == (NOW, None)
    assert (held.ask_at, held.retry_at) == (None, NOW)


def test_each_attempt_is_counted() -> None:
    first = instruct(a_disbursement(), "0ABCDEFGHJKMNPQR", "bni", 7, NOW)
    held = after_rejection(first, verdict_of("rejected", "AC04"), NOW)
    second = instruct(held, "0BBCDEFGHJKMNPQR", "bca", 8, NOW)
    assert [(d.attempt, d.tried_version) for d in (first, held, second)] == [(1, 7), (1, 7), (2, 8)]


def test_the_published_picture_shows_the_table() -> None:
    picture = (ROOT / "docs/state-machines.md").read_text().split("```mermaid")[1].split("```")[0]
    arrows = set(re.findall(r"^\s*(\w+) --> (\w+)", picture, re.MULTILINE))
    assert arrows == {(before.value, after.value) for before, after in TRANSITIONS}


def test_the_database_knows_the_same_states_and_reasons() -> None:
    schema = (ROOT / "services/payment/schema.sql").read_text()
    states, reasons = (
        set(re.findall(r"'(\w+)'", re.findall(rf"create type {name} as enum \((.*?)\);", schema, re.S)[0]))
        for name in ("state", "hold_reason")
    )
    assert states == {state.value for state in State} - {"due", "rejected", "returned"}
    assert reasons == {reason.value for reason in HoldReason}


def test_component_of_a_fee_is_training_and_of_an_incentive_its_own() -> None:
    assert a_disbursement(benefit="fee", payee=Payee.PROVIDER).component == "training"
    assert a_disbursement(benefit="incentive_1").component == "incentive"


def test_the_oldest_comes_first() -> None:
    old, new = a_disbursement(due_at=datetime(2023, 1, 1, tzinfo=UTC)), a_disbursement()
    assert sorted([new, old], key=lambda d: d.age) == [old, new]


def test_disbursement_that_falls_due_has_the_terms_of_its_enrollment() -> None:
    enrollment = an_enrollment()
    for one in enrollment.entitlements:
        assert fall_due(enrollment, one, NOW) == a_disbursement(
            benefit=one.benefit, amount=one.amount, payee=one.payee, due_at=NOW
        )
    voided = fall_due(void(enrollment, NOW), enrollment.entitlements[0], NOW)
    assert voided.annulled is Annulment.VOIDED


def test_confirmed_disbursement_has_nothing_left_of_its_freeze() -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.NEEDS_APPROVAL, frozen=True, next_check_at=NOW, attempt=2)
    confirmed = confirm(held, "0ABCDEFGHJKMNPQR", "bca")
    assert confirmed == a_disbursement(state=State.SETTLED, reference="0ABCDEFGHJKMNPQR", partner="bca", attempt=2)
    assert confirmed.frozen is False


def test_ended_disbursements_are_checked_no_more() -> None:
    instructed = a_disbursement(state=State.INSTRUCTED, next_check_at=NOW)
    assert reject(instructed).next_check_at is settle(instructed).next_check_at is None
    held = a_disbursement(state=State.HELD, frozen=True, next_check_at=NOW, annulled=Annulment.VOIDED)
    assert cancel(held) == a_disbursement(state=State.CANCELLED, annulled=Annulment.VOIDED)
    assert cancel(held).frozen is False
    assert postpone_status_check(instructed, NOW + timedelta(hours=1)).ask_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (cancel, "it is not annulled"),
        (settle, "it is held, and nobody has confirmed"),
        (lambda d: confirm(d, "0ABCDEFGHJKMNPQR", "bni"), "only a frozen disbursement can be confirmed"),
        (fail, "no transition leads from held to failed"),
    ],
)
def test_illegal_step_names_the_benefit(step: Callable[[Disbursement], Disbursement], found: str) -> None:
    with pytest.raises(IllegalTransition, match=f"^PRAT0AB12CD3 incentive_1: {found}"):
        step(a_disbursement(state=State.HELD))
