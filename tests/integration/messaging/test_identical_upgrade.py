"""Records deferred before identities were stored: the migration gives them the identity of the original."""

from shared.messaging.message import Record, pack, unpack
from shared.postgres.migrations import load_migrations
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player

IDENTITIES = next(
    migration for migration in load_migrations("shared.messaging") if migration.name == "identity_of_waiting"
)
INSERT = (
    'insert into waiting (lane, kind, key, owner, topic, partition, "offset", since, record)'
    " values (0, $1, '', $2, 't', 0, 0, now(), $3) returning id"
)
ODD = (
    Record("t", 0, 0, 0, None, b'{"a":1}', (("ce_type", b"one"), ("ce_id", b"1"))),
    Record("t", 0, 1, 0, None, b"\0\xff", (("\0\ud800\"'\\", b"\xff"), ("ce_type", None), ("ce_type", b"two"))),
    Record("t", 0, 2, 0, b"k", b"", (('["ce_type","eA=="]', b"1"), ("ce_type", b"three"), ("ce_type", b"four"))),
    Record("t", 0, 3, 0, None, b'{"type":"structured"}', ()),
)


async def test_migrated_identity_is_that_of_a_repeat(world: ToyWorld) -> None:
    league = world.league.service
    for record in ODD:
        await world.fetch(league, INSERT, "player", str(record.offset), pack(record))
    await world.fetch(league, INSERT, "replay", "9", pack(ODD[0]))
    await world.connection(league).execute(IDENTITIES.statements)
    rows = await world.fetch(league, "select kind, record, digest from waiting order by id")
    assert [row["digest"] for row in rows] == [*(unpack(row["record"]).identity() for row in rows[:-1]), None]


async def test_repeat_of_a_record_deferred_before_the_upgrade_is_dropped(world: ToyWorld) -> None:
    league = world.league.service
    async with world.running(league):
        await world.send(a_goal("ana", "g1"), a_goal("ana", "g2"), a_goal("bea", "g3"))
        await world.until_count(league, "waiting", 3)
        await world.fetch(league, "update waiting set digest = null")
        await world.send(a_goal("ana", "g2"))
        await world.until_count(league, "waiting", 4)
        await world.fetch(league, "update waiting set digest = null")
        await world.connection(league).execute(IDENTITIES.statements)
        await world.send(a_goal("ana", "g1"), a_goal("ana", "g2"), a_goal("bea", "g3"))
        await world.until_read(league, 7)
        await world.until_count(league, "waiting", 4)
        await world.send(a_player("ana"), a_player("bea"))
        await world.until_count(league, "goal", 3)
        await world.until_count(league, "waiting", 0)
