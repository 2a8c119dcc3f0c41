"""Events of upstream systems about a person, in the order in which they happen."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from deploy.simulation.people import (
    CLOSES_AT,
    LATE_PROVIDER,
    OPENS_AT,
    PROVIDERS,
    REFUSED,
    REJECTED,
    WAVE,
    Person,
    Persona,
)
from shared.times import write_time

NAMESPACE = uuid.UUID("6f1f4c1e-48aa-4c43-9a3c-0f2f8a1f48aa")
SESSION = timedelta(hours=3)


class Sealer(Protocol):
    """Sealer of fields for a producer, named by the kid of its key."""

    def seal(self, claims: Mapping[str, object], kid: str | None = None) -> str: ...


@dataclass(frozen=True, slots=True)
class SimulatedEvent:
    """One event of an upstream system; `time` is when it happened, and its ce_time.

    `parked`: the reason each of its records must be parked for, or empty.
    """

    topic: str
    source: str
    type: str
    key: str
    data: Mapping[str, object]
    time: datetime
    parked: str = ""

    @property
    def id(self) -> str:
        """Id of the event, the same however often it is sent."""
        return uuid.uuid5(NAMESPACE, f"{self.type}/{self.key}/{self.time}/{self.data.get('sequence', '')}").hex


def rupiah(value: int) -> dict[str, object]:
    return {"value": value, "currency": "IDR"}


def wave_opened(quota: int = 1_000_000) -> SimulatedEvent:
    data = {
        "wave": WAVE,
        "scheme": "normal-2023",
        "quota": quota,
        "opens_at": write_time(OPENS_AT),
        "closes_at": write_time(CLOSES_AT),
    }
    return SimulatedEvent("programme.registry", "/programme", "salur.registry.wave_opened.v1", WAVE, data, OPENS_AT)


def providers_registered(keys: Sealer) -> Iterator[SimulatedEvent]:
    """Yield every provider with its account, the late one last."""
    for number, provider in enumerate(PROVIDERS):
        partner = ("bni", "bca")[number % 2]
        claims = {"name": f"Lembaga {number}", "number": f"99{number:08d}1000", "partner": partner, "version": "1"}
        sealed = keys.seal({"sub": provider, **claims}, "registry")
        data = {"provider_id": provider, "version": 1, "account": {"partner": partner, "sealed": sealed}}
        assert (provider == LATE_PROVIDER) == (number == len(PROVIDERS) - 1)
        yield SimulatedEvent(
            "programme.registry", "/programme", "salur.registry.provider_registered.v1", provider, data, OPENS_AT
        )


def funds_appropriated(component: str, amount: int, document: str) -> SimulatedEvent:
    at = OPENS_AT + timedelta(days=1)
    data = {
        "wave": WAVE,
        "component": component,
        "amount": rupiah(amount),
        "document": document,
        "appropriated_at": write_time(at),
    }
    return SimulatedEvent("treasury.funding", "/treasury", "salur.treasury.funds_appropriated.v1", WAVE, data, at)


def timeline(person: Person, keys: Sealer) -> Iterator[SimulatedEvent]:
    """Yield a person's whole timeline: first events, then cures."""
    yield from first_events(person, keys)
    yield from cures(person, keys)


def first_events(person: Person, keys: Sealer) -> Iterator[SimulatedEvent]:
    """Yield admission, account, and for each training the purchase, evidence and rating."""
    yield _admission(person, keys)
    if person.persona is not Persona.NO_ACCOUNT:
        yield _first_account(person, keys)
    for training in person.trainings:
        purchase, sessions = _purchase(training)
        yield purchase
        if person.persona not in REFUSED | REJECTED:
            yield from _evidence(training, sessions)


def _request(person: Person, name: str, data: Mapping[str, object], at: datetime) -> SimulatedEvent:
    body = {"participant_id": person.participant_id, **data}
    kind = f"salur.registration.{name}.v1"
    return SimulatedEvent("enrollment.requests", "/registration", kind, person.participant_id, body, at)


def _admission(person: Person, keys: Sealer) -> SimulatedEvent:
    stated = {"wave": WAVE, "regency": person.regency, "admitted_at": write_time(person.admitted_at)}
    claims = {"sub": person.participant_id, "nik": person.nik, "birth_date": person.birth_date.isoformat()}
    data = {
        **stated,
        "identity": keys.seal({**claims, **stated}, "registration"),
        "gender": person.gender,
        "dwelling": person.dwelling,
        "disability": person.disability,
    }
    return _request(person, "participant_admitted", data, person.admitted_at)


def _first_account(person: Person, keys: Sealer) -> SimulatedEvent:
    nik = person.nik[:-4] + "9999" if person.persona is Persona.OTHER_NIK else person.nik
    verified = "unverified" if person.persona is Persona.VERIFIED_LATE else "verified"
    return _account(person, keys, person.account, nik, verified, person.admitted_at + timedelta(hours=2))


