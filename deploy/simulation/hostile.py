"""Malformed and hostile records, each with the reason it must be parked for."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from deploy.simulation.delivery import OutgoingRecord, outgoing_record
from deploy.simulation.people import Person, Persona
from deploy.simulation.timeline import Sealer, SimulatedEvent, timeline

UNKNOWN_REDEEM_CODE = "ZZZZZZZZZZZZ"


class WrongKeySealer:
    """Sealer that seals every field under another producer's key."""

    def __init__(self, keys: Sealer) -> None:
        self._keys = keys

    def seal(self, claims: Mapping[str, object], kid: str | None = None) -> str:
        return self._keys.seal(claims, "registry" if kid == "registration" else "registration")


def hostile_records(cohort: Sequence[Person], keys: Sealer) -> Iterator[OutgoingRecord]:
    """Yield records for every reason that upstream topics alone can provoke.

    Some contradict the ordinary records of the cohort, which must be processed before.
    """
    for reason, record in _hostile_by_reason(cohort, keys):
        yield record._replace(parked=reason)


def _hostile_by_reason(cohort: Sequence[Person], keys: Sealer) -> Iterator[tuple[str, OutgoingRecord]]:
    # Offline participants hand in no work.
    person = next(p for p in cohort if p.persona is Persona.ORDINARY and p.mode != "offline")
    other = next(p for p in cohort if p.persona is Persona.ORDINARY and p.provider_id != person.provider_id)
    events = list(timeline(person, keys))
    admission = outgoing_record(events[0], identity="hostile-admission")
    work = next(event for event in events if event.type.endswith("work_graded.v1"))
    linked = _account_event(events)
    account = cast("dict[str, str]", linked.data["account"])
    attended = next(event for event in events if event.type.endswith("session_attended.v1"))
    yield from _malformed_bytes(admission)
    yield "bad_seal", _with_changes(events[0], identity=next(iter(timeline(other, keys))).data["identity"])
    yield "bad_seal", _with_changes(events[0], regency="1101" if person.regency != "1101" else "1102")
    yield "bad_seal", _with_changes(linked, account={**account, "partner": "bni" if person.partner != "bni" else "bca"})
    yield (
        "bad_seal",
        outgoing_record(_account_event(timeline(person, WrongKeySealer(keys))), identity="hostile-wrong-key"),
    )
    yield "conflict", _with_changes(events[0], dwelling="town" if person.dwelling == "village" else "village")
    yield "not_yours", _with_changes(work, provider_id=other.provider_id)
    yield "not_yours", _with_changes(work, redeem_code=other.redeem_code)
    yield "not_yours", outgoing_record(replace(attended, source="/providers/self"), identity="hostile-self")
    yield "out_of_window", _with_changes(attended, attended_at="2023-02-18T00:00:00Z")
    yield "out_of_window", _with_changes(work, graded_at="2098-01-01T00:00:00Z")
    yield "wait_expired", _with_changes(work, redeem_code=UNKNOWN_REDEEM_CODE)


def _account_event(events: Iterable[SimulatedEvent]) -> SimulatedEvent:
    return next(event for event in events if event.type.endswith("account_linked.v1"))


def _malformed_bytes(valid: OutgoingRecord) -> Iterator[tuple[str, OutgoingRecord]]:
    """Yield records that must be parked before any field is read."""
    value = valid.value or b""
    yield "too_large", valid._replace(value=b'{"padding":"' + b"x" * 300_000 + b'"}')
    yield "null_value", valid._replace(value=None)
    yield "bad_envelope", valid._replace(headers=tuple(h for h in valid.headers if h[0] != "ce_id"))
    yield (
        "bad_envelope",
        valid._replace(headers=tuple((n, b"\xff" if n == "ce_source" else v) for n, v in valid.headers)),
    )
    yield (
        "unknown_type",
        valid._replace(headers=tuple((n, v + b"9" if n == "ce_type" else v) for n, v in valid.headers)),
    )
    yield "too_deep", valid._replace(value=b'{"a":' * 20 + b"1" + b"}" * 20)
    yield "invalid_json", valid._replace(value=value[:-1])
    yield "invalid_json", valid._replace(value=b"\xff\xfe")
    yield "duplicate_key", valid._replace(value=value[:-1] + b',"wave":"48"}')
    yield "invalid_field", valid._replace(value=json.dumps({**json.loads(value), "disability": "no"}).encode())
    yield "invalid_field", valid._replace(value=json.dumps({**json.loads(value), "extra": 1}).encode())


def _with_changes(event: SimulatedEvent, **fields: object) -> OutgoingRecord:
    identity = f"hostile-{event.type}-{'-'.join(f'{name}-{value}'[:24] for name, value in fields.items())}"
    return outgoing_record(replace(event, data={**event.data, **fields}), identity=identity)
