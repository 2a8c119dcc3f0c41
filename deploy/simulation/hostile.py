"""Malformed and hostile records, each with the reason under which it must be parked."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from deploy.simulation.people import Fate, Person
from deploy.simulation.sending import Letter, letter
from deploy.simulation.story import Sealer, Sent, story

NOBODYS_CODE = "ZZZZZZZZZZZZ"


class WrongKey:
    """Seals as a producer would, all of it under the key of another."""

    def __init__(self, keys: Sealer) -> None:
        self._keys = keys

    def seal(self, claims: Mapping[str, object], kid: str | None = None) -> str:
        return self._keys.seal(claims, "registry" if kid == "registration" else "registration")


def hostile_records(cohort: Sequence[Person], keys: Sealer) -> Iterator[Letter]:
    """At least one of each reason that can be provoked with upstream's topics alone.

    What they contradict must have been understood before they come.
    """
    for reason, record in _hostile(cohort, keys):
        yield record._replace(parked=reason)


def _hostile(cohort: Sequence[Person], keys: Sealer) -> Iterator[tuple[str, Letter]]:
    # Whoever learns offline hands in no work.
    person = next(p for p in cohort if p.fate is Fate.ORDINARY and p.mode != "offline")
    other = next(p for p in cohort if p.fate is Fate.ORDINARY and p.provider_id != person.provider_id)
    events = list(story(person, keys))
    admission = letter(events[0], identity="hostile-admission")
    work = next(event for event in events if event.type.endswith("work_graded.v1"))
    linked = _linked(events)
    account = cast("dict[str, str]", linked.data["account"])
    attended = next(event for event in events if event.type.endswith("session_attended.v1"))
    yield from _bytes(admission)
    yield "bad_seal", _changed(events[0], identity=next(iter(story(other, keys))).data["identity"])
    yield "bad_seal", _changed(events[0], regency="1101" if person.regency != "1101" else "1102")
    yield "bad_seal", _changed(linked, account={**account, "partner": "bni" if person.partner != "bni" else "bca"})
    yield "bad_seal", letter(_linked(story(person, WrongKey(keys))), identity="hostile-wrong-key")
    yield "conflict", _changed(events[0], dwelling="town" if person.dwelling == "village" else "village")
    yield "not_yours", _changed(work, provider_id=other.provider_id)
    yield "not_yours", _changed(work, redeem_code=other.redeem_code)
    yield "not_yours", letter(replace(attended, source="/providers/self"), identity="hostile-self")
    yield "out_of_window", _changed(attended, attended_at="2023-02-18T00:00:00Z")
    yield "out_of_window", _changed(work, graded_at="2098-01-01T00:00:00Z")
    yield "wait_expired", _changed(work, redeem_code=NOBODYS_CODE)


def _linked(events: Iterable[Sent]) -> Sent:
    return next(event for event in events if event.type.endswith("account_linked.v1"))


def _bytes(fine: Letter) -> Iterator[tuple[str, Letter]]:
    """What is wrong before anybody reads a field."""
    value = fine.value or b""
    yield "too_large", fine._replace(value=b'{"padding":"' + b"x" * 300_000 + b'"}')
    yield "null_value", fine._replace(value=None)
    yield "bad_envelope", fine._replace(headers=tuple(h for h in fine.headers if h[0] != "ce_id"))
    yield "bad_envelope", fine._replace(headers=tuple((n, b"\xff" if n == "ce_source" else v) for n, v in fine.headers))
    yield "unknown_type", fine._replace(headers=tuple((n, v + b"9" if n == "ce_type" else v) for n, v in fine.headers))
    yield "too_deep", fine._replace(value=b'{"a":' * 20 + b"1" + b"}" * 20)
    yield "invalid_json", fine._replace(value=value[:-1])
    yield "invalid_json", fine._replace(value=b"\xff\xfe")
    yield "duplicate_key", fine._replace(value=value[:-1] + b',"wave":"48"}')
    yield "invalid_field", fine._replace(value=json.dumps({**json.loads(value), "disability": "no"}).encode())
    yield "invalid_field", fine._replace(value=json.dumps({**json.loads(value), "extra": 1}).encode())


def _changed(event: Sent, **fields: object) -> Letter:
    identity = f"hostile-{event.type}-{'-'.join(f'{name}-{value}'[:24] for name, value in fields.items())}"
    return letter(replace(event, data={**event.data, **fields}), identity=identity)
