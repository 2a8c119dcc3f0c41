"""Invariants of payment. Each check names every breach that it finds."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from asyncpg import Connection, Record

from services.payment.domain.ledger import APPROPRIATION, TREASURY, LedgerHead, hash_transfer
from services.payment.domain.reason_codes import NEEDS_REVIEW
from services.payment.store import QUERIES
from services.payment.store.ledger import load_ledger_heads, load_transfers
from shared.runtime.definition import Invariant

LONGEST_WAIT = timedelta(hours=1)
PORTION = 5000

Check = Callable[[Connection], Awaitable[list[str]]]
LedgerAccount = tuple[str, str, str]


def _no_rows(query: str, sentence: str) -> Check:
    """Return a check for which every row of a query is a breach; its columns fill the sentence."""

    async def check(connection: Connection) -> list[str]:
        return [sentence.format_map(dict(row)) for row in await connection.fetch(QUERIES[query])]

    return check


async def _money_is_conserved(connection: Connection) -> list[str]:
    ledger = _balances(await connection.fetch(QUERIES["balances"]))
    rows = _balances(await connection.fetch(QUERIES["balances_by_rows"]))
    return [
        f"wave {account[0]}, {account[1]}, {account[2]}: the books hold {ledger.get(account, 0)}, "
        f"the rows say {rows.get(account, 0)}"
        for account in sorted(ledger.keys() | rows.keys())
        if ledger.get(account, 0) != rows.get(account, 0)
    ]


def _no_rows_for_review_reasons(query: str, sentence: str) -> Check:
    """Return the same check for a query that takes the reason codes after which a person must review."""

    async def check(connection: Connection) -> list[str]:
        rows = await connection.fetch(QUERIES[query], sorted(NEEDS_REVIEW))
        return [sentence.format_map(dict(row)) for row in rows]

    return check


async def _no_balance_is_negative(connection: Connection) -> list[str]:
    """Find negative balances, except those of the treasury and of appropriations.

    The appropriation is negative where a wave is overdrawn, which is a breach of its own.
    """
    ledger = _balances(await connection.fetch(QUERIES["balances"]))
    return [
        f"wave {wave}, {component}, {account} holds {balance}"
        for (wave, component, account), balance in sorted(ledger.items())
        if balance < 0 and account not in (TREASURY, APPROPRIATION)
    ]


async def _clearing_equals_under_way(connection: Connection) -> list[str]:
    """Compare clearing accounts with disbursements at partners, and name every leg of a difference."""
    ledger = _balances(await connection.fetch(QUERIES["balances"]))
    clearing = {account: balance for account, balance in ledger.items() if account[2].startswith("clearing:")}
    legs: dict[LedgerAccount, list[str]] = {}
    for row in await connection.fetch(QUERIES["open_legs"]):
        account = (row["wave"], row["component"], f"clearing:{row['partner']}")
        clearing[account] = clearing.get(account, 0) - row["amount"]
        legs.setdefault(account, []).append(f"{row['reference']} {row['amount']}")
    return [
        f"{' '.join(account)} is off by {difference}; legs: {', '.join(legs.get(account, []))}"
        for account, difference in sorted(clearing.items())
        if difference != 0
    ]


async def _no_completion_waits_long(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["deferred_completions"], LONGEST_WAIT)
    return [f"{row['key']} was completed or rated, and its enrollment has not come" for row in rows]


async def _transfers_are_a_chain(connection: Connection) -> list[str]:
    breaches = []
    for lane, end in (await load_ledger_heads(connection)).items():
        head = LedgerHead()
        while transfers := await load_transfers(connection, lane, head.number, PORTION):
            for transfer in transfers:
                sealed = hash_transfer(head.hash, head.number + 1, transfer.posting, transfer.at)
                if (transfer.number, transfer.hash) != (head.number + 1, sealed):
                    breaches.append(f"book {lane}: transfer {transfer.number} is not what was written down")
                head = LedgerHead(transfer.number, transfer.hash)
        if (head.number, head.hash) != (end.number, end.hash):
            breaches.append(f"book {lane} ends at {head.number}, not at {end.number}")
    return breaches


def _balances(rows: Iterable[Record]) -> dict[LedgerAccount, int]:
    return {(row["wave"], row["component"], row["account"]): row["balance"] for row in rows}


_KEY = "{redeem_code} {benefit}"
INVARIANTS = (
    Invariant("I1", "the books hold what the rows say", _money_is_conserved),
    Invariant("I2", "no right is paid twice", _no_rows("settled_twice", f"{_KEY} was settled more than once")),
    Invariant(
        "I2",
        "no right is paid twice, say the partners",
        _no_rows("reported_settled_twice", f"{_KEY} was paid more than once, say the partners: {{payments}}"),
    ),
    Invariant(
        "I2",
        "an incentive is granted once",
        _no_rows("incentives_twice", "participant {participant_id} has more than one {benefit}"),
    ),
    Invariant(
        "I3",
        "no right is lost",
        _no_rows(
            "entitlements_without_disbursement", f"participant {{participant_id}}: {_KEY} is earned and not there"
        ),
    ),
    Invariant("I3", "no completion waits for its enrollment", _no_completion_waits_long),
    Invariant(
        "I4",
        "nothing is paid without a right",
        _no_rows("disbursements_without_entitlement", f"{_KEY} is not owed like this"),
    ),
    Invariant(
        "I4",
        "nothing is paid before its completion",
        _no_rows("paid_before_completion", "{reference} was instructed, and its completion is not noted"),
    ),
    Invariant(
        "I7",
        "states follow from attempts",
        _no_rows("states_without_reason", f"{_KEY} is {{state}}, which its attempts do not say"),
    ),
    Invariant(
        "I7", "whom a partner owes a word is asked about", _no_rows("missing_status_checks", f"{_KEY} is forgotten")
    ),
    Invariant(
        "I7",
        "another attempt follows a rejection only",
        _no_rows("attempts_without_verdict", f"{_KEY} has attempts without a verdict on those before"),
    ),
    Invariant(
        "I7",
        "the tally counts what is there",
        _no_rows("state_counts_astray", "lane {lane}: {state} {benefit} is counted wrong"),
    ),
    Invariant("I8", "no balance is negative", _no_balance_is_negative),
    Invariant(
        "I8",
        "no wave is overdrawn",
        _no_rows(
            "overdrawn_funds",
            "wave {wave}, {component}: {overdrawn} rupiah went out and were not appropriated: {references}",
        ),
    ),
    Invariant(
        "I8",
        "what was told before a restore has its money",
        _no_rows("promises_astray", "wave {wave}, {component}: {promised} rupiah are kept of {there} for {references}"),
    ),
    Invariant(
        "I8", "money is where it was drawn", _no_rows("funds_astray", "wave {wave}, {component}: funds are astray")
    ),
    Invariant(
        "I8",
        "it is known who waits for money",
        _no_rows("shortages_astray", "wave {wave}, {component}: {waiting} wait for money, and its flag says otherwise"),
    ),
    Invariant(
        "I8",
        "nothing is paid without funds",
        _no_rows("money_without_funds", "wave {wave}, {component}: instructed, and nothing was appropriated"),
    ),
    Invariant("I9", "clearing is what is under way", _clearing_equals_under_way),
    Invariant(
        "I10",
        "partners were told what the books say",
        _no_rows("instructions_unlike_ledger", "{reference} was told otherwise than the books say"),
    ),
    Invariant(
        "I10",
        "every instruction has its right",
        _no_rows(
            "instructions_without_disbursement",
            "{reference} was told before a restore, and nothing read since says why",
        ),
    ),
    Invariant(
        "I10",
        "what a partner paid is not written off",
        _no_rows(
            "reported_settled_of_failed", f"{_KEY} has failed, and its partner says that {{reference}} is settled"
        ),
    ),
    Invariant(
        "I10",
        "what a partner contradicts waits for a person",
        _no_rows("contradicted_and_free", f"{_KEY} is not frozen, and {{reference}} was said to be {{status}}"),
    ),
    Invariant(
        "I10",
        "what a person must look at waits for one",
        _no_rows_for_review_reasons("doubted_and_free", f"{_KEY} is not frozen, and came back with {{reason}}"),
    ),
    Invariant(
        "I10",
        "nothing goes again after doubts unless a person let it",
        _no_rows_for_review_reasons(
            "unapproved_attempts", "{reference} was instructed after doubts, and nobody approved it"
        ),
    ),
    Invariant("I11", "the books are a chain", _transfers_are_a_chain),
    Invariant(
        "I11",
        "no book goes on behind its end",
        _no_rows("ledgers_without_end", "book {lane} has {number} behind its end"),
    ),
)
