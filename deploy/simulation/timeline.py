"""Events of upstream systems about a person, in the order in which they happen."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from deploy.simulation.people import (
    APPROVED_PRICE,
    CLOSES_AT,
    IN_SEMI_BANSOS,
    LATE_PROVIDER,
    MODES,
    OPENS_AT,
    PROVIDERS,
    WAVE,
    Person,
    Persona,
)
from deploy.simulation.scheme import SCHEME_OF, survey_times
from deploy.simulation.steps import Act, steps_of
from shared.times import write_time

NAMESPACE = uuid.UUID("6f1f4c1e-48aa-4c43-9a3c-0f2f8a1f48aa")
SESSION = timedelta(hours=3)
LACKS_ACCOUNT = frozenset(
    {Persona.NO_ACCOUNT, Persona.VOIDED_WHILE_HELD, Persona.ERASED_WHILE_HELD, Persona.ERASED_FIRST}
)
ANSWER_SURVEYS = frozenset({Persona.ANSWERS_SURVEYS, Persona.SEMI_BANSOS})
BUYS_AFTER = {Persona.BUYS_LATE: timedelta(days=17)}
BLOCKED_AFTER = {Persona.BUYS_WHILE_BLOCKED: timedelta(days=1), Persona.BLOCKED_AFTERWARDS: timedelta(days=25)}
VOIDED_AFTER = {Persona.VOIDED_FIRST: timedelta(days=4)}
ERASED_AFTER = {Persona.ERASED_FIRST: timedelta(days=1)}
"""Times from admission, by persona; of all others see the functions below."""


class Sealer(Protocol):
    """Sealer of fields for a producer, named by the kid of its key."""

    def seal(self, claims: Mapping[str, object], kid: str | None = None) -> str: ...


@dataclass(frozen=True, slots=True)
class SimulatedEvent:
    """One event of an upstream system; `time` is when it happened, and its ce_time.

    `parked`: the reason each of its records must be parked for, or empty. `keeps_id`: so does each repeat of it.
    """

    topic: str
    source: str
    type: str
    key: str
    data: Mapping[str, object]
    time: datetime
    parked: str = ""
    keeps_id: bool = False

    @property
    def id(self) -> str:
        """Id of the event, the same however often it is sent."""
        number = self.data.get("sequence") or self.data.get("survey") or ""
        return uuid.uuid5(NAMESPACE, f"{self.type}/{self.key}/{self.time}/{number}").hex


def rupiah(value: int) -> dict[str, object]:
    return {"value": value, "currency": "IDR"}


def wave_opened(quota: int = 1_000_000, wave: str = WAVE) -> SimulatedEvent:
    data = {
        "wave": wave,
        "scheme": SCHEME_OF[wave],
        "quota": quota,
        "opens_at": write_time(OPENS_AT),
        "closes_at": write_time(CLOSES_AT),
    }
    return SimulatedEvent("programme.registry", "/programme", "salur.registry.wave_opened.v1", wave, data, OPENS_AT)


def courses_approved() -> Iterator[SimulatedEvent]:
    """Yield the approval of one course of each provider; other courses may be bought without one."""
    for provider in PROVIDERS:
        data = {
            "course_code": approved_course(provider),
            "version": 1,
            "provider_id": provider,
            "modes": list(MODES),
            "price_at_most": rupiah(APPROVED_PRICE),
            "hours": 18,
        }
        kind = "salur.registry.course_approved.v1"
        yield SimulatedEvent("programme.registry", "/programme", kind, approved_course(provider), data, OPENS_AT)


def approved_course(provider: str) -> str:
    return f"A-{provider}"


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


def funds_appropriated(component: str, amount: int, document: str, wave: str = WAVE) -> SimulatedEvent:
    at = OPENS_AT + timedelta(days=1)
    data = {
        "wave": wave,
        "component": component,
        "amount": rupiah(amount),
        "document": document,
        "appropriated_at": write_time(at),
    }
    return SimulatedEvent("treasury.funding", "/treasury", "salur.treasury.funds_appropriated.v1", wave, data, at)


def timeline(person: Person, keys: Sealer) -> Iterator[SimulatedEvent]:
    """Yield a person's timeline without further steps: first events, then cures."""
    yield from first_events(person, keys)
    yield from cures(person, keys)


