"""A program written from the contract alone plays upstream and partner, from admission to settled money."""

from datetime import UTC, datetime
from typing import Any

import httpx

from deploy.local.installation import Installation
from tests.acceptance.conftest import bearer
from tests.acceptance.journey import Journey
from tests.acceptance.outsider import Outsider
from tests.acceptance.upstream import PROVIDER, Upstream, rupiah


def test_participant_goes_from_admission_to_settled_money(installation: Installation, outsider: Outsider) -> None:
    upstream = Upstream(outsider, "48")
    upstream.open_programme()
    journey = Journey(upstream, "4810000000000017", "3273015505950001", "PRAT0AB12CD3")
    journey.admit()
    journey.buy(("online", "offline"), mode="hybrid", price=rupiah(1_500_000))
    journey.prove("post_test_taken", score=80, passed=True, taken_at="2023-03-03T02:00:00Z")
    journey.attend(2, "venue_qr")
    graded = {"provider_id": PROVIDER, "graded_at": "2023-03-03T03:00:00Z"}
    journey.prove("work_graded", "/providers/LP0001", score=75, passed=True, **graded)
    journey.attend(1)
    journey.await_event("completion", "completion_confirmed")
    journey.pay_fee(1_500_000)
    journey.prove("training_rated", stars=5, rated_at="2023-03-04T02:00:00Z")
    journey.pay_cash("incentive_1", 600_000)
    _assert_explanations_join(installation, journey)


def _assert_explanations_join(installation: Installation, journey: Journey) -> None:
    """Follow the ids of Kafka's records through what the three services explain: what one emits is the next's cause."""
    enrollment, completion, payment = (
        _explanation(installation, service, journey) for service in ("enrollment", "completion", "payment")
    )
    confirmed = _id_on_topic(journey, "enrollment", "enrollment_confirmed")
    completed = _id_on_topic(journey, "completion", "completion_confirmed")
    rated = _id_on_topic(journey, "completion", "training_rated")
    assert enrollment["purchase_confirmed", journey.redeem_code]["carried_by"] == confirmed
    outcome = completion["completion_confirmed", journey.redeem_code]
    assert (outcome["caused_by"][0], outcome["carried_by"]) == (confirmed, completed)
    assert len(outcome["caused_by"]) == 5
    assert completion["training_rated", journey.redeem_code]["carried_by"] == rated
    fee, incentive = (payment["right_due", f"{journey.redeem_code}/{name}"] for name in ("fee", "incentive_1"))
    assert fee["caused_by"] == [confirmed, completed]
    assert incentive["caused_by"] == [confirmed, completed, rated]
    of_fee = {name: one for (name, about), one in payment.items() if about == f"{journey.redeem_code}/fee"}
    kinds = {"right_due": "scheduled", "attempt_instructed": "instructed", "attempt_settled": "settled"}
    for decision, kind in kinds.items():
        assert of_fee[decision]["carried_by"] == _id_on_topic(journey, "payment", f"disbursement_{kind}", benefit="fee")
    published = {one["carried_by"] for explained in (enrollment, completion) for one in explained.values()}
    causes = {event for one in payment.values() for event in one["caused_by"]}
    assert {event for event in causes if not event.startswith("disbursement-reports.")} <= published
    assert not any("not recorded" in (one["carried_by"] or "") for one in payment.values())


def _explanation(installation: Installation, service: str, journey: Journey) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the decisions that a service explains, by name and by what they are about."""
    url = f"{installation.services[service].url}/participants/{journey.person}/explain"
    return {
        (one["decision"], one["about"]): one for one in httpx.get(url, headers=bearer(installation)).json()["decisions"]
    }


def _id_on_topic(journey: Journey, service: str, name: str, **wanted: str) -> str:
    """Return the id of the event about the training as it stands in Kafka."""
    record, _ = journey.upstream.await_record(service, name, redeem_code=journey.redeem_code, **wanted)
    return str(dict(record.headers())["ce_id"].decode())


def test_participant_of_2020_is_paid_month_by_month(installation: Installation, outsider: Outsider) -> None:
    upstream = Upstream(outsider, "12")
    upstream.open_programme(scheme="semi-bansos-2020")
    journey = Journey(upstream, "4810000000000033", "3273015505950002", "PRAT2020CD34", "081234567891")
    journey.admit()
    confirmed = journey.buy(("self_paced", "self_paced"), mode="self_paced", price=rupiah(1_000_000), hours=6)
    assert (confirmed["scheme"], confirmed["scheme_version"]) == ("semi-bansos-2020", 2)
    # A failed test counts as taken; the certificate alone completes nothing, and comes first.
    certificate = {"provider_id": PROVIDER, "issued_at": "2023-03-03T03:00:00Z"}
    journey.prove("certificate_issued", "/providers/LP0001", certificate_no="CERT/1", **certificate)
    journey.prove("post_test_taken", score=10, passed=False, taken_at="2023-03-03T02:00:00Z")
    journey.prove("training_rated", stars=5, rated_at="2023-03-04T02:00:00Z")
    journey.attend(1)
    journey.attend(2)
    completed = journey.await_event("completion", "completion_confirmed")
    assert sorted(one["type"] for one in completed["evidence"]) == [
        "certificate_issued",
        "post_test_taken",
        "session_attended",
        "session_attended",
    ]
    journey.pay_fee(1_000_000)
    journey.pay_cash("incentive_1", 600_000)
    journey.prove("survey_answered", "/dashboard", survey=1, answered_at="2023-03-05T02:00:00Z")
    journey.pay_cash("survey_1", 50_000)
    for month, benefit in ((4, "incentive_2"), (5, "incentive_3"), (6, "incentive_4")):
        due_at = datetime(2023, month, 4, 2, tzinfo=UTC)  # It was completed and rated on 4 March, 02:00.
        installation.set_clock(due_at)
        assert datetime.fromisoformat(journey.pay_cash(benefit, 600_000)) >= due_at
