"""Drawn journeys, as they happen and in drawn orders with repetitions: the same decisions and the same books.

It is the property of tests/model/test_rules.py through the real services, Kafka and Postgres, so what competes is left
out here too: each participant buys once. A schedule has a wave of its own, and so its books.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from random import Random
from time import monotonic, sleep
from typing import Any, NamedTuple

import asyncpg
import pytest

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider
from tests.acceptance.upstream import ATTENDANCE, FEE, Upstream

SEEDS = range(5)
SCHEDULES = ("as it happens", "shuffled", "shuffled again")
INCENTIVE = 600_000
SECONDS = 60.0
PARTNERS = ("bni", "gopay")
NUMBERS = count(701)
OUTCOMES = """
select e.redeem_code, e.state, c.state::text,
    (select coalesce(sum(d.amount), 0)::bigint from payment.disbursement d where d.redeem_code = e.redeem_code
        and d.state = 'settled' and not exists
            (select from payment.money_claim m where m.reference = d.reference and m.state <> 'withdrawn'))
from enrollment.enrollment e left join completion.enrollment c using (redeem_code)
"""
BOOKS = """
select wave, sum(case when debit like 'paid:%' then amount else 0 end
    - case when credit like 'paid:%' then amount else 0 end)::bigint
from payment.transfer group by wave
"""


class Outcome(NamedTuple):
    """States of a training in enrollment and completion, and the rupiah that were paid for it and are not claimed."""

    enrollment: str
    completion: str
    kept: int


@dataclass
class Recorder(Outsider):
    """An outsider that keeps its records instead of sending them."""

    records: list[Any] = field(default_factory=list)

    def _produce(self, *record: Any) -> None:
        self.records.append(record)


@pytest.fixture
def recorder(installation: Installation) -> Iterator[Recorder]:
    outside = Recorder(installation.kafka.bootstrap, installation.keys)
    yield outside
    outside.close()


def draw(upstream: Upstream, random: Random) -> tuple[str, Outcome]:
    """Report a drawn journey; return the redeem code of its training, and how that ends."""
    number = next(NUMBERS)
    person, code = f"4810000000000{number}", f"PRATDRAWN{number}"
    nik = f"3273015505950{number}"
    upstream.admit(person, nik)
    upstream.buy(person, code)
    upstream.link_account(person, nik, f"08{person[-10:]}")
    completes, rated = random.random() < 0.8, random.random() < 0.8
    attended = upstream.attend(person, code)
    if completes:
        upstream.prove(person, code, "post_test_taken", score=80, passed=True, taken_at="2023-03-01T02:00:00Z")
    upstream.prove(person, code, "work_graded", score=75, passed=True, provider_id="LP0001", graded_at=_at(2))
    if rated:
        upstream.prove(person, code, "training_rated", stars=5, rated_at=_at(3))
    if random.random() < 0.5:
        upstream.block(person, _at(4))
        upstream.unblock(person, _at(6))
    change = random.choice(("none", "none", "void", "revocation", "revocation of a spare"))
    if change == "revocation of a spare":
        # It differs in content: of identical events that come before their enrollment one is kept.
        upstream.attend(person, code, attended_at="2023-03-01T01:20:00Z")
    if change.startswith("revocation"):
        _revoke(upstream, person, code, attended)
    if change == "void":
        upstream.void(person, code)
        return code, Outcome("voided", "", 0)
    if change == "revocation" or not completes:
        return code, Outcome("confirmed", "", 0)
    return code, Outcome("confirmed", "completed", FEE + INCENTIVE * rated)


def _at(day: int) -> str:
    return f"2023-03-0{day}T03:00:00Z"


def _revoke(upstream: Upstream, person: str, code: str, record: str) -> None:
    about = {"participant_id": person, "redeem_code": code, "evidence": {"source": "/attendance/face", "id": record}}
    data = {**about, "reason": "face_fraud", "revoked_at": _at(8)}
    kind = "salur.training.evidence_revoked.v1"
    upstream.outside.send(ATTENDANCE, "/attendance/audit", kind, person, data)


def test_any_order_through_kafka_leads_to_the_same_decisions_and_books(
    installation: Installation, outsider: Outsider, recorder: Recorder
) -> None:
    expected: dict[str, Outcome] = {}
    paid: Counter[str] = Counter()
    for wave, schedule in enumerate(SCHEDULES, 71):
        Upstream(outsider, str(wave)).open_programme()
        recorder.records.clear()
        for seed in SEEDS:
            code, outcome = draw(Upstream(recorder, str(wave)), Random(seed))
            expected[code] = outcome
            paid[str(wave)] += outcome.kept
        _send(outsider, recorder.records, None if schedule == "as it happens" else Random(wave))
    answered = set[str]()
    until = monotonic() + SECONDS
    while not _agree(found := _outcomes(installation), expected) and monotonic() < until:
        _answer(outsider, answered)
        sleep(0.3)
    assert {code: one for code, one in found.items() if not _agrees(one, expected[code])} == {}
    assert len(set(paid.values())) == 1
    assert {wave: amount for wave, amount in _fetch(installation, BOOKS) if wave in paid} == paid


def _send(outsider: Outsider, records: list[Any], random: Random | None) -> None:
    """Send records as they happened, or shuffled, repeated and in batches that are read before the next one is sent."""
    if random is None:
        for record in records:
            outsider._produce(*record)
        return
    order = [record for record in records for _ in range(random.choice((1, 1, 2, 3)))]
    random.shuffle(order)
    cuts = sorted(random.sample(range(1, len(order)), 5))
    for start, end in pairwise([0, *cuts, len(order)]):
        for record in order[start:end]:
            outsider._produce(*record)
        sleep(0.3)


def _answer(outsider: Outsider, answered: set[str]) -> None:
    """Let partners report each new instruction as settled, twice."""
    for partner in PARTNERS:
        for record in outsider.read_on(f"disbursements.{partner}"):
            instruction = json.loads(record.value())
            reference = instruction["reference"]
            if "payee" not in instruction or reference in answered:
                continue
            answered.add(reference)
            report = {"reference": reference, "status": "settled", "amount": instruction["amount"], "reason": None}
            data = {**report, "partner_reference": f"P-{reference}", "reported_at": "2023-03-20T00:00:00Z"}
            topic, kind = f"disbursement-reports.{partner}", "salur.partner.disbursement_reported.v1"
            for _ in range(2):
                outsider.send(topic, f"/partners/{partner}", kind, reference, data, partition=record.partition())


def _agree(found: dict[str, Outcome], expected: dict[str, Outcome]) -> bool:
    return found.keys() >= expected.keys() and all(_agrees(found[code], one) for code, one in expected.items())


def _agrees(found: Outcome, expected: Outcome) -> bool:
    """Return True if an outcome is as expected; of what ended early it does not matter how far it had come."""
    return found == expected if expected.completion else (found.enrollment, found.kept) == (expected.enrollment, 0)


def _outcomes(installation: Installation) -> dict[str, Outcome]:
    return {code: Outcome(one, other or "", kept) for code, one, other, kept in _fetch(installation, OUTCOMES)}


def _fetch(installation: Installation, query: str) -> list[Any]:
    async def fetch() -> list[Any]:
        connection = await asyncpg.connect(installation.postgres_url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    return asyncio.run(fetch())