def first_events(person: Person, keys: Sealer) -> Iterator[SimulatedEvent]:
    """Yield the events of a person's first step; of most people there is no other."""
    for act in steps_of(person.persona)[0]:
        yield from _events_of(act, person, keys)


def further_steps(person: Person, keys: Sealer) -> Iterator[list[SimulatedEvent]]:
    """Yield the events of each further step."""
    for step in steps_of(person.persona)[1:]:
        yield [event for act in step for event in _events_of(act, person, keys)]


def _events_of(act: Act, person: Person, keys: Sealer) -> Iterator[SimulatedEvent]:
    match act:
        case Act.APPLY:
            yield _admission(person, keys)
            if person.persona not in LACKS_ACCOUNT:
                yield _first_account(person, keys)
        case Act.BUY | Act.BUY_NEXT:
            yield _purchase(person.trainings[act is Act.BUY_NEXT])
        case Act.PROVE | Act.PROVE_NEXT | Act.PROVE_IN_PART | Act.PROVE_REST:
            yield from _proof(act, person)
        case Act.LINK_ANOTHER:
            yield _account(person, keys, person.second_account, person.nik, "verified", _corrected_at(person))
        case Act.ERASE:
            at = person.admitted_at + ERASED_AFTER.get(person.persona, timedelta(days=27))
            yield _request(person, "participant_erased", {"erased_at": write_time(at)}, at)
        case Act.BLOCK | Act.UNBLOCK:
            yield _block(act, person)
        case Act.VOID:
            yield _void(person)
        case Act.REVOKE:
            yield _revocation(person)


def _proof(act: Act, person: Person) -> Iterator[SimulatedEvent]:
    """Yield the evidence of an act."""
    for fact in _evidence(person.trainings[act is Act.PROVE_NEXT]):
        kind = fact.type.split(".")[2]
        match act:
            case Act.PROVE_IN_PART | Act.PROVE_REST:
                belongs = (kind == "post_test_taken") is (act is Act.PROVE_REST)
            case _:
                belongs = True
        if belongs:
            yield fact


def _request(person: Person, name: str, data: Mapping[str, object], at: datetime) -> SimulatedEvent:
    body = {"participant_id": person.participant_id, **data}
    kind = f"salur.registration.{name}.v1"
    return SimulatedEvent("enrollment.requests", "/registration", kind, person.participant_id, body, at)


def _block(act: Act, person: Person) -> SimulatedEvent:
    """Return a block, or the end of one."""
    if act is Act.BLOCK:
        at = person.admitted_at + BLOCKED_AFTER.get(person.persona, timedelta(days=3))
        return _request(person, "participant_blocked", {"reason": "ineligible", "blocked_at": write_time(at)}, at)
    at = person.admitted_at + timedelta(days=20)
    return _request(person, "participant_unblocked", {"reason": "eligible", "unblocked_at": write_time(at)}, at)


def _admission(person: Person, keys: Sealer) -> SimulatedEvent:
    stated = {"wave": person.wave, "regency": person.regency, "admitted_at": write_time(person.admitted_at)}
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
    at = _corrected_at(person)
    match person.persona:
        case Persona.VERIFIED_LATE:
            yield _account(person, keys, person.account, person.nik, "verified", at)
        case Persona.CLOSED_THEN_ANOTHER | Persona.SECOND_ACCOUNT:
            yield _account(person, keys, person.second_account, person.nik, "verified", at)


def _corrected_at(person: Person) -> datetime:
    return person.admitted_at + timedelta(days=25)


