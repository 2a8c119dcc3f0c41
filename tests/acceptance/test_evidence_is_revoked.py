"""Evidence that is revoked before and after the completion, and a survey, as the contract describes them."""

from typing import Any

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider

PERSON = "4810000000000033"
CODE = "PRAT0AB12CD4"
ABOUT = {"participant_id": PERSON, "redeem_code": CODE}


def test_revoked_evidence_completes_nothing_and_ends_a_completion(
    installation: Installation, outsider: Outsider
) -> None:
    _enroll(outsider)
    fraud = _attend(outsider, 1, "2023-03-01T01:05:00Z")
    _revoke(outsider, "training.attendance", "/attendance/audit", "/attendance/face", fraud)
    _attend(outsider, 2, "2023-03-02T01:05:00Z")
    _send(outsider, "post_test_taken", score=80, passed=True, taken_at="2023-03-03T02:00:00Z")
    _send(outsider, "work_graded", score=75, passed=True, provider_id="LP0001", graded_at="2023-03-03T03:00:00Z")
    honest = _attend(outsider, 1, "2023-03-01T01:06:00Z")
    completed = _await(outsider, "completion_confirmed")
    assert completed["evidence"][0]["id"] == honest

    _revoke(outsider, "training.evidence", "/platforms/pintar", "/attendance/face", honest)
    _revoke(outsider, "training.attendance", "/providers/lp0001", "/attendance/face", honest)
    outsider.await_event(
        "dead-letters.completion",
        lambda _, data: (data["reason"], data["detail"]) == ("not_yours", "ce_source"),
        "a provider cannot revoke attendance",
    )
    _send(outsider, "survey_answered", survey=1, answered_at="2023-03-05T00:00:00Z")
    assert _await(outsider, "survey_answered") == {**ABOUT, "survey": 1, "answered_at": "2023-03-05T00:00:00Z"}

    _revoke(outsider, "training.attendance", "/attendance/audit", "/attendance/face", honest)
    assert _await(outsider, "completion_revoked") == {
        **ABOUT,
        "reason": "face_fraud",
        "evidence": {"source": "/attendance/face", "id": honest},
        "digest": completed["digest"],
        "revoked_at": "2023-03-06T00:00:00Z",
    }
    assert installation.verify() == []


def _enroll(outside: Outsider) -> None:
    wave = {"wave": "48", "scheme": "normal-2023", "quota": 10_000}
    times = {"opens_at": "2023-02-17T12:00:00Z", "closes_at": "2023-02-20T12:00:00Z"}
    outside.send("programme.registry", "/programme", "salur.registry.wave_opened.v1", "48", {**wave, **times})
    stated = {"wave": "48", "regency": "3273", "admitted_at": "2023-02-21T03:00:00Z"}
    claims = {"sub": PERSON, "nik": "3273015505950002", "birth_date": "1995-05-15", **stated}
    others = {"gender": "female", "dwelling": "village", "disability": False}
    identity = outside.seal("programme", "registration", claims)
    admission = {"participant_id": PERSON, **stated, "identity": identity, **others}
    outside.send(
        "enrollment.requests", "/registration", "salur.registration.participant_admitted.v1", PERSON, admission
    )
    days = [{"sequence": day, "mode": "online", **_hours(day)} for day in (1, 2)]
    names = {"invoice_code": "INV-1", "platform": "pintar", "provider_id": "LP0001", "course_code": "C-1"}
    terms = {"mode": "online", "price": {"value": 1_500_000, "currency": "IDR"}, "hours": 18, "class_size": 40}
    bought = {"schedule_code": "S-1", "sessions": days, "purchased_at": "2023-02-24T05:00:00Z"}
    purchase = {**ABOUT, **names, **terms, **bought}
    outside.send("training.purchases", "/platforms/pintar", "salur.platform.training_purchased.v1", PERSON, purchase)


def _hours(day: int) -> dict[str, str]:
    return {"starts_at": f"2023-03-0{day}T01:00:00Z", "ends_at": f"2023-03-0{day}T04:00:00Z"}


def _attend(outside: Outsider, sequence: int, at: str) -> str:
    data = {**ABOUT, "sequence": sequence, "proof": "face", "attended_at": at}
    kind = "salur.training.session_attended.v1"
    return outside.send("training.attendance", "/attendance/face", kind, PERSON, data)


def _send(outside: Outsider, kind: str, **data: object) -> None:
    outside.send("training.evidence", "/platforms/pintar", f"salur.training.{kind}.v1", PERSON, {**ABOUT, **data})


def _revoke(outside: Outsider, topic: str, source: str, reported_by: str, event_id: str) -> None:
    named = {"evidence": {"source": reported_by, "id": event_id}}
    data = {**ABOUT, **named, "reason": "face_fraud", "revoked_at": "2023-03-06T00:00:00Z"}
    outside.send(topic, source, "salur.training.evidence_revoked.v1", PERSON, data)


def _await(outside: Outsider, name: str) -> dict[str, Any]:
    return outside.await_event(
        "completion.events",
        lambda kind, data: kind == f"salur.completion.{name}.v1" and data["redeem_code"] == CODE,
        name,
    )[1]
