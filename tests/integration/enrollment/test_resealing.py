"""Resealing of records and accounts that an upgrade finds under seals of before the migration `own_seals`."""

import json

from services.enrollment.app import context_of
from services.enrollment.handlers.resealing import reseal
from services.enrollment.settings import EnrollmentSettings
from shared.contracts.seals import kid_of
from shared.messaging.message import Record, pack, unpack
from shared.postgres.migrations import load_migrations
from tests.builders import (
    Event,
    a_nik,
    a_participant_id,
    a_wave,
    an_account,
    an_admission,
    keys_folder,
    keys_of,
    seal,
)
from tests.integration.enrollment.harness import EnrollmentHarness

NIK = a_nik()
OLD = 0


DIGESTS = next(
    migration for migration in load_migrations("shared.messaging") if migration.name == "identity_of_waiting"
)


async def fill_digests(harness: EnrollmentHarness) -> None:
    await harness.connection.execute(DIGESTS.statements)


async def run(harness: EnrollmentHarness) -> list[str]:
    return await reseal(context_of(EnrollmentSettings(keys_folder=keys_folder())), harness.connection)


def as_before(event: Event) -> Event:
    """Return the event under a seal with the claims of before the migration `own_seals`."""
    if "identity" in event.data:
        claims = {"sub": event.data["participant_id"], "nik": NIK, "birth_date": "1996-04-12"}
        return event.with_data(identity=seal(claims))
    claims = {"sub": event.data["participant_id"], "number": "081200000001", "nik": NIK}
    return event.with_data(account={**event.data["account"], "sealed": seal(claims)})


async def make_old(harness: EnrollmentHarness, *events: Event, timestamp: int = OLD) -> None:
    """Give the deferred records the seals and the Kafka time of before the upgrade."""
    rows = await harness.connection.fetch("select id, record from waiting order by id")
    assert len(rows) == len(events)
    for row, event in zip(rows, events, strict=True):
        record = unpack(row["record"])._replace(value=event.value, timestamp=timestamp)
        await harness.connection.execute(
            "update waiting set record = $2, digest = null where id = $1", row["id"], pack(record)
        )


async def test_records_deferred_under_an_old_seal_are_resealed_and_released(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    admission, account = an_admission(person, nik=NIK), an_account(person, nik=NIK)
    await harness.receive(admission, account)
    await make_old(harness, as_before(admission), as_before(account))
    assert await run(harness) == ["resealed under enrollment-1: 2 deferred records"]
    assert await run(harness) == []
    await harness.receive(a_wave())
    await harness.sweep()
    assert harness.event_names() == ["participant_admitted", "account_linked"]
    assert [data["same_identity"] for data in harness.data_of("account_linked")] == [True]
    assert await harness.parked() == []


async def test_repeat_of_a_resealed_record_is_not_deferred_twice(harness: EnrollmentHarness) -> None:
    admission = an_admission(nik=NIK)
    await harness.receive(admission)
    await make_old(harness, old := as_before(admission))
    await fill_digests(harness)
    assert await run(harness) == ["resealed under enrollment-1: 1 deferred records"]
    # Deferred for its wave like the first one; no seal is opened there.
    await harness.receive(old)
    assert await harness.rows("waiting") == 1
    await harness.receive(a_wave())
    await harness.sweep()
    assert harness.event_names() == ["participant_admitted"]
    assert await harness.parked() == []


async def test_repeat_of_a_record_resealed_while_its_lane_stopped_is_recognised(
    harness: EnrollmentHarness,
) -> None:
    admission = an_admission(nik=NIK)
    await harness.receive(admission)
    await make_old(harness, old := as_before(admission))
    await harness.connection.execute("update waiting set kind = 'lane', key = lane::text, owner = ''")
    await run(harness)
    record = unpack(await harness.connection.fetchval("delete from waiting returning record"))
    await harness.process_released(record)
    await harness.receive(old)
    assert await harness.rows("waiting") == 1


async def test_deferred_structured_record_is_resealed_and_released(harness: EnrollmentHarness) -> None:
    admission = an_admission(nik=NIK)
    await harness.receive(admission)
    await make_old(harness, as_before(admission))
    record = structured(unpack(await harness.connection.fetchval("select record from waiting")))
    await harness.connection.execute("update waiting set record = $1", pack(record))
    assert await run(harness) == ["resealed under enrollment-1: 1 deferred records"]
    await harness.receive(a_wave())
    await harness.sweep()
    assert harness.event_names() == ["participant_admitted"]


def structured(record: Record) -> Record:
    named = {name.removeprefix("ce_"): (value or b"").decode() for name, value in record.headers}
    named.pop("content-type")
    event = {**named, "data": json.loads(record.value or b"")}
    headers = (("content-type", b"application/cloudevents+json"),)
    return record._replace(value=json.dumps(event).encode(), headers=headers)


async def test_record_since_the_upgrade_with_an_old_seal_is_parked(harness: EnrollmentHarness) -> None:
    # It may have been deferred while its lane stood still, where no seal is opened.
    admission = an_admission(nik=NIK)
    await harness.receive(admission)
    await make_old(harness, as_before(admission), timestamp=2**42)
    assert await run(harness) == []
    await harness.receive(a_wave())
    await harness.sweep()
    assert harness.event_names() == []
    assert await harness.parked() == [("bad_seal", "/identity")]


async def test_kept_account_is_resealed_and_announced_on_admission(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(quota=1), a_wave("49"), an_admission())
    account = an_account(person, nik=NIK)
    await harness.receive(an_admission(person, nik=NIK), account)
    old = as_before(account).data["account"]["sealed"]
    await harness.connection.execute("update account set sealed = $1 where sealed is not null", old)
    assert await run(harness) == ["resealed under enrollment-1: 1 stored accounts"]
    assert await run(harness) == []
    kept = await harness.connection.fetchval("select sealed from account where sealed is not null")
    assert (kid_of(kept), keys_of("enrollment").open(kept)["number"]) == ("enrollment-1", "081200000001")
    await harness.receive(an_admission(person, nik=NIK, wave="49"))
    assert [data["participant_id"] for data in harness.data_of("account_linked")] == [person]


async def test_kept_account_that_does_not_open_is_reported_and_left(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(quota=1), an_admission())
    await harness.receive(an_admission(person, nik=NIK), an_account(person, nik=NIK))
    stolen = as_before(an_account(a_participant_id(), nik=NIK)).data["account"]["sealed"]
    await harness.connection.execute("update account set sealed = $1 where sealed is not null", stolen)
    assert await run(harness) == ["not resealed, since they do not open: 1 stored accounts"]
    assert await harness.connection.fetchval("select sealed from account where sealed is not null") == stolen
