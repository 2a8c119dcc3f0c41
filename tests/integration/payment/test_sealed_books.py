"""The end of each book bears a seal that nobody can make who has Postgres alone."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.roles import owner_of
from services.payment.domain.books import TREASURY_BOOK
from services.payment.handlers.halting import halt, resume
from services.payment.store.books import BOOKS, EVERY_BOOK, load_books
from shared.contracts.topics import lane_of
from shared.messaging.chain import BrokenChain
from shared.messaging.operation_log import OPERATIONS
from shared.postgres.migrate import Migration, migrate, migrations_of
from shared.postgres.session import connect
from shared.runtime.identity import WrongIdentity
from tests.builders import funds
from tests.infrastructure import Database, sealing_of
from tests.integration.payment.bench import Bench, a_bench
from tests.integration.payment.facts import PARTICIPANT, journey
from tests.integration.payment.forging import rewrite_book

LANE = lane_of(PARTICIPANT)
FORGED = f"book {LANE}: the end at 2 bears a seal that is not ours"
BARE = f"book {LANE}: the end at 2 bears no seal"


@pytest.fixture
async def paid(database: Database) -> AsyncIterator[Bench]:
    """A fee is drawn and instructed; then somebody has the whole of Postgres."""
    bench = await a_bench(database)
    await bench.prepare()
    await bench.receive(*journey()[:3])
    yield bench
    await bench.connection.close()


async def ends(bench: Bench) -> set[str]:
    """What is wrong with the ends of chains, and with nothing else."""
    return {breach for breach in await bench.breaches() if "the end" in breach or "written down" in breach}


async def test_every_book_bears_its_seal_from_the_beginning(bench: Bench) -> None:
    assert set(await load_books(bench.connection)) == set(EVERY_BOOK)
    assert await bench.breaches() == []


async def test_book_that_was_rewritten_as_a_whole_is_found(paid: Bench) -> None:
    assert await paid.breaches() == []
    await rewrite_book(paid.connection, LANE, 1)
    assert await ends(paid) == {FORGED}


async def test_rewritten_book_is_not_gone_on_with_so_that_nobody_seals_it(paid: Bench) -> None:
    await rewrite_book(paid.connection, LANE, 1)
    reference = paid.told("fee")[0].reference
    with pytest.raises(BrokenChain, match="seal that is not ours"):
        await paid.report(reference, "settled")
    assert await ends(paid) == {FORGED}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("update book set seal = null where lane = $1", BARE),
        ("update book set seal = '' where lane = $1", FORGED),
        ("update book b set seal = o.seal from book o where b.lane = $1 and o.lane = -1", FORGED),
        ("delete from book where lane = $1", f"book {LANE}: the end at 0 bears no seal"),
    ],
)
async def test_seal_that_is_blank_or_copied_or_gone_is_found_and_nobody_goes_on(
    paid: Bench, change: str, wrong: str
) -> None:
    await paid.connection.execute(change, LANE)
    assert wrong in await paid.breaches()
    with pytest.raises(BrokenChain, match=f"book {LANE}"):
        await paid.report(paid.told("fee")[0].reference, "settled")


async def test_book_that_was_cut_short_is_found(paid: Bench) -> None:
    """The last row goes, and the head goes back; the seal of then is known to nobody."""
    connection = paid.connection
    await connection.execute("alter table transfer disable trigger user; delete from transfer where number = 2")
    first = "select hash from transfer where (lane, number) = ($1, 1)"
    await connection.execute(f"update book set number = 1, hash = ({first}) where lane = $1", LANE)
    assert f"book {LANE}: the end at 1 bears a seal that is not ours" in await ends(paid)


async def test_treasurys_book_is_sealed_too(paid: Bench) -> None:
    await rewrite_book(paid.connection, TREASURY_BOOK, 1)
    assert "book -1: the end at 2 bears a seal that is not ours" in await ends(paid)
    with pytest.raises(BrokenChain):
        await paid.receive(funds("48", "training", rupiah=5, document="SP2D-9"))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("update operation_head set number = 0, hash = decode(repeat('00', 32), 'hex'), seal = null", "bears no seal"),
        ("delete from operation_head", "bears no seal"),
        ("update operation_head set hash = sha256('another')", "bears a seal that is not ours"),
    ],
)
async def test_log_from_which_a_halt_was_taken_out_is_found_and_not_gone_on_with(
    paid: Bench, change: str, wrong: str
) -> None:
    await paid.operate(halt, None)
    await paid.connection.execute("alter table operation disable trigger user; delete from operation")
    await paid.connection.execute(change)
    (found,) = await sealing_of("payment").breaches(paid.connection)
    assert found.startswith("operations: the end at")
    assert found.endswith(wrong)
    with pytest.raises(BrokenChain, match="operations: the end"):
        await paid.operate(resume, None)


async def before_seals(database: Database) -> str:
    """An installation of the version before, with a book and an operation."""
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


async def test_what_stood_before_seals_is_sealed_by_the_migration_that_makes_room(empty_database: Database) -> None:
    await before_seals(empty_database)
    bench = await a_bench(empty_database)
    heads = {head.chain: head for chains in (OPERATIONS, BOOKS) for head in await chains.load(bench.connection)}
    assert (heads["book 3"].number, heads["operations"].number, len(heads)) == (5, 1, len(EVERY_BOOK) + 1)
    assert await sealing_of("payment").breaches(bench.connection) == []
    await bench.connection.close()


async def test_no_seal_that_somebody_took_away_is_made_anew_by_migrating(paid: Bench, database: Database) -> None:
    await rewrite_book(paid.connection, LANE, 1)
    await paid.connection.execute("update book set seal = null; delete from fingerprint")
    await database.migrate("payment")
    assert await ends(paid) == {f"book {lane}: the end at {end.number} bears no seal"
                                for lane, end in (await load_books(paid.connection)).items()}  # fmt: skip


async def test_room_that_somebody_took_away_is_made_again_and_nothing_is_sealed(
    paid: Bench, database: Database
) -> None:
    await paid.connection.execute(
        "alter table book drop column seal; delete from migration where name = 'sealed_books'"
    )
    with pytest.raises(WrongIdentity, match="the books were sealed before, and their seals are gone"):
        await database.migrate("payment")
