"""Copies of stored journeys under other names, to fill the tables of an installation.

Each copy is complete: its own person, NIK, training, redeem code and references, in the lane of its original. Seals and
digests are made anew and counters are raised, so that every check of `verify` holds afterwards. The engine's own tables
are not copied: positions and sequences do not grow, and pages are kept only for some time. The services must not run
meanwhile.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

import asyncpg
from asyncpg import Connection

from services.completion.domain.completion import Completion, canonical_form, decide_completion
from services.completion.store.enrollments import load_next_enrollments
from services.completion.store.evidence import load_evidence
from services.payment.domain.ledger import TREASURY_LEDGER, LedgerHead, Posting, chain_postings
from services.payment.store.ledger import append_transfers, load_ledger_heads, load_transfers, save_ledger_heads
from shared.contracts.topics import SERVICES
from shared.messaging.chain import ChainKey
from tests.benchmarks.harness import BenchmarkHarness, print_line

PORTION = 5_000
TRANSFERS = 20_000
MOST_COPIES = 999
# Columns that a copy changes, to values that no original has. $1 is the number of the copy, of three digits.
NAMES = {
    "participant_id": "'5' || $1 || right({0}, 12)",
    "redeem_code": "'Q' || $1 || right({0}, 8)",
    "reference": "left({0}, 1) || 'U' || $1 || right({0}, 11)",
    "identity_index": "sha256({0} || $1::text::bytea)",
    "account_index": "sha256({0} || $1::text::bytea)",
}
ANSWERED = f"array(select {NAMES['reference'].format('one')} from unnest(answered) as one)"
NIK = "encode(sha256(decode(key, 'hex') || $1::text::bytea), 'hex')"
CLAIM = f"case kind when 'nik' then {NIK} else {NAMES['redeem_code'].format('key')} end"
# `form` is the canonical form that a completion's digest is made of; it contains both names.
FORM = f"replace(replace(form, participant_id, {NAMES['participant_id'].format('participant_id')}), redeem_code, " + (
    NAMES["redeem_code"].format("redeem_code") + ")"
)
CLAIMS, LEDGER, ANSWERS = "enrollment.claim", "payment.transfer", "payment.announced_answer"
CHANGES = {
    CLAIMS: {"key": CLAIM, "owner": NAMES["participant_id"].format("owner")},
    ANSWERS: {"answered": ANSWERED},
    # An approval has the hash in hex.
    "payment.approval": {"account_index": "encode(sha256(decode(account_index, 'hex') || $1::text::bytea), 'hex')"},
    "completion.enrollment": {"digest": f"sha256(convert_to({FORM}, 'UTF8'))"},
}
# Whatever names a person, a training or a payment in a column of its own. What is due by the batch is not copied: it
# goes as the journeys of before do, and does not grow.
TABLES = """
    select distinct table_schema || '.' || table_name as place
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_type = 'BASE TABLE' and table_schema = any($1) and column_name = any($2) order by place"""
COUNTERS = """
    update enrollment.wave set admitted = admitted * $1, refused = refused * $1;
    update enrollment.tally set enrollments = enrollments * $1;
    update completion.tally set enrollments = enrollments * $1;
    update payment.tally set disbursements = disbursements * $1, rupiah = rupiah * $1;
    update payment.purse set drawn = drawn * $1, spent = spent * $1;
    update payment.funds set drawn = drawn * $1"""
COLUMNS = """
    select column_name from information_schema.columns
    where table_schema || '.' || table_name = $1 order by ordinal_position"""


async def fill(harness: BenchmarkHarness, copies: int) -> None:
    """Make `copies` copies of everything stored, at most 999."""
    if copies > MOST_COPIES:
        raise ValueError(f"{copies} copies cannot be told apart")
    url = harness.installation.postgres_url
    await asyncio.gather(
        _copy_tables(url, copies), _copy_ledgers(url, ChainKey.load(harness.installation.keys, "payment"), copies)
    )
    for statement in COUNTERS.split(";"):
        await harness.connection.execute(statement.replace("$1", str(copies + 1)))
    await harness.connection.execute("vacuum (analyze)")
    await harness.connection.execute("checkpoint")


async def _copy_tables(url: str, copies: int) -> None:
    # A copy stands where its original has come to, which no row may do that begins: so no trigger is asked.
    connection = await asyncpg.connect(
        url, server_settings={"search_path": "completion", "session_replication_role": "replica"}
    )
    try:
        await _write_forms(connection)
        for table in await tables_of_journeys(connection):
            print_line(f"\r  filling {table}      ", end="")
            await _copy_table(connection, table, copies)
    finally:
        await connection.close()


async def tables_of_journeys(connection: Connection) -> list[str]:
    """Return the tables of the services that hold rows of journeys, those that are younger than this module too.

    The ledger is left out, since its rows form chains.
    """
    rows = await connection.fetch(TABLES, SERVICES, list(NAMES))
    return [CLAIMS, ANSWERS, *(row["place"] for row in rows if row["place"] != LEDGER)]


async def _write_forms(connection: Connection) -> None:
    await connection.execute("create temp table form (redeem_code text primary key, form text)")
    after = ""
    while enrollments := await load_next_enrollments(connection, after, PORTION):
        evidence = await load_evidence(connection, [one.redeem_code for one in enrollments])
        outcomes = ((one, decide_completion(one.rule, evidence[one.redeem_code])) for one in enrollments)
        forms = [(one.redeem_code, canonical_form(one, o)) for one, o in outcomes if isinstance(o, Completion)]
        await connection.copy_records_to_table("form", records=forms, schema_name="pg_temp")
        after = enrollments[-1].redeem_code


async def _copy_table(connection: Connection, table: str, copies: int) -> None:
    columns = [row["column_name"] for row in await connection.fetch(COLUMNS, table)]
    changes = {name: text.format(name) for name, text in NAMES.items()} | CHANGES.get(table, {})
    values = ", ".join(changes.get(column, f'"{column}"') for column in columns)
    forms = "left join form using (redeem_code)" if "redeem_code" in columns else ""
    await connection.execute(f"create temp table original as select * from {table}")
    for number in range(1, copies + 1):
        statement = f"insert into {table} select {values} from original {forms}"
        await connection.execute(statement.replace("$1", f"'{number:03d}'"))
    await connection.execute("drop table original")


async def _copy_ledgers(url: str, key: ChainKey, copies: int) -> None:
    """Append the postings of the copies to each lane's ledger chain."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "payment"})
    try:
        for lane, head in (await load_ledger_heads(connection)).items():
            if lane == TREASURY_LEDGER or not head.number:
                continue
            transfers = await load_transfers(connection, lane, 0, head.number)
            at = transfers[-1].at
            postings = _renamed([transfer.posting for transfer in transfers], copies)
            while portion := list(islice(postings, TRANSFERS)):
                copied = chain_postings(portion, LedgerHead(head.number, head.hash), at)
                head = key.seal(head.chain, copied[-1].number, copied[-1].hash)
                await append_transfers(connection, copied)
                await save_ledger_heads(connection, {lane: head})
    finally:
        await connection.close()


def _renamed(postings: Sequence[Posting], copies: int) -> Iterator[Posting]:
    for number in range(1, copies + 1):
        for posting in postings:
            name = posting.reference and f"{posting.reference[0]}U{number:03d}{posting.reference[5:]}"
            yield posting._replace(reference=name)
