"""Blocks, voids, returns, claims, revoked evidence and forfeits, as an outside program sends and sees them.

The last test moves the clock beyond the cut-off of all waves.
"""

import json
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any
from urllib.request import Request, urlopen

from deploy.local.installation import Installation
from tests.acceptance.conftest import bearer
from tests.acceptance.journey import Journey
from tests.acceptance.outsider import Outsider
from tests.acceptance.upstream import ATTENDANCE, EVIDENCE, FEE, Upstream

PERSON, CODE = "4810000000000033", "PRAT0AB12CD4"
BUYERS = {f"481000000000005{number}": f"327301550595005{number}" for number in range(4)}
"""People, each with a NIK."""


def test_block_void_claim_and_return_reach_the_money(installation: Installation, outsider: Outsider) -> None:
    upstream = Upstream(outsider, "48")
    upstream.open_programme()
    journey = Journey(upstream, "4810000000000041", "3273015505950003", "PRATCHANGED1")
    _buy_complete_and_be_held(journey)
    upstream.unblock(journey.person, "2023-02-27T00:00:00Z")
    journey.pay_fee(FEE)
    journey.pay_cash("incentive_1", 600_000)
    upstream.void(journey.person, journey.redeem_code, "2023-03-19T00:00:00Z")
    owed = {"fee": "provider", "incentive_1": "participant"}
    claims = {benefit: journey.await_event("payment", "claim_opened", benefit=benefit) for benefit in owed}
    for benefit, claim in claims.items():
        assert claim["claim"].startswith(claim["reference"])
        opened = (claim["debtor"], claim["reason"], claim["opened_at"], claim["due_at"])
        assert opened == (owed[benefit], "voided", "2023-03-20T00:00:00Z", "2023-05-19T00:00:00Z")
    shown = _shown(installation, "claims")
    assert {(claim["debtor"], claim["state"], claim["amount"]) for claim in shown} == {
        ("provider", "open", FEE),
        ("participant", "open", 600_000),
    }
    paid_in_vain = claims["incentive_1"]
    _return(outsider, paid_in_vain)
    returned = upstream.await_event("payment", "disbursement_returned", reference=paid_in_vain["reference"])
    assert (returned["reason"], returned["returned_at"]) == ("AC04", "2023-03-20T00:00:00Z")
    withdrawn = upstream.await_event("payment", "claim_withdrawn", claim=paid_in_vain["claim"])
    cancelled = upstream.await_event("payment", "disbursement_cancelled", reference=paid_in_vain["reference"])
    assert (withdrawn["reason"], cancelled["reason"]) == ("returned", "voided")


def test_revoked_evidence_completes_nothing_and_ends_a_completion(outsider: Outsider) -> None:
    upstream = Upstream(outsider, "49")
    upstream.open_wave()
    upstream.admit(PERSON, "3273015505950002")
    days = [{"sequence": day, "mode": "online", **_hours(day)} for day in (1, 2)]
    upstream.buy(PERSON, CODE, sessions=days)
    fraud = upstream.attend(PERSON, CODE)
    _revoke(upstream, ATTENDANCE, "/attendance/audit", fraud)
    upstream.attend(PERSON, CODE, sequence=2, attended_at="2023-03-02T01:05:00Z")
    honest = upstream.attend(PERSON, CODE, attended_at="2023-03-01T01:06:00Z")
    upstream.learn(PERSON, CODE)
    completed = upstream.await_event("completion", "completion_confirmed", redeem_code=CODE)
    assert [one["id"] for one in completed["evidence"] if one["happened_at"] == "2023-03-01T01:06:00Z"] == [honest]

    _revoke(upstream, EVIDENCE, "/platforms/pintar", honest)
    by_a_provider = _revoke(upstream, ATTENDANCE, "/providers/lp0001", honest)
    assert upstream.await_parked("completion", by_a_provider) == ("not_yours", "ce_source")
    upstream.prove(PERSON, CODE, "survey_answered", survey=1, answered_at="2023-03-05T00:00:00Z")
    answered = upstream.await_event("completion", "survey_answered", redeem_code=CODE)
    assert (answered["survey"], answered["answered_at"]) == (1, "2023-03-05T00:00:00Z")

    _revoke(upstream, ATTENDANCE, "/attendance/audit", honest)
    assert upstream.await_event("completion", "completion_revoked", redeem_code=CODE) == {
        "participant_id": PERSON,
        "redeem_code": CODE,
        "reason": "face_fraud",
        "evidence": {"source": "/attendance/face", "id": honest},
        "digest": completed["digest"],
        "revoked_at": "2023-03-06T00:00:00Z",
    }


