"""Builders of valid upstream and partner events, each changeable by keyword: `an_admission(wave="49")`.

Everything is sealed with the keys of a temporary installation (`keys_folder()`). Times lie after `NOON` of the day on
which wave 48 opened, and before `LATER`.
"""

import atexit
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from deploy.local.keys import make_keys
from shared.contracts import partner, upstream
from shared.contracts.blind_index import BlindIndex
from shared.contracts.events import EventType
from shared.contracts.seals import KeyRing
from shared.contracts.topics import LANES, PARTNERS, SERVICES, lane_of
from shared.messaging.chain import ChainKey
from shared.messaging.message import Message, Record
from shared.messaging.sequence_number import identity_of, source_of
from shared.times import write_time

NOON = datetime(2023, 2, 17, 12, tzinfo=UTC)
ADMITTED_AT = NOON + timedelta(days=4)
LATER = NOON + timedelta(days=120)
BORN = date(1996, 4, 12)
PROVIDER = "LP0001"

_numbers = count(1)


@lru_cache
def keys_folder() -> Path:
    """Return a folder with all keys of an installation, made once per test run."""
    folder = Path(tempfile.mkdtemp(prefix="salur-keys-"))
    atexit.register(shutil.rmtree, folder)
    make_keys(folder, services=SERVICES, partners=PARTNERS)
    return folder


@lru_cache
def programme_keys() -> KeyRing:
    return KeyRing.load(keys_folder() / "programme.jwks.json")


@lru_cache
def keys_of(owner: str) -> KeyRing:
    """Return the key set of a service or partner, or `accounts`."""
    return KeyRing.load(keys_folder() / f"{owner}.jwks.json")


@lru_cache
def chain_key(service: str) -> ChainKey:
    """Return the key of a service's chains; the toy services use the names of real ones."""
    return ChainKey.load(keys_folder(), service)


@lru_cache
def identity_index() -> BlindIndex:
    return BlindIndex.load(keys_folder() / "identity-index.key")


@dataclass(frozen=True)
class Event:
    """An event from outside; `data` is as in its JSON."""

    type: EventType[Any]
    data: Mapping[str, Any]
    source: str
    key: str
    id: str
    time: datetime = LATER
    trace: str | None = None

    def with_data(self, **changes: Any) -> "Event":
        """Return the event with changed data and a new id."""
        return replace(self, data={**self.data, **changes}, id=_id())

    def with_new_id(self) -> "Event":
        """Return the event as a repeat: the same content under a new id."""
        return replace(self, id=_id())

    def on_topic(self, topic: str) -> "Event":
        """Return the event on another topic."""
        return replace(self, type=replace(self.type, topic=topic))

    @property
    def value(self) -> bytes:
        return json.dumps(self.data, separators=(",", ":")).encode()

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        traced = [("traceparent", self.trace.encode())] if self.trace else []
        return [
            *traced,
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", self.type.name.encode()),
            ("ce_time", write_time(self.time).encode()),
            ("content-type", b"application/json"),
        ]

    @property
    def lane(self) -> int | None:
        """Lane of the event; None for a shared cause."""
        person = self.data.get("participant_id")
        return None if person is None else lane_of(person)

    def record(self, offset: int = 0) -> Record:
        """Return the event as a record from Kafka."""
        partition = (self.lane or 0) % LANES
        written = int(self.time.timestamp() * 1000)
        return Record(self.type.topic, partition, offset, written, self.key.encode(), self.value, tuple(self.headers))

    def message(self, offset: int = 0) -> Message[Any]:
        """Return the event as a handler's message; raise Parked if its data break the contract."""
        data = self.type.parse(self.value)
        return Message(
            self.record(offset), self.lane, self.source, self.id, self.type.name, self.time, self.trace, data
        )


def as_emitted(record: Record, service: str, sequence: int = 1, era: int = 1) -> Record:
    """Return the record as if one of Salur's services had published it, with source, number and matching id."""
    own = {
        "ce_id": identity_of(record.topic, record.partition, era, sequence),
        "ce_source": source_of(service),
        "ce_era": f"{era}.1",
        "ce_sequence": str(sequence),
    }
    others = tuple((name, value) for name, value in record.headers if name not in own)
    return record._replace(headers=others + tuple((name, value.encode()) for name, value in own.items()))


def a_participant_id() -> str:
    """Return a new participant id."""
    return f"481{next(_numbers):013}"


def a_redeem_code() -> str:
    """Return a new redeem code."""
    return f"PRAT{next(_numbers):08}"


def a_nik(birth_date: date = BORN, gender: str = "female", place: str = "3273") -> str:
    """Return a new, well-formed NIK."""
    day = birth_date.day + (40 if gender == "female" else 0)
    district = next(_numbers)
    return f"{place}{district // 10_000 % 100:02}{day:02}{birth_date:%m%y}{district % 10_000:04}"


