"""A planted NIK, name, account and birth date: in the clear nowhere, and after an erasure not to be opened at all."""

import asyncio
import re
import time
from base64 import b64decode
from collections.abc import Iterator

import asyncpg
import httpx
from confluent_kafka import Consumer, KafkaError, TopicPartition

from deploy.local.installation import Installation
from shared.contracts.park_reasons import Parked
from shared.contracts.seals import KeyRing, expand
from tests.acceptance.conftest import bearer
from tests.acceptance.journey import Journey
from tests.acceptance.outsider import Outsider
from tests.acceptance.upstream import Upstream
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
    "/waiting",
    "/health/live",
    "/health/ready",
    "/halts",
    "/held",
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
    upstream = Upstream(outsider, "48")
    upstream.erase(PERSON)
    outsider.send("training.evidence", "/platforms/pintar", "salur.training.post_test_taken.v1", PERSON, _faulty(2))
    upstream.await_decision("participant_erased", participant_id=PERSON)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (left := asyncio.run(_opened(installation))) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == set()


def _plant(outside: Outsider) -> None:
    """Pay a participant, and send records that show the same secrets and are parked."""
    upstream = Upstream(outside, "48")
    upstream.open_programme()
    journey = Journey(upstream, PERSON, NIK, CODE, NUMBER)
    journey.admit()
    journey.buy()
    journey.complete()
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
    settings = {"bootstrap.servers": installation.kafka.bootstrap, "group.id": "privacy", "enable.partition.eof": True}
    consumer = Consumer(settings)
    partitions = {
        name: topic.partitions
        for name, topic in consumer.list_topics(timeout=10).topics.items()
        if not name.startswith("__") and name not in FAULTY
    }
    # All at once, since each assignment costs a second.
    places = [TopicPartition(name, number, 0) for name, numbers in partitions.items() for number in numbers]
    consumer.assign(places)
    written, ended = {f"topic {name}": bytearray() for name in partitions}, 0
    deadline = time.monotonic() + DEADLINE_SECONDS
    while ended < len(places):
        assert time.monotonic() < deadline, f"{len(places) - ended} partitions have no end"
        for record in consumer.consume(1000, 0.5):
            if (error := record.error()) is None:
                parts = (record.value() or b"", record.key() or b"", repr(record.headers()).encode())
                written[f"topic {record.topic()}"] += b"".join(parts)
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended += 1
    consumer.close()
    return {place: bytes(content) for place, content in written.items()}


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
    with httpx.Client(headers=bearer(installation)) as client:
        return {
            f"page {name}{path}": client.get(service.url + path).content
            for name, service in installation.services.items()
            for path in PAGES
        }
