"""Signed heads: stated at every hour and cut-off, and false once the past is rewritten."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest
from jwcrypto import jwk, jws

from services.payment.books.heads import (
    PUBLISHED,
    contents_of,
    latest_heads,
    signed_lines,
    stream_signed_heads,
    totals_of,
)
from services.payment.books.verification import lines_of, statement_breach, stored_lines
from services.payment.handlers.halts import halt
from services.payment.store.books import load_account_totals
from services.payment.store.ledger import ALL_LEDGERS, load_ledger_heads
from shared.contracts.signatures import PublicKeys, SigningKey, private_jwk
from shared.contracts.topics import LANES, lane_of
from shared.errors import Refused
from tests.builders import keys_folder
from tests.infrastructure import Database, PostgresServer
from tests.integration.payment.facts import FEE, INCENTIVE, PARTICIPANT, journey
from tests.integration.payment.forgery import rewrite_ledger
from tests.integration.payment.harness import PaymentHarness, create_harness
from tests.integration.payment.test_books import run_verb

LANE = lane_of(PARTICIPANT)
KEYS = PublicKeys.load(keys_folder() / PUBLISHED)
HOUR = timedelta(hours=1)


@dataclass
class Books:
    """A service that signs its heads, and what it has published."""

    harness: PaymentHarness

    async def sign(self, after: timedelta = timedelta()) -> int:
        """Let time pass and sign what is due; return how many statements there are."""
        self.harness.now += after
        await self.harness.sweep("sign_heads")
        return len(await self.published())

    async def published(self) -> list[str]:
        return [line async for line in signed_lines(self.harness.connection)]

    async def breach(self, lines: list[str] | None = None) -> str | None:
        connection = self.harness.connection
        return await statement_breach(connection, stored_lines(connection) if lines is None else lines_of(lines), KEYS)

    async def pay(self, number: int) -> None:
        await self.harness.receive(*journey(f"48100000000000{number}", f"PRAT000000{number}"))

    async def tamper(self, *statements: str) -> None:
        """Change rows as the owner of the tables."""
        for table in ("transfer", "signed_head"):
            await self.harness.connection.execute(f"alter table {table} disable trigger user")
        for statement in statements:
            await self.harness.connection.execute(statement)


@pytest.fixture
async def books(database: Database) -> AsyncIterator[Books]:
    """Sign twice, with payments before and between; after that the test has the whole database."""
    harness = await create_harness(database)
    books = Books(harness)
    await books.sign()
    await harness.prepare()
    await harness.receive(*journey())
    await books.sign(HOUR)
    yield books
    await harness.connection.close()


async def test_statement_is_made_once_an_hour(books: Books) -> None:
    assert [await books.sign(after) for after in (HOUR, timedelta(), timedelta(seconds=1), 5 * HOUR)] == [3, 3, 3, 4]
    assert await books.breach() is None


async def test_statement_is_made_when_a_wave_is_cleared_in_all_lanes(books: Books) -> None:
    insert = "insert into cut_off values ($1, $1, $1, 0, $2, '48', $3)"
    for lane in range(LANES):
        await books.harness.connection.execute(insert, books.harness.now, lane, lane > 0)
    assert await books.sign() == 2
    await books.tamper("update cut_off set cleared = true where not cleared")
    assert [await books.sign(), await books.sign()] == [3, 3]


async def test_statement_has_the_heads_of_all_chains(books: Books) -> None:
    heads = {
        str(lane): (head.number, head.hash)
        for lane, head in (await load_ledger_heads(books.harness.connection)).items()
    }
    *_, last = [head async for head in stream_signed_heads(books.harness.connection)]
    stated = contents_of(last).heads
    assert dict(stated) == heads | {"operations": stated["operations"]}
    assert len(stated) == len(ALL_LEDGERS) + 1


async def test_other_library_verifies_a_statement(books: Books) -> None:
    keys = jwk.JWKSet.from_json((keys_folder() / PUBLISHED).read_text())
    for line in await books.published():
        token = jws.JWS()
        token.deserialize(line.strip())
        token.verify(keys.get_key(token.jose_header["kid"]))
        assert json.loads(token.payload)["heads"].keys() >= {"-2", "-1", "0", "11", "operations"}


async def test_page_shows_the_latest_statements(books: Books) -> None:
    assert await latest_heads(books.harness.connection) == [line.strip() for line in await books.published()]
    assert "/books/heads" in books.harness.definition.views


@pytest.mark.parametrize("statement", ["update signed_head set day = now()", "delete from signed_head"])
async def test_statements_only_grow(books: Books, statement: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match="signed_head is append-only"):
        await books.harness.connection.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await books.harness.session.connection.execute(statement)


async def test_process_that_cannot_have_its_turn_signs_nothing(books: Books, database: Database) -> None:
    other = await asyncpg.connect(database.url_of("payment"))
    async with other.transaction():
        await other.execute("select pg_advisory_xact_lock(hashtextextended('statement of heads', 0))")
        assert await books.sign(HOUR) == 2
    await other.close()
    assert await books.sign() == 3


async def test_rewritten_past_is_found_by_what_was_published(books: Books) -> None:
    """All hashes and heads were recomputed."""
    published = await books.published()
    assert await books.breach(published) is None
    await rewrite_ledger(books.harness.connection, LANE, 1)
    number = (await load_ledger_heads(books.harness.connection))[LANE].number
    wrong = f"statement 2: ledger {LANE}: transfer {number} has another hash: the past was rewritten"
    assert await books.breach(published) == wrong
    assert await books.breach() == wrong


async def test_rewritten_log_of_operations_is_found(books: Books) -> None:
    await books.harness.operate(halt, "all")
    await books.sign(HOUR)
    await books.harness.connection.execute(
        "alter table operation disable trigger user; update operation set hash = sha256('x')"
    )
    assert await books.breach() == "statement 3: operation 1 has another hash: the past was rewritten"


async def test_transfer_that_is_gone_is_named(books: Books) -> None:
    number = (await load_ledger_heads(books.harness.connection))[LANE].number
    await books.tamper(f"delete from transfer where (lane, number) = ({LANE}, {number})")
    assert await books.breach() == f"statement 2: ledger {LANE}: transfer {number} is missing"


async def test_restored_database_is_told_from_a_rewritten_one(
    books: Books, postgres: PostgresServer, database: Database
) -> None:
    """The copy is restored, and pays something else from there."""
    await books.harness.connection.close()
    await asyncio.sleep(0)
    copy = await postgres.fresh_database(like=database)
    books.harness = await create_harness(database)
    books.harness.now += 2 * HOUR
    await books.pay(18)
    await books.sign()
    published = await books.published()
    restored = Books(await create_harness(copy))
    behind = "statement 3: the database does not have it: it was restored or cut short behind statement 2"
    assert await restored.breach(published) == behind
    restored.harness.now += 2 * HOUR
    await restored.pay(19)
    await restored.sign()
    assert await restored.breach() is None
    assert await restored.breach(published) == (
        "statement 3: the database has another in its place: it was restored or cut short behind statement 2"
    )
    await restored.harness.connection.close()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda lines: lines[1:], None),
        (lambda lines: [lines[0], lines[2]], "statement 3: it follows statement 1: those between are missing"),
        (lambda lines: [lines[1], lines[0]], "statement 1: it follows statement 2: out of order"),
        (
            lambda lines: [lines[0], lines[1].strip()[:-4] + "AAAA"],
            "the statement after statement 1: its signature does not fit",
        ),
        (lambda _: ["nonsense"], "the statement at the beginning: its signature does not fit"),
    ],
)
async def test_file_of_statements_is_whole(books: Books, change: object, wrong: str | None) -> None:
    await books.sign(HOUR)
    assert callable(change)
    assert await books.breach(change(await books.published())) == wrong


async def test_statement_of_another_key_is_refused(books: Books, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(json.dumps(stranger := private_jwk("stranger")))
    (tmp_path / "set").write_text(json.dumps({"keys": [stranger]}))
    key = SigningKey.load(tmp_path / "key", tmp_path / "set")
    forged = key.sign(b'{"statement":1}')
    assert await books.breach([forged]) == "the statement at the beginning: its key is not among the public ones"
    assert (
        await statement_breach(books.harness.connection, lines_of([forged]), PublicKeys.load(tmp_path / "set"))
        == "the statement at the beginning: it is no statement of heads"
    )


async def test_totals_of_each_day_add_up_to_the_balance(books: Books) -> None:
    """The second day ends with a day on which nothing was signed."""
    day = (books.harness.now + timedelta(hours=7)).date()
    await books.sign(timedelta(days=1))
    await books.pay(18)
    await books.sign(HOUR)
    await books.pay(19)
    await books.sign(timedelta(days=2))
    first = await totals_of(books.harness.connection, day)
    second = await totals_of(books.harness.connection, day + timedelta(days=2))
    assert (first.since, second.since) == (1, 3)
    summed: Counter[tuple[str, ...]] = Counter()
    for totals in (first, second):
        for one in totals.accounts:
            summed[*one[:3]] += one.balance
    whole = await load_account_totals(books.harness.connection)
    assert summed == {one[:3]: one.balance for one in whole}
    clearing = {
        one.account: (one.transfers, one.debit, one.credit) for one in second.accounts if "clearing" in one.account
    }
    assert clearing == {"clearing:bni": (2, 2 * FEE, 0), "clearing:gopay": (2, 2 * INCENTIVE, 0)}
    assert await books.breach() is None
    with pytest.raises(Refused, match="no totals are declared of 2001-01-01"):
        await totals_of(books.harness.connection, date(2001, 1, 1))


async def test_totals_that_the_transfers_do_not_make_are_found(books: Books) -> None:
    await books.sign(timedelta(days=1))
    await books.tamper("update transfer set amount = amount + 1 where debit = 'clearing:bni'")
    assert await books.breach() == "statement 3: its totals of 48 training clearing:bni are not those of the transfers"


async def test_books_are_verified_from_the_command_line(books: Books, database: Database, tmp_path: Path) -> None:
    async def verb(*words: str, status: int = 0) -> str:
        done = await asyncio.to_thread(run_verb, database, *words)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    day = (books.harness.now + timedelta(hours=7)).date()
    await books.sign(timedelta(days=1))
    file = str(tmp_path / "heads.jws")
    await verb("heads", "--out", file)
    assert (tmp_path / "heads.jws").read_text() == "".join(await books.published())
    public = str(keys_folder() / PUBLISHED)
    assert "OK every transfer" in await verb("verify")
    assert "OK every transfer" in await verb("verify", "--heads", file, "--key", public)
    assert "clearing:bni" in await verb("totals", "--day", str(day))
    assert "no totals are declared" in await verb("totals", "--day", "2001-01-01", status=2)
    assert "cannot be read" in await verb("verify", "--heads", "/nowhere", status=2)
    assert "is no JWK set of public Ed25519 keys" in await verb("verify", "--key", file, status=2)
    await books.tamper(
        f"delete from transfer where (lane, number) = ({LANE}, 2)",
        f"update transfer set amount = 3 where (lane, number) = ({LANE}, 1)",
        f"update book set number = number - 1 where lane = {LANE}",
    )
    found = await verb("verify", status=1)
    for breach in (
        "transfer 1 does not match",
        "transfer 2 is missing",
        "transfer 4 lies beyond its head",
        "statement 3: its totals of",
    ):
        assert f"BROKEN ledger {LANE}: {breach}" in found or f"BROKEN {breach}" in found, found
