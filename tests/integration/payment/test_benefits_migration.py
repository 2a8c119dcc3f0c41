"""Migration of benefits that were stored by position: they are read as the same benefits."""

import json
from itertools import takewhile

from deploy.local.roles import owner_of
from services.payment.domain.entitlement import COMPLETED, RATED, Entitlement, Payee
from services.payment.store.enrollments import load_enrollments
from shared.postgres.migrations import migrate, migrations_of
from shared.postgres.session import connect
from tests.infrastructure import Database

BY_POSITION = [
    ["fee", 1_000_000, "provider", "completed", False],
    ["incentive_1", 600_001, "participant", "rated", True],
]
FEE = Entitlement("fee", 1_000_000, Payee.PROVIDER, COMPLETED, first_training_only=False)
INCENTIVE = Entitlement("incentive_1", 600_001, Payee.PARTICIPANT, RATED, first_training_only=True)


async def test_benefits_stored_by_position_are_read_by_name_after_the_upgrade(empty_database: Database) -> None:
    url = empty_database.url_of(owner_of("payment"))
    await migrate(url, list(takewhile(lambda one: one.name != "benefits_by_name", migrations_of("services.payment"))))
    connection = await connect(url, "then")
    insert = "insert into enrollment (redeem_code, participant_id, lane, wave, provider_id, benefits)"
    for code, benefits in (("PRAT00000001", BY_POSITION), ("PRAT00000002", [])):
        await connection.execute(f"{insert} values ($1, 'P1', 5, '48', 'LP0001', $2)", code, json.dumps(benefits))
    await connection.close()

    await migrate(url, migrations_of("services.payment"))

    connection = await connect(url, "now")
    found = await load_enrollments(connection, ["P1"])
    await connection.close()
    assert {code: tuple(of.entitlements) for code, of in found.items()} == {
        "PRAT00000001": (FEE, INCENTIVE),
        "PRAT00000002": (),
    }
