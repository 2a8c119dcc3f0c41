"""Observer of the topics: the state that it draws from events about changes of mind."""

from datetime import UTC, datetime
from typing import Any

from deploy.demo.observer import Observed, ObservedClaim, apply_event

PERSON, CODE = "4810000000000017", "PRAT0AB12CD3"
KEY = (CODE, "fee")
CLAIMED = {
    "participant_id": PERSON,
    "redeem_code": CODE,
    "benefit": "fee",
    "reference": "7Q2M9K4T1B8XW3ZA",
    "amount": {"value": 1_500_000, "currency": "IDR"},
    "claim": "7Q2M9K4T1B8XW3ZA-1",
    "debtor": "provider",
    "reason": "voided",
}
OPEN = ObservedClaim("7Q2M9K4T1B8XW3ZA-1", "provider", "voided", 1_500_000)


def observed(*events: tuple[str, dict[str, Any]]) -> Observed:
    seen = Observed()
    for name, data in events:
        apply_event(seen, f"salur.{name}.v1", data)
    return seen


def test_unblocked_participant_is_blocked_no_more() -> None:
    block = ("enrollment.participant_blocked", {"participant_id": PERSON, "blocked_at": "2023-03-01T00:00:00Z"})
    unblock = ("enrollment.participant_unblocked", {"participant_id": PERSON, "unblocked_at": "2023-03-02T00:00:00Z"})
    assert observed(block).blocked == {PERSON}
    seen = observed(block, unblock)
    assert (seen.blocked, seen.ever_blocked) == (set(), {PERSON})
    assert observed(unblock, block).blocked == set()


def test_void_and_revocation_are_seen_beside_the_completion() -> None:
    about = {"redeem_code": CODE}
    seen = observed(
        ("completion.completion_confirmed", about),
        ("enrollment.enrollment_voided", about),
        ("completion.completion_revoked", about),
    )
    assert (seen.completed, seen.voided, seen.revoked) == ({CODE}, {CODE}, {CODE})


def test_forfeits_are_kept_by_person_and_moment() -> None:
    forfeited = {"participant_id": PERSON, "amount": {"value": 500_000, "currency": "IDR"}, "reason": "cut_off"}
    seen = observed(
        ("enrollment.participant_erased", {"participant_id": PERSON}),
        ("enrollment.balance_forfeited", forfeited | {"forfeited_at": "2023-12-31T17:00:00Z"}),
    )
    assert (seen.erased, seen.forfeits) == (
        {PERSON},
        {PERSON: {datetime(2023, 12, 31, 17, tzinfo=UTC): (500_000, "cut_off")}},
    )


def test_why_forfeited_money_was_held_is_kept() -> None:
    held, forfeited = CLAIMED | {"reason": "no_account"}, CLAIMED | {"reason": "cut_off"}
    seen = observed(("payment.disbursement_held", held), ("payment.disbursement_forfeited", forfeited))
    assert (seen.states, seen.reasons, seen.held_before) == ({KEY: "forfeited"}, {KEY: "cut_off"}, {KEY: "no_account"})


def test_returned_payment_is_remembered_when_it_is_paid_again() -> None:
    returned, settled = CLAIMED | {"reason": "AC04"}, CLAIMED | {"reason": None}
    seen = observed(("payment.disbursement_returned", returned), ("payment.disbursement_settled", settled))
    assert (seen.states, seen.returned) == ({KEY: "settled"}, {KEY})


def test_claim_leaves_the_state_of_its_payment() -> None:
    settled = CLAIMED | {"reason": None}
    seen = observed(("payment.disbursement_settled", settled), ("payment.claim_opened", CLAIMED))
    assert (seen.states, seen.claims) == ({KEY: "settled"}, {KEY: OPEN})


def test_claim_stands_until_it_is_withdrawn_itself() -> None:
    opened, repaid, withdrawn = (f"payment.claim_{name}" for name in ("opened", "repaid", "withdrawn"))
    second = CLAIMED | {"claim": "7Q2M9K4T1B8XW3ZA-2"}
    assert observed((opened, CLAIMED), (repaid, CLAIMED)).claims[KEY].repaid
    assert observed((opened, CLAIMED), (withdrawn, CLAIMED)).claims == {}
    assert observed((opened, CLAIMED), (opened, second), (withdrawn, CLAIMED)).claims[KEY].id == second["claim"]


PARKED = {"topic": "treasury.funding", "partition": 0, "offset": 7, "reason": "conflict", "detail": None}


def test_parked_record_of_payment_is_no_payment() -> None:
    seen = observed(("payment.record_parked", PARKED))
    assert (seen.parked, seen.states) == ({"conflict": 1}, {})


def test_what_waited_when_its_person_was_erased_does_not_count() -> None:
    waited = PARKED | {"reason": "wait_expired", "detail": "erased"}
    assert observed(("enrollment.record_parked", waited)).parked == {}