def _account(person: Person, keys: Sealer, number: str, nik: str, kyc: str, at: datetime) -> SimulatedEvent:
    stated = {"kyc": kyc, "linked_at": write_time(at)}
    claims = {"sub": person.participant_id, "nik": nik, "number": number, "partner": person.partner}
    sealed = keys.seal({**claims, **stated}, "registration")
    data = {"account": {"partner": person.partner, "sealed": sealed}, **stated}
    return _request(person, "account_linked", data, at)


def _purchase(person: Person) -> SimulatedEvent:
    at = bought_at(person)
    data = {
        "participant_id": person.participant_id,
        "redeem_code": person.redeem_code,
        "invoice_code": f"INV-2023-{person.number:06d}",
        "platform": person.platform,
        "provider_id": person.provider_id,
        "course_code": _course_code(person),
        "schedule_code": f"S-{person.number % 500:04d}-01",
        "mode": person.mode,
        "price": rupiah(person.price),
        "hours": 6 if person.persona is Persona.TOO_SHORT else 18,
        "class_size": 41 if person.persona is Persona.CLASS_TOO_LARGE else 30,
        "sessions": [
            {
                "sequence": number,
                "mode": _session_mode(person.mode, number),
                "starts_at": write_time(starts_at),
                "ends_at": write_time(starts_at + SESSION),
            }
            for number, starts_at in enumerate(_session_starts(person), 1)
        ],
        "purchased_at": write_time(at),
    }
    kind, source = "salur.platform.training_purchased.v1", f"/platforms/{person.platform}"
    return SimulatedEvent("training.purchases", source, kind, person.participant_id, data, at)


def bought_at(person: Person) -> datetime:
    return person.admitted_at + BUYS_AFTER.get(person.persona, timedelta(days=2))


def _session_starts(person: Person) -> list[datetime]:
    first = bought_at(person).replace(hour=2, minute=0, second=0, microsecond=0) + timedelta(days=3)
    return [first + timedelta(days=number) for number in range(1, person.sessions + 1)]


def last_session_ends_at(training: Person) -> datetime:
    return _session_starts(training)[-1] + SESSION


def rated_at(training: Person) -> datetime | None:
    """Return when the training is rated, which is after it was completed; None: never."""
    return None if training.persona is Persona.NEVER_RATES else last_session_ends_at(training) + timedelta(days=1)


def _course_code(person: Person) -> str:
    match person.persona:
        case Persona.COURSE_APPROVED | Persona.ABOVE_APPROVED:
            return approved_course(person.provider_id)
        case Persona.NOT_APPROVED:
            return approved_course(next(provider for provider in PROVIDERS if provider != person.provider_id))
        case _:
            return f"C-{person.number % 500:04d}"


def voided_at(person: Person) -> datetime:
    return person.admitted_at + VOIDED_AFTER.get(person.persona, timedelta(days=27))


def _void(person: Person) -> SimulatedEvent:
    at = voided_at(person)
    data = {
        "participant_id": person.participant_id,
        "redeem_code": person.redeem_code,
        "reason": "class_cancelled",
        "voided_at": write_time(at),
    }
    kind, source = "salur.platform.training_voided.v1", f"/platforms/{person.platform}"
    return SimulatedEvent("training.purchases", source, kind, person.participant_id, data, at)


def _revocation(person: Person) -> SimulatedEvent:
    """Return the end of the first test of TEST_REVOKED, and of the first attendance of everybody else."""
    kind = "post_test_taken" if person.persona is Persona.TEST_REVOKED else "session_attended"
    false = next(fact for fact in _evidence(person) if fact.type == f"salur.training.{kind}.v1")
    at = person.admitted_at + timedelta(days=26)
    data = {
        "participant_id": person.participant_id,
        "redeem_code": person.redeem_code,
        "evidence": {"source": false.source, "id": false.id},
        "reason": "face_fraud" if kind == "session_attended" else "test_repeated",
        "revoked_at": write_time(at),
    }
    revoked = "salur.training.evidence_revoked.v1"
    return SimulatedEvent(false.topic, false.source, revoked, person.participant_id, data, at)