def seal(claims: Mapping[str, object], kid: str = "registration") -> str:
    """Seal claims; the text differs each time."""
    return programme_keys().seal(claims, kid)


def a_wave(wave: str = "48", **changes: Any) -> Event:
    data = {
        "wave": wave,
        "scheme": "normal-2023",
        "quota": 10_000,
        "opens_at": write_time(NOON),
        "closes_at": write_time(NOON + timedelta(days=3)),
        **changes,
    }
    return _event(upstream.WAVE_OPENED, "/registry", wave, data)


def a_provider(provider_id: str = PROVIDER, *, number: str | None = None, **changes: Any) -> Event:
    data = {"provider_id": provider_id, "version": 1, "account": {"partner": "bni"}, **changes}
    if "sealed" not in data["account"]:
        stated = {"partner": data["account"]["partner"], "version": str(data["version"])}
        hidden = {"number": number or f"88{next(_numbers):010}", "name": "Lembaga Pelatihan"}
        sealed = seal({"sub": provider_id, **hidden, **stated}, "registry")
        data["account"] = {**data["account"], "sealed": sealed}
    return _event(upstream.PROVIDER_REGISTERED, "/registry", provider_id, data)


def a_course(course_code: str = "C-0815", **changes: Any) -> Event:
    """Approve the course that purchases buy by default, at up to 2,000,000 rupiah."""
    data = {
        "course_code": course_code,
        "version": 1,
        "provider_id": PROVIDER,
        "modes": ["hybrid", "online"],
        "price_at_most": {"value": 2_000_000, "currency": "IDR"},
        "hours": 18,
        **changes,
    }
    return _event(upstream.COURSE_APPROVED, "/registry", course_code, data)


def an_admission(
    participant_id: str | None = None,
    *,
    nik: str | None = None,
    birth_date: date = BORN,
    gender: str = "female",
    **changes: Any,
) -> Event:
    person = participant_id or a_participant_id()
    data = {
        "participant_id": person,
        "wave": "48",
        "gender": gender,
        "regency": "3273",
        "dwelling": "village",
        "disability": False,
        "admitted_at": write_time(ADMITTED_AT),
        **changes,
    }
    if "identity" not in data:
        hidden = {"nik": a_nik(birth_date, gender) if nik is None else nik, "birth_date": birth_date.isoformat()}
        stated = {name: data[name] for name in ("wave", "regency", "admitted_at")}
        data["identity"] = seal({"sub": person, **hidden, **stated})
    return _event(upstream.PARTICIPANT_ADMITTED, "/registration", person, data)


def an_account(
    participant_id: str, *, nik: str, number: str | None = None, partner: str = "gopay", **changes: Any
) -> Event:
    """Link an account of the person with this NIK."""
    data = {
        "participant_id": participant_id,
        "kyc": "verified",
        "linked_at": write_time(ADMITTED_AT + timedelta(hours=1)),
        **changes,
    }
    if "account" not in data:
        hidden = {"nik": nik, "number": number or f"0812{next(_numbers):08}"}
        stated = {"partner": partner, "kyc": data["kyc"], "linked_at": data["linked_at"]}
        data["account"] = {"partner": partner, "sealed": seal({"sub": participant_id, **hidden, **stated})}
    return _event(upstream.ACCOUNT_LINKED, "/registration", participant_id, data)


def a_block(participant_id: str, blocked_at: datetime, reason: str = "ineligible") -> Event:
    data = {"participant_id": participant_id, "reason": reason, "blocked_at": write_time(blocked_at)}
    return _event(upstream.PARTICIPANT_BLOCKED, "/registration", participant_id, data)


def an_unblock(participant_id: str, unblocked_at: datetime, reason: str = "eligible again") -> Event:
    data = {"participant_id": participant_id, "reason": reason, "unblocked_at": write_time(unblocked_at)}
    return _event(upstream.PARTICIPANT_UNBLOCKED, "/registration", participant_id, data)


def an_erasure(participant_id: str, erased_at: datetime) -> Event:
    data = {"participant_id": participant_id, "erased_at": write_time(erased_at)}
    return _event(upstream.PARTICIPANT_ERASED, "/registration", participant_id, data)


