"""A planted NIK and account number, searched for in topics, tables, logs and HTTP responses."""

import asyncio

import asyncpg
import httpx
from confluent_kafka import Consumer, TopicPartition

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider

PERSON = "4810000000000025"
NIK = "3273014505950077"
NUMBER = "089900770077"
SECRETS = (NIK, NUMBER)


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


def _plant(outside: Outsider) -> None:
    """Send an admission and an account, and a record that shows the same secrets and is parked."""
    wave = {
        "wave": "48",
        "scheme": "normal-2023",
        "quota": 10,
        "opens_at": "2023-02-17T12:00:00Z",
        "closes_at": "2023-02-20T12:00:00Z",
    }
    outside.send("programme.registry", "/programme", "salur.registry.wave_opened.v1", "48", wave)
    entry = {"wave": "48", "regency": "3273", "admitted_at": "2023-02-21T03:00:00Z"}
    identity = {"sub": PERSON, "nik": NIK, "birth_date": "1995-05-05", **entry}
    admission = {
        "participant_id": PERSON,
        **entry,
        "identity": outside.seal("programme", "registration", identity),
        "gender": "female",
        "dwelling": "town",
        "disability": False,
    }
    link = {"kyc": "verified", "linked_at": "2023-02-22T03:00:00Z"}
    account = {"sub": PERSON, "nik": NIK, "number": NUMBER, "partner": "ovo", **link}
    sealed = outside.seal("programme", "registration", account)
    linked = {"participant_id": PERSON, "account": {"partner": "ovo", "sealed": sealed}, **link}
    kind = "salur.registration.participant_admitted.v1"
    outside.send("enrollment.requests", "/registration", kind, PERSON, admission)
    outside.send("enrollment.requests", "/registration", "salur.registration.account_linked.v1", PERSON, linked)
    # A faulty producer shows secrets in a field and as the name of one: the record is parked, sealed.
    wrong = {**linked, "number": NUMBER, NIK: "x"}
    outside.send("enrollment.requests", "/registration", "salur.registration.account_linked.v1", PERSON, wrong)
    outside.await_event(
        "enrollment.events",
        lambda type_, data: type_ == "salur.enrollment.account_linked.v1" and data["participant_id"] == PERSON,
        "the account is linked",
    )
    outside.await_event(
        "dead-letters.enrollment",
        lambda _, data: data["reason"] == "invalid_field" and data["topic"] == "enrollment.requests",
        "the open number is parked",
    )


def _topics(installation: Installation) -> dict[str, bytes]:
    """Read every record that Salur wrote; the faulty one that upstream sent in the clear is not among them."""
    consumer = Consumer({"bootstrap.servers": installation.kafka.bootstrap, "group.id": "privacy"})
    written: dict[str, bytes] = {}
    for topic, metadata in consumer.list_topics(timeout=10).topics.items():
        if topic.startswith("__") or topic == "enrollment.requests":
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
        for path in ("/metrics", "/lanes", "/parked", f"/participants/{PERSON}"):
            responses[f"page {name}{path}"] = httpx.get(service.url + path).content
    return responses