def cures(person: Person, keys: Sealer) -> Iterator[SimulatedEvent]:
    """Yield the later events that correct or replace an account, some weeks after admission."""
    at = person.admitted_at + timedelta(days=25)
    match person.persona:
        case Persona.VERIFIED_LATE:
            yield _account(person, keys, person.account, person.nik, "verified", at)
        case Persona.CLOSED_THEN_ANOTHER | Persona.SECOND_ACCOUNT:
            yield _account(person, keys, person.second_account, person.nik, "verified", at)


def _account(person: Person, keys: Sealer, number: str, nik: str, kyc: str, at: datetime) -> SimulatedEvent:
    stated = {"kyc": kyc, "linked_at": write_time(at)}
    claims = {"sub": person.participant_id, "nik": nik, "number": number, "partner": person.partner}
    sealed = keys.seal({**claims, **stated}, "registration")
    data = {"account": {"partner": person.partner, "sealed": sealed}, **stated}
    return _request(person, "account_linked", data, at)


def _purchase(person: Person) -> tuple[SimulatedEvent, list[dict[str, object]]]:
    at = person.admitted_at + timedelta(days=2)
    first = at.replace(hour=2, minute=0, second=0, microsecond=0) + timedelta(days=3)
    sessions: list[dict[str, object]] = [
        {
            "sequence": number,
            "mode": _session_mode(person.mode, number),
            "starts_at": write_time(first + timedelta(days=number)),
            "ends_at": write_time(first + timedelta(days=number) + SESSION),
        }
        for number in range(1, person.sessions + 1)
    ]
    data = {
        "participant_id": person.participant_id,
        "redeem_code": person.redeem_code,
        "invoice_code": f"INV-2023-{person.number:06d}",
        "platform": person.platform,
        "provider_id": person.provider_id,
        "course_code": f"C-{person.number % 500:04d}",
        "schedule_code": f"S-{person.number % 500:04d}-01",
        "mode": person.mode,
        "price": rupiah(person.price),
        "hours": 6 if person.persona is Persona.TOO_SHORT else 18,
        "class_size": 30,
        "sessions": sessions,
        "purchased_at": write_time(at),
    }
    kind, source = "salur.platform.training_purchased.v1", f"/platforms/{person.platform}"
    return SimulatedEvent("training.purchases", source, kind, person.participant_id, data, at), sessions


def _session_mode(mode: str, number: int) -> str:
    return ("online", "offline")[number % 2] if mode == "hybrid" else mode


def _evidence(person: Person, sessions: list[dict[str, object]]) -> Iterator[SimulatedEvent]:
    attended = sessions[:-1] if person.persona is Persona.NEVER_FINISHES else sessions
    early = person.persona is Persona.TOO_EARLY
    for session in attended:
        at = datetime.fromisoformat(str(session["starts_at"])) + timedelta(minutes=-90 if early else 10)
        proof = "venue_qr" if session["mode"] == "offline" else "face"
        source = "/attendance/venue" if proof == "venue_qr" else "/attendance/face"
        data = {"sequence": session["sequence"], "proof": proof, "attended_at": write_time(at)}
        fact = _evidence_event(person, source, "session_attended", data, at)
        yield replace(fact, parked="out_of_window") if early else fact
    end = datetime.fromisoformat(str(sessions[-1]["ends_at"]))
    platform, provider = f"/platforms/{person.platform}", f"/providers/{person.provider_id}"
    if person.persona is Persona.RETAKES_THE_TEST:
        yield _evidence_event(
            person, platform, "post_test_taken", _test(40, end + timedelta(hours=1)), end + timedelta(hours=1)
        )
    yield _evidence_event(
        person, platform, "post_test_taken", _test(85, end + timedelta(hours=5)), end + timedelta(hours=5)
    )
    at = end + timedelta(hours=7)
    graded = {"score": 70, "passed": True, "provider_id": person.provider_id, "graded_at": write_time(at)}
    yield _evidence_event(person, provider, "work_graded", graded, at)
    at = end + timedelta(hours=9)
    issued = {"certificate_no": f"CERT-{person.number}", "provider_id": person.provider_id, "issued_at": write_time(at)}
    yield _evidence_event(person, provider, "certificate_issued", issued, at)
    if person.persona is not Persona.NEVER_RATES:
        at = end + timedelta(days=1)
        yield _evidence_event(
            person, platform, "training_rated", {"stars": 1 + person.number % 5, "rated_at": write_time(at)}, at
        )


def _test(score: int, at: datetime) -> dict[str, object]:
    return {"score": score, "passed": score >= 60, "taken_at": write_time(at)}


def _evidence_event(person: Person, source: str, kind: str, data: Mapping[str, object], at: datetime) -> SimulatedEvent:
    body = {"participant_id": person.participant_id, "redeem_code": person.redeem_code, **data}
    topic = "training.attendance" if kind == "session_attended" else "training.evidence"
    return SimulatedEvent(topic, source, f"salur.training.{kind}.v1", person.participant_id, body, at)
