"""Seals of ledgers: the head of each bears one that Postgres alone cannot make."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.roles import owner_of
from services.payment.domain.ledger import TREASURY_LEDGER
from services.payment.handlers.halts import halt, resume
from services.payment.store.ledger import ALL_LEDGERS, LEDGER_CHAINS, load_ledger_heads
from shared.contracts.topics import lane_of
from shared.messaging.chain import BrokenChain
from shared.messaging.operation_log import OPERATIONS
from shared.postgres.migrations import Migration, migrate, migrations_of
from shared.postgres.session import connect
from shared.runtime.data_identity import IdentityMismatch
from tests.builders import funds
from tests.infrastructure import Database, sealing_of
from tests.integration.payment.facts import PARTICIPANT, journey
from tests.integration.payment.forgery import rewrite_ledger
from tests.integration.payment.harness import PaymentHarness, create_harness

LANE = lane_of(PARTICIPANT)
FORGED = f"book {LANE}: the end at 2 has a seal that is not ours"
BARE = f"book {LANE}: the end at 2 has no seal"


@pytest.fixture
async def paid(database: Database) -> AsyncIterator[PaymentHarness]:
    """Pay a fee; after that the test has the whole database."""
    harness = await create_harness(database)
    await harness.prepare()
    await harness.receive(*journey()[:3])
    yield harness
    await harness.connection.close()


async def ends(harness: PaymentHarness) -> set[str]:
    """Return the breaches of the heads of chains, and no others."""
    return {breach for breach in await harness.breaches() if "the end" in breach or "hash chain" in breach}


async def test_every_ledger_is_sealed_from_the_beginning(harness: PaymentHarness) -> None:
    assert set(await load_ledger_heads(harness.connection)) == set(ALL_LEDGERS)
    assert await harness.breaches() == []


async def test_ledger_rewritten_as_a_whole_is_found(paid: PaymentHarness) -> None:
    assert await paid.breaches() == []
    await rewrite_ledger(paid.connection, LANE, 1)
    assert await ends(paid) == {FORGED}


async def test_rewritten_ledger_is_neither_continued_nor_sealed(paid: PaymentHarness) -> None:
    await rewrite_ledger(paid.connection, LANE, 1)
    reference = paid.instructions_for("fee")[0].reference
    with pytest.raises(BrokenChain, match="seal that is not ours"):
        await paid.report(reference, "settled")
    assert await ends(paid) == {FORGED}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("update book set seal = null where lane = $1", BARE),
        ("update book set seal = '' where lane = $1", FORGED),
        ("update book b set seal = o.seal from book o where b.lane = $1 and o.lane = -1", FORGED),
        ("delete from book where lane = $1", f"book {LANE}: the end at 0 has no seal"),
    ],
)
async def test_blank_copied_or_missing_seal_is_found_and_stops_posting(
    paid: PaymentHarness, change: str, wrong: str
) -> None:
    await paid.connection.execute(change, LANE)
    assert wrong in await paid.breaches()
    with pytest.raises(BrokenChain, match=f"book {LANE}"):
        await paid.report(paid.instructions_for("fee")[0].reference, "settled")


async def test_ledger_cut_short_is_found(paid: PaymentHarness) -> None:
    """The last row goes, and the head goes back; the seal of that head is kept nowhere."""
    connection = paid.connection
    await connection.execute("alter table transfer disable trigger user; delete from transfer where number = 2")
    first = "select hash from transfer where (lane, number) = ($1, 1)"
    await connection.execute(f"update book set number = 1, hash = ({first}) where lane = $1", LANE)
    assert f"book {LANE}: the end at 1 has a seal that is not ours" in await ends(paid)


async def test_treasurys_ledger_is_sealed_too(paid: PaymentHarness) -> None:
    await rewrite_ledger(paid.connection, TREASURY_LEDGER, 1)
    assert "book -1: the end at 2 has a seal that is not ours" in await ends(paid)
    with pytest.raises(BrokenChain):
        await paid.receive(funds("48", "training", rupiah=5, document="SP2D-9"))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("update operation_head set number = 0, hash = decode(repeat('00', 32), 'hex'), seal = null", "has no seal"),
        ("delete from operation_head", "has no seal"),
        ("update operation_head set hash = sha256('another')", "has a seal that is not ours"),
    ],
)
async def test_operations_log_without_one_halt_is_found_and_not_continued(
    paid: PaymentHarness, change: str, wrong: str
) -> None:
    await paid.operate(halt, "all")
    await paid.connection.execute("alter table operation disable trigger user; delete from operation")
    await paid.connection.execute(change)
    (found,) = await sealing_of("payment").breaches(paid.connection)
    assert found.startswith("operations: the end at")
    assert found.endswith(wrong)
    with pytest.raises(BrokenChain, match="operations: the end"):
        await paid.operate(resume, "all")


async def before_seals(database: Database) -> str:
    """Make an installation of the version before seals, with a ledger and an operation."""
    url = database.url_of(owner_of("payment"))
    await migrate(url, [m for m in migrations_of("services.payment") if not _makes_room(m) and not _after(m)])
    connection = await connect(url, "before")
    await connection.execute("insert into book values (3, 5, sha256('five'))")
    await connection.execute(
        "insert into operation values (1, now(), 'halt', 'ani', 'a call', '{}', sha256('none'), sha256('one'))"
    )
    await connection.close()
    return url


def _makes_room(migration: Migration) -> bool:
    return migration.name.startswith("sealed_")


def _after(migration: Migration) -> bool:
    first = {m.component: m.number for m in migrations_of("services.payment") if _makes_room(m)}
    return migration.number > first[migration.component]


async def test_migration_seals_ledgers_that_existed_before_seals(empty_database: Database) -> None:
    await before_seals(empty_database)
    harness = await create_harness(empty_database)
    heads = {
        head.chain: head for chains in (OPERATIONS, LEDGER_CHAINS) for head in await chains.load(harness.connection)
    }
    assert (heads["book 3"].number, heads["operations"].number, len(heads)) == (5, 1, len(ALL_LEDGERS) + 1)
    assert await sealing_of("payment").breaches(harness.connection) == []
    await harness.connection.close()


async def test_migration_makes_no_removed_seal_again(paid: PaymentHarness, database: Database) -> None:
    await rewrite_ledger(paid.connection, LANE, 1)
    await paid.connection.execute("update book set seal = null; delete from fingerprint")
    await database.migrate("payment")
    assert await ends(paid) == {f"book {lane}: the end at {end.number} has no seal"
                                for lane, end in (await load_ledger_heads(paid.connection)).items()}  # fmt: skip


async def test_dropped_seal_column_is_made_again_and_nothing_is_sealed(
    paid: PaymentHarness, database: Database
) -> None:
    await paid.connection.execute(
        "alter table book drop column seal; delete from migration where name = 'sealed_books'"
    )
    with pytest.raises(IdentityMismatch, match="the books were sealed before, and their seals are gone"):
        await database.migrate("payment")
