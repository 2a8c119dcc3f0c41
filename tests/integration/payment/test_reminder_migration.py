"""Migration to status checks by partner: disbursements at partners are still asked about."""

from datetime import timedelta

from asyncpg import Connection

from deploy.local.roles import owner_of
from shared.postgres.migrations import Migration, migrate, migrations_of
from shared.postgres.session import connect
from tests.builders import LATER
from tests.infrastructure import Database

PARTNERS = ("gopay", "bni")
UNDER_WAY = 250


async def test_migration_makes_status_checks_by_partner_from_open_attempts(empty_database: Database) -> None:
    url, migrations = empty_database.url_of(owner_of("payment")), migrations_of("services.payment")
    await migrate(url, [migration for migration in migrations if not _is_newer(migration)])
    connection = await connect(url, "before")
    for number in range(UNDER_WAY):
        await _told(connection, f"CODE{number:08}", PARTNERS[number % 2])
    await connection.execute("insert into reminder values ($1, 3, '{CODE00000000,CODE00000001}')", LATER)
    await connection.close()

    await migrate(url, migrations)
    connection = await connect(url, "after")
    rows = await connection.fetch("select look_at, lane, partner, redeem_codes from reminder")
    await connection.close()
    for partner, first in zip(PARTNERS, range(2), strict=True):
        codes = sorted(code for row in rows if row["partner"] == partner for code in row["redeem_codes"])
        assert codes == [f"CODE{number:08}" for number in range(first, UNDER_WAY, 2)]
    assert {(row["lane"], row["look_at"]) for row in rows} == {(3, LATER)}
    assert max(len(row["redeem_codes"]) for row in rows) == 100


def _is_newer(migration: Migration) -> bool:
    return migration.component == "payment" and migration.name != "payment"


async def _told(connection: Connection, code: str, partner: str) -> None:
    await connection.execute(
        "insert into disbursement (redeem_code, benefit, participant_id, lane, wave, component, payee, provider_id,"
        " partner, amount, due_at, state, attempt, reference, tried_version, changed_at, ask_at)"
        " values ($1, 'fee', '4810000000000017', 3, '48', 'training', 'provider', 'LP0001', $2, 1, $3, 'instructed',"
        " 1, $1, 1, $3, $4)",
        code,
        partner,
        LATER - timedelta(hours=1),
        LATER,
    )
