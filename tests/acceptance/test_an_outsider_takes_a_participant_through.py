"""A program written from the contract alone plays upstream and partner, from admission to settled money."""

from datetime import UTC, datetime

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