def a_purchase(
    participant_id: str,
    redeem_code: str | None = None,
    *,
    purchased_at: datetime | None = None,
    **changes: Any,
) -> Event:
    """Purchase a hybrid training of two sessions, one and two days after the purchase."""
    bought = purchased_at or ADMITTED_AT + timedelta(days=1)
    code = redeem_code or a_redeem_code()
    data = {
        "participant_id": participant_id,
        "redeem_code": code,
        "invoice_code": f"INV-{code}",
        "platform": "pintar",
        "provider_id": PROVIDER,
        "course_code": "C-0815",
        "schedule_code": "S-0815-03",
        "mode": "hybrid",
        "price": {"value": 1_500_000, "currency": "IDR"},
        "hours": 18,
        "class_size": 40,
        "sessions": sessions(bought + timedelta(days=1), "online", "offline"),
        "purchased_at": write_time(bought),
        **changes,
    }
    return _event(upstream.TRAINING_PURCHASED, "/platforms/pintar", participant_id, data)


def a_void(purchase: Event, voided_at: datetime, **changes: Any) -> Event:
    """Void a purchase."""
    data = {
        "participant_id": purchase.data["participant_id"],
        "redeem_code": purchase.data["redeem_code"],
        "reason": "class_cancelled",
        "voided_at": write_time(voided_at),
        **changes,
    }
    return _event(upstream.TRAINING_VOIDED, "/platforms/pintar", purchase.key, data)


def sessions(first_starts_at: datetime, *modes: str) -> Sequence[Mapping[str, Any]]:
    """Return one session of three hours a day, as in the data of a purchase."""
    starts = [first_starts_at + timedelta(days=day) for day in range(len(modes))]
    return [
        {
            "sequence": number,
            "mode": mode,
            "starts_at": write_time(start),
            "ends_at": write_time(start + timedelta(hours=3)),
        }
        for number, (mode, start) in enumerate(zip(modes, starts, strict=True), 1)
    ]


def an_attendance(
    participant_id: str, redeem_code: str, sequence: int, attended_at: datetime, proof: str = "face"
) -> Event:
    data = {"sequence": sequence, "proof": proof, "attended_at": write_time(attended_at)}
    return _evidence(upstream.SESSION_ATTENDED, "/attendance/face", participant_id, redeem_code, data)


def a_post_test(participant_id: str, redeem_code: str, taken_at: datetime, **changes: Any) -> Event:
    data = {"score": 80, "passed": True, "taken_at": write_time(taken_at), **changes}
    return _evidence(upstream.POST_TEST_TAKEN, "/lms/pintar", participant_id, redeem_code, data)


def a_grade(participant_id: str, redeem_code: str, graded_at: datetime, **changes: Any) -> Event:
    data = {
        "score": 75,
        "passed": True,
        "provider_id": PROVIDER,
        "graded_at": write_time(graded_at),
        **changes,
    }
    return _evidence(upstream.WORK_GRADED, "/providers/LP0001", participant_id, redeem_code, data)


def a_certificate(participant_id: str, redeem_code: str, issued_at: datetime, **changes: Any) -> Event:
    data = {
        "certificate_no": f"CERT/{redeem_code}",
        "provider_id": PROVIDER,
        "issued_at": write_time(issued_at),
        **changes,
    }
    return _evidence(upstream.CERTIFICATE_ISSUED, "/providers/LP0001", participant_id, redeem_code, data)


def a_rating(participant_id: str, redeem_code: str, rated_at: datetime, stars: int = 5) -> Event:
    data = {"stars": stars, "rated_at": write_time(rated_at)}
    return _evidence(upstream.TRAINING_RATED, "/dashboard", participant_id, redeem_code, data)


def funds(wave: str = "48", component: str = "training", rupiah: int = 10**11, **changes: Any) -> Event:
    data = {
        "wave": wave,
        "component": component,
        "amount": {"value": rupiah, "currency": "IDR"},
        "document": f"SP2D-23-{next(_numbers):04}",
        "appropriated_at": write_time(NOON - timedelta(days=1)),
        **changes,
    }
    return _event(upstream.FUNDS_APPROPRIATED, "/treasury", wave, data)


def a_report(
    reference: str, status: str, rupiah: int, *, reported_at: datetime = LATER, reason: str | None = None
) -> Event:
    """Make a partner's report."""
    data = {
        "reference": reference,
        "status": status,
        "amount": {"value": rupiah, "currency": "IDR"},
        "reason": reason,
        "partner_reference": f"P-{next(_numbers)}",
        "reported_at": write_time(reported_at),
    }
    return _event(partner.DISBURSEMENT_REPORTED, "/partners/gopay", reference, data)


def _evidence(
    event: EventType[Any], source: str, participant_id: str, redeem_code: str, data: Mapping[str, Any]
) -> Event:
    about = {"participant_id": participant_id, "redeem_code": redeem_code}
    return _event(event, source, participant_id, {**about, **data})


def _event(event: EventType[Any], source: str, key: str, data: Mapping[str, Any]) -> Event:
    return Event(event, data, source, key, _id())


def _id() -> str:
    return f"event-{next(_numbers)}"
