"""A planted NIK, name, account and birth date: in the clear nowhere, and after an erasure not to be opened at all."""

import asyncio
import re
import time
from base64 import b64decode
from collections.abc import Iterator

import asyncpg
import httpx
from confluent_kafka import Consumer, TopicPartition

from deploy.local.installation import Installation
from shared.contracts.park_reasons import Parked
from shared.contracts.seals import KeyRing, expand
from tests.acceptance.journey import Journey, open_wave, register_provider
from tests.acceptance.outsider import Outsider
from tests.timeouts import DEADLINE_SECONDS

PERSON, CODE = "4810000000000025", "PRATPRIVATE1"
NIK = "3273015505950077"
NUMBER = "089900770077"
NAME = "Siti Rahayu Kartikasari"
BIRTH_DATE = "1995-05-15"
SECRETS = (NIK, NUMBER, NAME, BIRTH_DATE)
# Upstream itself shows secrets there, in a record that is parked.
FAULTY = ("enrollment.requests", "training.evidence")
PAGES = (
    "/metrics",
    "/lanes",
    "/parked",
    "/health/live",
    "/health/ready",
    "/halts",
    "/funds",
    "/claims",
    f"/participants/{PERSON}",
    f"/participants/{PERSON}/explain",
)
# Whole tokens, and those that are kept with the key's name in place of their header.
TOKEN = re.compile(r"eyJ[\w-]+\.\.[\w-]{16}\.[\w-]*\.[\w-]{22}|\.[\w/-]{1,64}\.\.[\w-]{16}\.[\w-]*\.[\w-]{22}")
# Pages forget after their retention, as Kafka does; they are searched in the clear alone.
NOT_FOR_YEARS = ("page", "personal_key")


def test_planted_secrets_are_nowhere_in_the_clear(installation: Installation, outsider: Outsider) -> None:
    _plant(outsider)
    places = {
        **_topics(installation),
        **asyncio.run(_tables(installation)),
        **_logs(installation),
        **_http_responses(installation),
    }
    assert len(places) > 50
    # Postgres shows bytes as hexadecimal digits.
    needles = [needle for secret in SECRETS for needle in (secret.encode(), secret.encode().hex().encode())]
    found = [place for place, content in places.items() if any(needle in content for needle in needles)]
    assert found == []


