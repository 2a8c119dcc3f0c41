"""A program written from the contract alone plays upstream and partner, from admission to settled money."""

from datetime import UTC, datetime
from typing import Any

import httpx

from deploy.local.installation import Installation
from tests.acceptance.journey import Journey, open_wave, register_provider
from tests.acceptance.outsider import Outsider


def test_participant_goes_from_admission_to_settled_money(installation: Installation, outsider: Outsider) -> None:
    register_provider(outsider)
    open_wave(outsider, "48", "normal-2023")
    journey = Journey(outsider, "4810000000000017", "3273015505950001", "48", "PRAT0AB12CD3")
    journey.admit()
    journey.buy("hybrid", 1_500_000, 18, ("online", "offline"))
    journey.prove("/platforms/pintar", "post_test_taken", score=80, passed=True, taken_at="2023-03-03T02:00:00Z")
    _attend(journey, 2, "venue_qr")
    graded = {"provider_id": "LP0001", "graded_at": "2023-03-03T03:00:00Z"}
    journey.prove("/providers/LP0001", "work_graded", score=75, passed=True, **graded)
    _attend(journey, 1, "face")
    journey.await_event("completion", "completion_confirmed")
    journey.pay_fee(1_500_000)
    journey.prove("/platforms/pintar", "training_rated", stars=5, rated_at="2023-03-04T02:00:00Z")
    journey.pay_cash("incentive_1", 600_000)
    assert installation.verify() == []
    _assert_explanations_join(installation, outsider, journey)


def _assert_explanations_join(installation: Installation, outsider: Outsider, journey: Journey) -> None:
    """Follow the ids of Kafka's records through what the three services explain: what one emits is the next's cause."""
    enrollment, completion, payment = (
        _explanation(installation, service, journey) for service in ("enrollment", "completion", "payment")
    )
    confirmed = _id_on_topic(outsider, "enrollment", "enrollment_confirmed", journey)
    completed = _id_on_topic(outsider, "completion", "completion_confirmed", journey)
    rated = _id_on_topic(outsider, "completion", "training_rated", journey)
    assert enrollment["purchase_confirmed", journey.redeem_code]["carried_by"] == confirmed
    outcome = completion["completion_confirmed", journey.redeem_code]
    assert (outcome["caused_by"][0], outcome["carried_by"]) == (confirmed, completed)
    assert len(outcome["caused_by"]) == 5
    assert completion["training_rated", journey.redeem_code]["carried_by"] == rated
    fee, incentive = (payment["right_due", f"{journey.redeem_code}/{name}"] for name in ("fee", "incentive_1"))
    assert fee["caused_by"] == [confirmed, completed]
    assert incentive["caused_by"] == [confirmed, completed, rated]
    of_fee = {name: one for (name, about), one in payment.items() if about == f"{journey.redeem_code}/fee"}
    for decision, kind in (("right_due", "scheduled"), ("attempt_instructed", "instructed")):
        assert of_fee[decision]["carried_by"] == _id_on_topic(
            outsider, "payment", f"disbursement_{kind}", journey, "fee"
        )
    lane = confirmed.split("/")[1]
    settled = _headers_on_topic(outsider, "payment", "disbursement_settled", journey, "fee")
    assert of_fee["attempt_settled"]["carried_by"] == f"payment.events/{lane} at {settled['ce_time']}"


def _explanation(installation: Installation, service: str, journey: Journey) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the decisions that a service explains, by name and by what they are about."""
    url = f"{installation.services[service].url}/participants/{journey.person}/explain"
    return {(one["decision"], one["about"]): one for one in httpx.get(url).json()["decisions"]}


def _id_on_topic(outsider: Outsider, service: str, kind: str, journey: Journey, benefit: str | None = None) -> str:
    return _headers_on_topic(outsider, service, kind, journey, benefit)["ce_id"]


def _headers_on_topic(
    outsider: Outsider, service: str, kind: str, journey: Journey, benefit: str | None
) -> dict[str, str]:
    """Return the headers of the event about the training as it stands in Kafka."""
    record, _ = outsider.await_event(
        f"{service}.events",
        lambda type_, data: (
            type_ == f"salur.{service}.{kind}.v1"
            and data["redeem_code"] == journey.redeem_code
            and data.get("benefit") == benefit
        ),
        kind,
    )
    return {name: value.decode() for name, value in record.headers()}


def test_participant_of_2020_is_paid_month_by_month(installation: Installation, outsider: Outsider) -> None:
    register_provider(outsider)
    open_wave(outsider, "12", "semi-bansos-2020")
    journey = Journey(outsider, "4810000000000033", "3273015505950002", "12", "PRAT2020CD34", "081234567891")
    journey.admit()
    confirmed = journey.buy("self_paced", 1_000_000, 6, ("self_paced", "self_paced"))
    assert (confirmed["scheme"], confirmed["scheme_version"]) == ("semi-bansos-2020", 2)
    # A failed test counts as taken; the certificate alone completes nothing, and comes first.
    certificate = {"provider_id": "LP0001", "issued_at": "2023-03-03T03:00:00Z"}
    journey.prove("/providers/LP0001", "certificate_issued", certificate_no="CERT/1", **certificate)
    journey.prove("/platforms/pintar", "post_test_taken", score=10, passed=False, taken_at="2023-03-03T02:00:00Z")
    journey.prove("/platforms/pintar", "training_rated", stars=5, rated_at="2023-03-04T02:00:00Z")
    _attend(journey, 1, "face")
    _attend(journey, 2, "face")
    completed = journey.await_event("completion", "completion_confirmed")
    assert sorted(one["type"] for one in completed["evidence"]) == [
        "certificate_issued",
        "post_test_taken",
        "session_attended",
        "session_attended",
    ]
    journey.pay_fee(1_000_000)
    journey.pay_cash("incentive_1", 600_000)
    journey.prove("/dashboard", "survey_answered", survey=1, answered_at="2023-03-05T02:00:00Z")
    journey.pay_cash("survey_1", 50_000)
    for month, benefit in ((4, "incentive_2"), (5, "incentive_3"), (6, "incentive_4")):
        due_at = datetime(2023, month, 4, 2, tzinfo=UTC)  # It was completed and rated on 4 March, 02:00.
        installation.set_clock(due_at)
        assert datetime.fromisoformat(journey.pay_cash(benefit, 600_000)) >= due_at
    assert installation.verify() == []


def _attend(journey: Journey, day: int, proof: str) -> None:
    source = "/attendance/face" if proof == "face" else "/attendance/venue"
    at = f"2023-03-{day:02}T01:10:00Z"
    journey.prove(source, "session_attended", sequence=day, proof=proof, attended_at=at)
