"""Load for benchmarks: whole journeys in the right lanes, sealed, with nothing to park."""

from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer

from deploy.simulation.load import journeys, prepare
from deploy.simulation.people import Persona
from deploy.simulation.seals import Seals
from shared.contracts.topics import (
    ENROLLMENT_REQUESTS,
    TRAINING_ATTENDANCE,
    TRAINING_EVIDENCE,
    TRAINING_PURCHASES,
    lane_of,
)

RECORDS = {ENROLLMENT_REQUESTS: 2, TRAINING_PURCHASES: 1, TRAINING_ATTENDANCE: 1, TRAINING_EVIDENCE: 3}
KEYS = Seals({kid: bytes(32) for kid in ("registration", "registry")})


async def test_journey_is_three_requests_and_four_pieces_of_evidence() -> None:
    people = journeys(7, 500)
    assert {(person.persona, person.mode, person.sessions) for person in people} == {(Persona.ORDINARY, "online", 1)}
    # It is never started: nothing is sent here.
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", max_batch_size=1 << 20)
    portions = list(prepare(producer, KEYS, people, portion=200))
    assert [len(portion.people) for portion in portions] == [200, 200, 100]
    records: Counter[str] = Counter()
    for portion in portions:
        lanes = Counter(lane_of(person.participant_id) for person in portion.people)
        for (topic, partition), batches in [*portion.requests.items(), *portion.evidence.items()]:
            count = sum(batch.record_count() for batch in batches)
            assert count == lanes[partition] * RECORDS[topic]
            records[topic] += count
    assert records == {topic: 500 * count for topic, count in RECORDS.items()}


@pytest.mark.parametrize("of", ["participant_id", "nik", "account", "redeem_code"])
def test_people_of_later_runs_share_no_identifier(of: str) -> None:
    people = [person for run in range(3) for person in journeys(7, 500, first_number=run * 10_000)]
    assert len({getattr(person, of) for person in people}) == len(people)