def test_after_an_erasure_no_key_opens_anything(installation: Installation, outsider: Outsider) -> None:
    before = asyncio.run(_opened(installation))
    assert {"payment.account", "payment.attempt", "enrollment.parked", "completion.parked"} <= before
    data = {"participant_id": PERSON, "erased_at": "2023-03-19T00:00:00Z"}
    kind = "salur.registration.participant_erased.v1"
    outsider.send("enrollment.requests", "/registration", kind, PERSON, data)
    outsider.send("training.evidence", "/platforms/pintar", "salur.training.post_test_taken.v1", PERSON, _faulty(2))
    outsider.await_event(
        "enrollment.events",
        lambda type_, event: type_ == "salur.enrollment.participant_erased.v1" and event["participant_id"] == PERSON,
        "the participant is erased",
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (left := asyncio.run(_opened(installation))) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == set()
    assert installation.verify() == []


def _plant(outside: Outsider) -> None:
    """Pay a participant, and send records that show the same secrets and are parked."""
    register_provider(outside)
    open_wave(outside, "48", "normal-2023")
    journey = Journey(outside, PERSON, NIK, "48", CODE, NUMBER)
    journey.admit()
    journey.buy("online", 1_500_000, 18, ("online",))
    journey.prove("/attendance/face", "session_attended", sequence=1, proof="face", attended_at="2023-03-01T01:10:00Z")
    journey.prove("/platforms/pintar", "post_test_taken", score=80, passed=True, taken_at="2023-03-02T02:00:00Z")
    graded = {"provider_id": "LP0001", "graded_at": "2023-03-02T03:00:00Z"}
    journey.prove("/providers/LP0001", "work_graded", score=75, passed=True, **graded)
    journey.prove("/platforms/pintar", "training_rated", stars=5, rated_at="2023-03-04T02:00:00Z")
    journey.pay_cash("incentive_1", 600_000)
    # Faulty producers show secrets in a field and as the name of one: the records are parked, sealed.
    wrong = {"participant_id": PERSON, "number": NUMBER, "name": NAME, "birth_date": BIRTH_DATE, NIK: "x"}
    outside.send("enrollment.requests", "/registration", "salur.registration.account_linked.v1", PERSON, wrong)
    outside.send("training.evidence", "/platforms/pintar", "salur.training.post_test_taken.v1", PERSON, _faulty(1))
    for service in ("enrollment", "completion"):
        outside.await_event(
            f"dead-letters.{service}", lambda _, data: data["reason"] == "invalid_field", f"{service} has parked it"
        )


def _faulty(number: int) -> dict[str, object]:
    shown = {"name": NAME, "nik": NIK, "birth_date": BIRTH_DATE, "number": NUMBER}
    return {"participant_id": PERSON, "redeem_code": CODE, "score": number, **shown}


async def _opened(installation: Installation) -> set[str]:
    """Return the tables in which a token opens to a secret, with all keys and all that the databases hold."""
    rings = [KeyRing.load(path) for path in sorted(installation.keys.glob("*.jwks.json"))]
    connection = await asyncpg.connect(installation.postgres_url)
    found = set()
    for schema in ("enrollment", "completion", "payment"):
        rows = await connection.fetch(f'select secret from "{schema}".personal_key where secret is not null')
        secrets = [None, *(row["secret"] for row in rows)]
        tables = await connection.fetch("select tablename from pg_tables where schemaname = $1", schema)
        for (table,) in tables:
            if table in NOT_FOR_YEARS:
                continue
            content = await connection.fetch(f'select t::text from "{schema}"."{table}" t')
            tokens = {token for row in content for token in TOKEN.findall(row[0])}
            texts = (text for token in tokens for text in _plaintexts(rings, expand(token), secrets))
            if any(secret.encode() in text for text in texts for secret in SECRETS):
                found.add(f"{schema}.{table}")
    await connection.close()
    return found


def _plaintexts(rings: list[KeyRing], token: str, secrets: list[bytes | None]) -> Iterator[bytes]:
    for ring in rings:
        for secret in secrets:
            try:
                opened = ring.open_bytes(token, secret=secret)
            except Parked:
                continue
            # The value of a packed record is base64.
            yield opened
            for part in re.findall(rb'"value":"([^"]*)"', opened):
                yield b64decode(part)


def _topics(installation: Installation) -> dict[str, bytes]:
    """Read every record but those of the topics on which upstream itself sent secrets in the clear."""
    consumer = Consumer({"bootstrap.servers": installation.kafka.bootstrap, "group.id": "privacy"})
    written: dict[str, bytes] = {}
    for topic, metadata in consumer.list_topics(timeout=10).topics.items():
        if topic.startswith("__") or topic in FAULTY:
            continue
        places = [TopicPartition(topic, partition, 0) for partition in metadata.partitions]
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=10)[1] for place in places}
        consumer.assign([place for place in places if ends[place.partition]])
        wanted, content = sum(ends.values()), b""
        while wanted > 0:
            records = [record for record in consumer.consume(min(wanted, 500), 1.0) if record.error() is None]
            wanted -= len(records)
            content += b"".join((r.value() or b"") + (r.key() or b"") + repr(r.headers()).encode() for r in records)
        written[f"topic {topic}"] = content
    consumer.close()
    return written


async def _tables(installation: Installation) -> dict[str, bytes]:
    connection = await asyncpg.connect(installation.postgres_url)
    tables = await connection.fetch(
        "select schemaname, tablename from pg_tables where schemaname in ('enrollment', 'completion', 'payment')"
    )
    rows = {}
    for schema, table in tables:
        content = await connection.fetch(f'select t::text from "{schema}"."{table}" t')
        rows[f"table {schema}.{table}"] = "\n".join(row[0] for row in content).encode()
    await connection.close()
    return rows


def _logs(installation: Installation) -> dict[str, bytes]:
    return {f"log {path.name}": path.read_bytes() for path in (installation.folder / "log").iterdir()}


def _http_responses(installation: Installation) -> dict[str, bytes]:
    responses = {}
    for name, service in installation.services.items():
        for path in PAGES:
            responses[f"page {name}{path}"] = httpx.get(service.url + path).content
    return responses