def test_void_and_unblock_let_a_participant_buy_again(outsider: Outsider) -> None:
    upstream = Upstream(outsider, "64")
    upstream.open_wave()
    person, blocked, *_ = BUYERS
    for one in (person, blocked):
        upstream.admit(one, BUYERS[one])
        upstream.await_decision("participant_admitted", participant_id=one)
    upstream.buy(person, "TOBEVOIDED01")
    upstream.await_decision("enrollment_confirmed", redeem_code="TOBEVOIDED01")
    upstream.void(person, "TOBEVOIDED01")
    voided = upstream.await_decision("enrollment_voided", redeem_code="TOBEVOIDED01")
    assert (voided["wave"], voided["reason"], voided["voided_at"]) == ("64", "class_cancelled", "2023-02-25T00:00:00Z")
    upstream.buy(person, "BOUGHTAFTER1")
    upstream.await_decision("enrollment_confirmed", redeem_code="BOUGHTAFTER1")
    upstream.block(blocked)
    upstream.await_decision("participant_blocked", participant_id=blocked)
    upstream.unblock(blocked)
    upstream.await_decision("participant_unblocked", participant_id=blocked)
    upstream.buy(blocked, "AFTERUNBLOCK")
    upstream.await_decision("enrollment_confirmed", redeem_code="AFTERUNBLOCK")


def test_balances_and_held_money_are_forfeited_at_the_cut_off(installation: Installation, outsider: Outsider) -> None:
    journey = Journey(Upstream(outsider, "48"), "4810000000000058", "3273015505950004", "PRATCUTOFF01")
    _buy_complete_and_be_held(journey)
    upstream = Upstream(outsider, "65")
    upstream.open_wave()
    *_, person, buyer = BUYERS
    for one in (person, buyer):
        upstream.admit(one, BUYERS[one])
    upstream.buy(buyer, "UNDERWAY0001")
    confirmed = upstream.await_decision("enrollment_confirmed", redeem_code="UNDERWAY0001")
    assert confirmed["cut_off_at"] == "2023-12-31T17:00:00Z"
    upstream.await_decision("participant_admitted", participant_id=person)
    installation.set_clock(datetime(2024, 1, 2, tzinfo=UTC))
    assert upstream.await_decision("balance_forfeited", participant_id=person) == {
        "participant_id": person,
        "wave": "65",
        "amount": {"value": 3_500_000, "currency": "IDR"},
        "reason": "first_purchase_late",
        "forfeited_at": "2023-03-08T17:00:00Z",
    }
    rest = upstream.await_decision("balance_forfeited", participant_id=buyer)
    assert (rest["amount"], rest["reason"]) == ({"value": 2_600_000, "currency": "IDR"}, "cut_off")
    assert rest["forfeited_at"] == confirmed["cut_off_at"]
    upstream.buy(person, "TIMELYUNREAD")
    refused = upstream.await_decision("enrollment_rejected", redeem_code="TIMELYUNREAD")
    assert refused["reason"] == "first_purchase_late"
    for benefit in ("fee", "incentive_1"):
        event = journey.await_event("payment", "disbursement_forfeited", benefit=benefit)
        assert (event["reason"], event["attempt"]) == ("cut_off", 0)
    for fund in _funds_once_returned(installation, "48"):
        assert fund["returned"] == fund["appropriated"] - fund["spent"] > 0


def _buy_complete_and_be_held(journey: Journey) -> None:
    """Block a participant after the purchase, so that both payments for the completed training are held."""
    journey.admit()
    journey.buy()
    journey.upstream.block(journey.person, "2023-02-26T00:00:00Z")
    journey.upstream.await_decision("participant_blocked", participant_id=journey.person)
    journey.complete()
    for benefit in ("fee", "incentive_1"):
        held = journey.await_event("payment", "disbursement_held", benefit=benefit)
        assert held["reason"] == "participant_blocked"


def _funds_once_returned(installation: Installation, wave: str) -> list[dict[str, Any]]:
    """Return the funds of a wave as soon as no money is left in any, or as they are after half a minute."""
    until = monotonic() + 30
    while any(fund["free"] for fund in _shown(installation, "funds")) and monotonic() < until:
        sleep(0.2)
    return [fund for fund in _shown(installation, "funds") if fund["wave"] == wave]


def _shown(installation: Installation, view: str) -> list[dict[str, Any]]:
    url = f"{installation.environment()['SALUR_PAYMENT_URL']}/{view}"
    with urlopen(Request(url, headers=bearer(installation)), timeout=10) as answer:  # noqa: S310 - our own address
        shown: list[dict[str, Any]] = json.load(answer)[view]
    return shown


def _hours(day: int) -> dict[str, str]:
    return {"starts_at": f"2023-03-0{day}T01:00:00Z", "ends_at": f"2023-03-0{day}T04:00:00Z"}


def _revoke(upstream: Upstream, topic: str, by: str, record_id: str) -> str:
    """Revoke an attendance on a topic, for another producer; return the id of the record."""
    about = {"participant_id": PERSON, "redeem_code": CODE, "evidence": {"source": "/attendance/face", "id": record_id}}
    data = {**about, "reason": "face_fraud", "revoked_at": "2023-03-06T00:00:00Z"}
    return upstream.outside.send(topic, by, "salur.training.evidence_revoked.v1", PERSON, data)


def _return(outside: Outsider, claim: dict[str, Any]) -> None:
    """Report as its partner that the money of a claimed payment came back."""
    report = {
        "reference": claim["reference"],
        "status": "returned",
        "amount": claim["amount"],
        "reason": "AC04",
        "partner_reference": "R-1",
        "reported_at": "2023-03-20T00:00:00Z",
    }
    topic, source = f"disbursement-reports.{claim['partner']}", f"/partners/{claim['partner']}"
    outside.send(topic, source, "salur.partner.disbursement_reported.v1", claim["reference"], report)
