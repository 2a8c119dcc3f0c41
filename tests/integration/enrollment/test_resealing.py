"""What an upgrade finds under seals of before 1.0 is sealed again, and goes on."""

import json

from services.enrollment.app import context_of
from services.enrollment.handlers.resealing import seal_again
from services.enrollment.settings import EnrollmentSettings
from shared.contracts.sealed import kid_of
from shared.messaging.message import Record, pack, unpack
from shared.postgres.migrate import load
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
from tests.integration.enrollment.bench import Bench

NIK = a_nik()
OLD = 0


DIGESTS = next(migration for migration in load("shared.messaging") if migration.name == "identity_of_waiting")


async def fill_digests(bench: Bench) -> None:
    await bench.connection.execute(DIGESTS.statements)


async def run(bench: Bench) -> list[str]:
    return await seal_again(context_of(EnrollmentSettings(keys_folder=keys_folder())), bench.connection)


def as_before(event: Event) -> Event:
    """The same under a seal that holds only what seals held then."""
    if "identity" in event.data:
        claims = {"sub": event.data["participant_id"], "nik": NIK, "birth_date": "1996-04-12"}
        return event.but(identity=seal(claims))
    claims = {"sub": event.data["participant_id"], "number": "081200000001", "nik": NIK}
    return event.but(account={**event.data["account"], "sealed": seal(claims)})


async def make_old(bench: Bench, *events: Event, timestamp: int = OLD) -> None:
    """Let what waits be what waited before the upgrade: with the seals, and the Kafka time, of then."""
    rows = await bench.connection.fetch("select id, record from waiting order by id")
    assert len(rows) == len(events)
    for row, event in zip(rows, events, strict=True):
        record = unpack(row["record"])._replace(value=event.value, timestamp=timestamp)
        await bench.connection.execute(
            "update waiting set record = $2, digest = null where id = $1", row["id"], pack(record)
        )


async def test_what_waited_under_a_seal_of_before_is_taken_up(bench: Bench) -> None:
    person = a_participant_id()
    admission, account = an_admission(person, nik=NIK), an_account(person, nik=NIK)
    await bench.receive(admission, account)
    await make_old(bench, as_before(admission), as_before(account))
    assert await run(bench) == ["sealed again under enrollment-1: 2 records that wait"]
    assert await run(bench) == []
    await bench.receive(a_wave())
    await bench.sweep()
    assert bench.words() == ["participant_admitted", "account_linked"]
    assert [said["same_identity"] for said in bench.of("account_linked")] == [True]
    assert await bench.parked() == []


async def test_repeat_of_what_was_sealed_again_takes_no_second_place(bench: Bench) -> None:
    admission = an_admission(nik=NIK)
    await bench.receive(admission)
    await make_old(bench, old := as_before(admission))
    await fill_digests(bench)
    assert await run(bench) == ["sealed again under enrollment-1: 1 records that wait"]
    # It queues behind others that wait for their wave, where no seal is opened.
    await bench.receive(old)
    assert await bench.rows("waiting") == 1
    await bench.receive(a_wave())
    await bench.sweep()
    assert bench.words() == ["participant_admitted"]
    assert await bench.parked() == []


async def test_repeat_is_known_also_if_what_was_sealed_again_waited_for_its_lane_then(bench: Bench) -> None:
    admission = an_admission(nik=NIK)
    await bench.receive(admission)
    await make_old(bench, old := as_before(admission))
    await bench.connection.execute("update waiting set kind = 'lane', key = lane::text, owner = ''")
    await run(bench)
    record = unpack(await bench.connection.fetchval("delete from waiting returning record"))
    await bench.take_up(record)
    await bench.receive(old)
    assert await bench.rows("waiting") == 1


async def test_structured_record_that_waited_is_taken_up(bench: Bench) -> None:
    admission = an_admission(nik=NIK)
    await bench.receive(admission)
    await make_old(bench, as_before(admission))
    record = structured(unpack(await bench.connection.fetchval("select record from waiting")))
    await bench.connection.execute("update waiting set record = $1", pack(record))
    assert await run(bench) == ["sealed again under enrollment-1: 1 records that wait"]
    await bench.receive(a_wave())
    await bench.sweep()
    assert bench.words() == ["participant_admitted"]


def structured(record: Record) -> Record:
    named = {name.removeprefix("ce_"): (value or b"").decode() for name, value in record.headers}
    named.pop("content-type")
    event = {**named, "data": json.loads(record.value or b"")}
    headers = (("content-type", b"application/cloudevents+json"),)
    return record._replace(value=json.dumps(event).encode(), headers=headers)


async def test_what_came_since_is_not_believed_under_a_seal_of_before(bench: Bench) -> None:
    """Set aside for a lane that stood still, for instance, where no seal is opened."""
    admission = an_admission(nik=NIK)
    await bench.receive(admission)
    await make_old(bench, as_before(admission), timestamp=2**42)
    assert await run(bench) == []
    await bench.receive(a_wave())
    await bench.sweep()
    assert bench.words() == []
    assert await bench.parked() == [("bad_seal", "/identity")]


async def test_kept_account_is_sealed_again_and_announced_when_its_day_comes(bench: Bench) -> None:
    person = a_participant_id()
    await bench.receive(a_wave(quota=1), a_wave("49"), an_admission())
    account = an_account(person, nik=NIK)
    await bench.receive(an_admission(person, nik=NIK), account)
    old = as_before(account).data["account"]["sealed"]
    await bench.connection.execute("update account set sealed = $1 where sealed is not null", old)
    assert await run(bench) == ["sealed again under enrollment-1: 1 accounts that are kept"]
    assert await run(bench) == []
    kept = await bench.connection.fetchval("select sealed from account where sealed is not null")
    assert (kid_of(kept), keys_of("enrollment").open(kept)["number"]) == ("enrollment-1", "081200000001")
    await bench.receive(an_admission(person, nik=NIK, wave="49"))
    assert [said["participant_id"] for said in bench.of("account_linked")] == [person]


async def test_kept_account_that_does_not_open_is_named_and_left(bench: Bench) -> None:
    person = a_participant_id()
    await bench.receive(a_wave(quota=1), an_admission())
    await bench.receive(an_admission(person, nik=NIK), an_account(person, nik=NIK))
    stolen = as_before(an_account(a_participant_id(), nik=NIK)).data["account"]["sealed"]
    await bench.connection.execute("update account set sealed = $1 where sealed is not null", stolen)
    assert await run(bench) == ["left as it is, since it does not open: 1 accounts that are kept"]
    assert await bench.connection.fetchval("select sealed from account where sealed is not null") == stolen