def _session_mode(mode: str, number: int) -> str:
    return ("online", "offline")[number % 2] if mode == "hybrid" else mode


def _evidence(person: Person) -> Iterator[SimulatedEvent]:
    """Yield all evidence of a training; what is or may be revoked keeps its id, by which a revocation names it."""
    keeps_id = any(Act.REVOKE in step for step in steps_of(person.persona))
    for fact in (*_attendance(person), *_results(person), *_survey_answers(person)):
        yield replace(fact, keeps_id=keeps_id)


def _attendance(person: Person) -> Iterator[SimulatedEvent]:
    starts = _session_starts(person)
    early = person.persona is Persona.TOO_EARLY
    for number, starts_at in enumerate(starts[:-1] if person.persona is Persona.NEVER_FINISHES else starts, 1):
        at = starts_at + timedelta(minutes=-90 if early else 10)
        proof = "venue_qr" if _session_mode(person.mode, number) == "offline" else "face"
        source = "/attendance/venue" if proof == "venue_qr" else "/attendance/face"
        data = {"sequence": number, "proof": proof, "attended_at": write_time(at)}
        fact = _evidence_event(person, source, "session_attended", data, at)
        yield replace(fact, parked="out_of_window") if early else fact


def _results(person: Person) -> Iterator[SimulatedEvent]:
    """Yield tests, graded work, certificate and rating."""
    end = last_session_ends_at(person)
    platform, provider = f"/platforms/{person.platform}", f"/providers/{person.provider_id}"
    for hours, score in _tests(person):
        at = end + timedelta(hours=hours)
        yield _evidence_event(person, platform, "post_test_taken", _test(score, at), at)
    at = end + timedelta(hours=7)
    graded = {"score": 70, "passed": True, "provider_id": person.provider_id, "graded_at": write_time(at)}
    yield _evidence_event(person, provider, "work_graded", graded, at)
    at = end + timedelta(hours=9)
    issued = {"certificate_no": f"CERT-{person.number}", "provider_id": person.provider_id, "issued_at": write_time(at)}
    yield _evidence_event(person, provider, "certificate_issued", issued, at)
    if rated := rated_at(person):
        stars = {"stars": 1 + person.number % 5, "rated_at": write_time(rated)}
        yield _evidence_event(person, platform, "training_rated", stars, rated)


def _tests(person: Person) -> Sequence[tuple[int, int]]:
    """Return the tests as hours after the last session and scores; the scheme of the pandemic takes any score."""
    if person.persona in IN_SEMI_BANSOS:
        return ((5, 40),)
    first = {Persona.RETAKES_THE_TEST: 40, Persona.TEST_REVOKED: 80}.get(person.persona)
    return ((5, 85),) if first is None else ((1, first), (5, 85))


def _survey_answers(person: Person) -> Iterator[SimulatedEvent]:
    if person.persona not in ANSWER_SURVEYS:
        return
    at = last_session_ends_at(person) + timedelta(days=2)
    for survey in range(1, survey_times(person.wave) + 1):
        data = {"survey": survey, "answered_at": write_time(at)}
        yield _evidence_event(person, f"/platforms/{person.platform}", "survey_answered", data, at)


def _test(score: int, at: datetime) -> dict[str, object]:
    return {"score": score, "passed": score >= 60, "taken_at": write_time(at)}


def _evidence_event(person: Person, source: str, kind: str, data: Mapping[str, object], at: datetime) -> SimulatedEvent:
    body = {"participant_id": person.participant_id, "redeem_code": person.redeem_code, **data}
    topic = "training.attendance" if kind == "session_attended" else "training.evidence"
    return SimulatedEvent(topic, source, f"salur.training.{kind}.v1", person.participant_id, body, at)
