"""Courses, voids, blocks and deadlines, as an outside program meets them: what is refused, parked and forfeited."""

from datetime import UTC, datetime

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider

COURSE = {
    "course_code": "C-0815",
    "version": 1,
    "provider_id": "LP0001",
    "modes": ["online"],
    "price_at_most": {"value": 1_000_000, "currency": "IDR"},
    "hours": 18,
}


def test_purchases_beyond_the_approval_of_their_course_are_refused(outsider: Outsider) -> None:
    _open_wave(outsider)
    _registry(outsider, "course_approved", "C-0815", COURSE)
    _registry(outsider, "course_approved", "C-0815", {**COURSE, "hours": 19})
    _await_parked(outsider, "conflict", "programme.registry")
    person = _admit(outsider, 31)
    _buy(outsider, person, "DEARER000001", price={"value": 1_000_001, "currency": "IDR"})
    assert _await_refusal(outsider, "DEARER000001") == "price_above_approved"
    _buy(outsider, person, "OTHERMODE001", mode="self_paced")
    assert _await_refusal(outsider, "OTHERMODE001") == "course_not_approved"


def test_void_ends_its_own_enrollment_and_no_other(installation: Installation, outsider: Outsider) -> None:
    _open_wave(outsider)
    person, other = _admit(outsider, 32), _admit(outsider, 33)
    _buy(outsider, person, "TOBEVOIDED01")
    _await(outsider, "enrollment_confirmed", redeem_code="TOBEVOIDED01")
    _void(outsider, other, "TOBEVOIDED01")
    _await_parked(outsider, "not_yours", "training.purchases")
    _void(outsider, person, "TOBEVOIDED01")
    voided = _await(outsider, "enrollment_voided", redeem_code="TOBEVOIDED01")
    assert (voided["wave"], voided["reason"], voided["voided_at"]) == ("48", "class_cancelled", "2023-02-25T00:00:00Z")
    _buy(outsider, person, "BOUGHTAFTER1", price={"value": 1_000_000, "currency": "IDR"})
    _await(outsider, "enrollment_confirmed", redeem_code="BOUGHTAFTER1")
    assert installation.verify() == []


def test_purchase_while_blocked_is_refused(installation: Installation, outsider: Outsider) -> None:
    _open_wave(outsider)
    person = _admit(outsider, 34)
    _request(outsider, "participant_blocked", person, reason="ineligible", blocked_at="2023-02-22T00:00:00Z")
    _await(outsider, "participant_blocked", participant_id=person)
    _buy(outsider, person, "WHILEBLOCKED")
    assert _await_refusal(outsider, "WHILEBLOCKED") == "participant_blocked"
    _request(outsider, "participant_unblocked", person, reason="eligible", unblocked_at="2023-02-23T00:00:00Z")
    _await(outsider, "participant_unblocked", participant_id=person)
    _buy(outsider, person, "AFTERUNBLOCK")
    _await(outsider, "enrollment_confirmed", redeem_code="AFTERUNBLOCK")
    assert installation.verify() == []


def test_balances_are_forfeited_when_deadline_and_cut_off_pass(installation: Installation, outsider: Outsider) -> None:
    _open_wave(outsider)
    person, buyer = _admit(outsider, 35), _admit(outsider, 36)
    _buy(outsider, buyer, "UNDERWAY0001")
    confirmed = _await(outsider, "enrollment_confirmed", redeem_code="UNDERWAY0001")
    assert confirmed["cut_off_at"] == "2023-12-31T17:00:00Z"
    installation.set_clock(datetime(2024, 1, 2, tzinfo=UTC))
    forfeited = _await(outsider, "balance_forfeited", participant_id=person)
    assert forfeited == {
        "participant_id": person,
        "wave": "48",
        "amount": {"value": 3_500_000, "currency": "IDR"},
        "reason": "first_purchase_late",
        "forfeited_at": "2023-03-08T17:00:00Z",
    }
    rest = _await(outsider, "balance_forfeited", participant_id=buyer)
    assert (rest["amount"], rest["reason"]) == ({"value": 2_600_000, "currency": "IDR"}, "cut_off")
    assert rest["forfeited_at"] == confirmed["cut_off_at"]
    _buy(outsider, person, "TIMELYUNREAD")
    assert _await_refusal(outsider, "TIMELYUNREAD") == "first_purchase_late"
    assert installation.verify() == []


def _open_wave(outside: Outsider) -> None:
    times = {"opens_at": "2023-02-17T12:00:00Z", "closes_at": "2023-02-20T12:00:00Z"}
    _registry(outside, "wave_opened", "48", {"wave": "48", "scheme": "normal-2023", "quota": 100, **times})


def _registry(outside: Outsider, name: str, key: str, data: dict[str, object]) -> None:
    outside.send("programme.registry", "/programme", f"salur.registry.{name}.v1", key, data)


def _request(outside: Outsider, name: str, person: str, **data: object) -> None:
    body = {"participant_id": person, **data}
    outside.send("enrollment.requests", "/registration", f"salur.registration.{name}.v1", person, body)


def _admit(outside: Outsider, number: int) -> str:
    """Admit a person with an id and a NIK of their own."""
    person = f"48100000000000{number}"
    stated = {"wave": "48", "regency": "3273", "admitted_at": "2023-02-21T03:00:00Z"}
    claims = {"sub": person, "nik": f"32730155059500{number}", "birth_date": "1995-05-15", **stated}
    identity = outside.seal("programme", "registration", claims)
    more = {"gender": "female", "dwelling": "village", "disability": False}
    _request(outside, "participant_admitted", person, identity=identity, **stated, **more)
    _await(outside, "participant_admitted", participant_id=person)
    return person


def _buy(outside: Outsider, person: str, code: str, **changes: object) -> None:
    """Buy an online training of one session."""
    times = {"starts_at": "2023-03-01T01:00:00Z", "ends_at": "2023-03-01T04:00:00Z"}
    data = {
        "participant_id": person,
        "redeem_code": code,
        "invoice_code": f"INV-{code}",
        "platform": "pintar",
        "provider_id": "LP0001",
        "course_code": "C-0815",
        "schedule_code": "S-0815-03",
        "mode": "online",
        "price": {"value": 900_000, "currency": "IDR"},
        "hours": 18,
        "class_size": 40,
        "sessions": [{"sequence": 1, "mode": "online", **times}],
        "purchased_at": "2023-02-25T05:00:00Z",
        **changes,
    }
    outside.send("training.purchases", "/platforms/pintar", "salur.platform.training_purchased.v1", person, data)


def _void(outside: Outsider, person: str, code: str) -> None:
    about = {"participant_id": person, "redeem_code": code}
    data = {**about, "reason": "class_cancelled", "voided_at": "2023-02-25T00:00:00Z"}
    outside.send("training.purchases", "/platforms/pintar", "salur.platform.training_voided.v1", person, data)


def _await(outside: Outsider, name: str, **wanted: str) -> dict[str, object]:
    _, found = outside.await_event(
        "enrollment.events",
        lambda kind, data: kind == f"salur.enrollment.{name}.v1" and wanted.items() <= data.items(),
        f"{name} of {wanted}",
    )
    return found


def _await_refusal(outside: Outsider, code: str) -> object:
    return _await(outside, "enrollment_rejected", redeem_code=code)["reason"]


def _await_parked(outside: Outsider, reason: str, topic: str) -> None:
    outside.await_event(
        "dead-letters.enrollment",
        lambda _, data: data["reason"] == reason and data["topic"] == topic,
        f"{reason} on {topic} is parked",
    )
