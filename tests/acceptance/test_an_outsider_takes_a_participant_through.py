"""A program written from the contract alone plays upstream and partner, from admission to settled money."""

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider

PERSON = "4810000000000017"
NIK = "3273015505950001"
CODE = "PRAT0AB12CD3"


def test_participant_goes_from_admission_to_settled_money(installation: Installation, outsider: Outsider) -> None:
    _open_the_programme(outsider)
    _admit(outsider)
    _enroll(outsider)
    _attend(outsider)
    _pay(outsider, "bni", "fee", 1_500_000, "provider", "0123456789")
    _rate(outsider)
    _pay(outsider, "gopay", "incentive_1", 600_000, "participant", "081234567890")
    assert installation.verify() == []


def _open_the_programme(outside: Outsider) -> None:
    outside.send(
        "programme.registry",
        "/programme",
        "salur.registry.wave_opened.v1",
        "48",
        {
            "wave": "48",
            "scheme": "normal-2023",
            "quota": 10_000,
            "opens_at": "2023-02-17T12:00:00Z",
            "closes_at": "2023-02-20T12:00:00Z",
        },
    )
    claims = {"sub": "LP0001", "name": "Lembaga", "number": "0123456789", "partner": "bni", "version": "1"}
    account = outside.seal("programme", "registry", claims)
    outside.send(
        "programme.registry",
        "/programme",
        "salur.registry.provider_registered.v1",
        "LP0001",
        {"provider_id": "LP0001", "version": 1, "account": {"partner": "bni", "sealed": account}},
    )
    for component, amount in (("training", 10_000_000), ("incentive", 5_000_000)):
        outside.send(
            "treasury.funding",
            "/treasury",
            "salur.treasury.funds_appropriated.v1",
            "48",
            {
                "wave": "48",
                "component": component,
                "amount": {"value": amount, "currency": "IDR"},
                "document": "SP2D-23-0001",
                "appropriated_at": "2023-02-18T00:00:00Z",
            },
        )


def _admit(outside: Outsider) -> None:
    stated = {"wave": "48", "regency": "3273", "admitted_at": "2023-02-21T03:00:00Z"}
    claims = {"sub": PERSON, "nik": NIK, "birth_date": "1995-05-15", **stated}
    identity = outside.seal("programme", "registration", claims)
    outside.send(
        "enrollment.requests",
        "/registration",
        "salur.registration.participant_admitted.v1",
        PERSON,
        {
            "participant_id": PERSON,
            **stated,
            "identity": identity,
            "gender": "female",
            "dwelling": "village",
            "disability": False,
        },
    )
    stated = {"kyc": "verified", "linked_at": "2023-02-22T03:00:00Z"}
    claims = {"sub": PERSON, "nik": NIK, "number": "081234567890", "partner": "gopay", **stated}
    account = outside.seal("programme", "registration", claims)
    outside.send(
        "enrollment.requests",
        "/registration",
        "salur.registration.account_linked.v1",
        PERSON,
        {
            "participant_id": PERSON,
            "account": {"partner": "gopay", "sealed": account},
            **stated,
        },
        structured=True,
    )


def _enroll(outside: Outsider) -> None:
    outside.send(
        "training.purchases",
        "/platforms/pintar",
        "salur.platform.training_purchased.v1",
        PERSON,
        {
            "participant_id": PERSON,
            "redeem_code": CODE,
            "invoice_code": "INV-2023-000017",
            "platform": "pintar",
            "provider_id": "LP0001",
            "course_code": "C-0815",
            "schedule_code": "S-0815-03",
            "mode": "hybrid",
            "price": {"value": 1_500_000, "currency": "IDR"},
            "hours": 18,
            "class_size": 40,
            "sessions": [
                {
                    "sequence": 1,
                    "mode": "online",
                    "starts_at": "2023-03-01T01:00:00Z",
                    "ends_at": "2023-03-01T04:00:00Z",
                },
                {
                    "sequence": 2,
                    "mode": "offline",
                    "starts_at": "2023-03-02T01:00:00Z",
                    "ends_at": "2023-03-02T04:00:00Z",
                },
            ],
            "purchased_at": "2023-02-24T05:00:00Z",
        },
    )
    outside.await_event(
        "enrollment.events",
        lambda kind, data: kind == "salur.enrollment.enrollment_confirmed.v1" and data["redeem_code"] == CODE,
        "the enrollment is confirmed",
    )


def _evidence(outside: Outsider, source: str, kind: str, **data: object) -> None:
    body = {"participant_id": PERSON, "redeem_code": CODE, **data}
    topic = "training.attendance" if kind == "session_attended" else "training.evidence"
    outside.send(topic, source, f"salur.training.{kind}.v1", PERSON, body)


def _attend(outside: Outsider) -> None:
    _evidence(outside, "/platforms/pintar", "post_test_taken", score=80, passed=True, taken_at="2023-03-03T02:00:00Z")
    _evidence(
        outside,
        "/attendance/venue",
        "session_attended",
        sequence=2,
        proof="venue_qr",
        attended_at="2023-03-02T01:10:00Z",
    )
    _evidence(
        outside, "/providers/LP0001", "work_graded",
        score=75, passed=True, provider_id="LP0001", graded_at="2023-03-03T03:00:00Z",
    )  # fmt: skip
    _evidence(
        outside, "/attendance/face", "session_attended", sequence=1, proof="face", attended_at="2023-03-01T01:05:00Z"
    )
    outside.await_event(
        "completion.events",
        lambda kind, data: kind == "salur.completion.completion_confirmed.v1" and data["redeem_code"] == CODE,
        "the completion is confirmed",
    )


def _rate(outside: Outsider) -> None:
    _evidence(outside, "/platforms/pintar", "training_rated", stars=5, rated_at="2023-03-04T02:00:00Z")


def _pay(outside: Outsider, partner: str, benefit: str, amount: int, kind_of_payee: str, number: str) -> None:
    """Receive the instruction as the partner, open the account, report it settled twice, and await the settlement."""
    kind = benefit.split("_")[0]
    record, instruction = outside.await_event(
        f"disbursements.{partner}",
        lambda type_, data: type_ == "salur.payment.disbursement_instructed.v1" and data["benefit"] == kind,
        f"{partner} is told to pay the {benefit}",
    )
    assert instruction["amount"] == {"value": amount, "currency": "IDR"}
    assert instruction["payee"]["kind"] == kind_of_payee
    assert outside.open(partner, instruction["payee"]["account"]) == {"sub": instruction["reference"], "number": number}
    for status in ("accepted", "settled", "settled"):
        outside.send(
            f"disbursement-reports.{partner}",
            f"/partners/{partner}",
            "salur.partner.disbursement_reported.v1",
            instruction["reference"],
            {
                "reference": instruction["reference"],
                "status": status,
                "amount": instruction["amount"],
                "reason": None,
                "partner_reference": f"{partner}-1",
                "reported_at": "2023-03-20T00:00:00Z",
            },
            partition=record.partition(),
        )
    _, settled = outside.await_event(
        "payment.events",
        lambda type_, data: (
            type_ == "salur.payment.disbursement_settled.v1" and data["reference"] == instruction["reference"]
        ),
        f"the {benefit} is settled",
    )
    assert settled["participant_id"] == PERSON
    assert settled["benefit"] == benefit
