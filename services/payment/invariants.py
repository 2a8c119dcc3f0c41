"""Invariants of payment. Each check names every breach that it finds."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from asyncpg import Connection, Record

from services.payment.books.verification import added_breaches, chain_breaches
from services.payment.domain.ledger import APPROPRIATION, TREASURY
from services.payment.domain.reason_codes import NEEDS_REVIEW
from services.payment.store import QUERIES
from shared.runtime.definition import Invariant

LONGEST_WAIT = timedelta(hours=1)

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
        f"wave {account[0]}, {account[1]}, {account[2]}: the ledgers hold {ledger.get(account, 0)}, "
        f"the other tables {rows.get(account, 0)}"
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
        f"{' '.join(account)} differs by {difference} from the disbursements at the partner: "
        f"{', '.join(legs.get(account, []))}"
        for account, difference in sorted(clearing.items())
        if difference != 0
    ]


async def _no_monthly_incentive_is_overdue(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["monthly_incentives_overdue"], LONGEST_WAIT)
    return [f"{row['redeem_code']} {row['benefit']} is overdue" for row in rows]


async def _nothing_lies_unspent_past_a_cut_off(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["unspent_past_cut_off"], LONGEST_WAIT)
    return [
        f"wave {row['wave']}, {row['component']}: {row['unspent']} rupiah lie unused past the cut-off" for row in rows
    ]


async def _no_completion_waits_long(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["deferred_completions"], LONGEST_WAIT)
    return [f"{row['key']} has a milestone, and its enrollment has not been read" for row in rows]


def _balances(rows: Iterable[Record]) -> dict[LedgerAccount, int]:
    return {(row["wave"], row["component"], row["account"]): row["balance"] for row in rows}


_KEY = "{redeem_code} {benefit}"
_RESTORED = "approvals of before a restore are forgotten: docs/runbooks/restore.md"
INVARIANTS = (
    Invariant("I1", "the ledgers equal the other tables", _money_is_conserved),
    Invariant("I2", "no entitlement is paid twice", _no_rows("settled_twice", f"{_KEY} was settled more than once")),
    Invariant(
        "I2",
        "no entitlement is paid twice, by the reports of partners",
        _no_rows("reported_settled_twice", f"{_KEY} was paid more than once, by the reports of partners: {{payments}}"),
    ),
    Invariant(
        "I2",
        "a benefit to a participant is earned once",
        _no_rows("benefits_twice", "participant {participant_id} has more than one {benefit}"),
    ),
    Invariant(
        "I3",
        "each earned entitlement has a disbursement",
        _no_rows(
            "entitlements_without_disbursement",
            f"participant {{participant_id}}: {_KEY} is earned and has no disbursement",
        ),
    ),
    Invariant("I3", "no completion waits long for its enrollment", _no_completion_waits_long),
    Invariant(
        "I3",
        "each incentive of a series falls due",
        _no_rows(
            "monthly_incentives_lost",
            f"participant {{participant_id}}: {_KEY} has not fallen due, and is not to fall due",
        ),
    ),
    Invariant("I3", "no incentive of a series is long overdue", _no_monthly_incentive_is_overdue),
    Invariant(
        "I4",
        "nothing is paid without an entitlement",
        _no_rows("disbursements_without_entitlement", f"{_KEY} has no entitlement that matches it"),
    ),
    Invariant(
        "I4",
        "no incentive of a series falls due before its month",
        _no_rows("monthly_incentives_early", f"{_KEY} fell due before its month, or without the first incentive"),
    ),
    Invariant(
        "I4",
        "nothing is paid before its completion",
        _no_rows("paid_before_completion", "{reference} was instructed without a recorded completion"),
    ),
    Invariant(
        "I4",
        "nothing more is paid for an annulled training",
        _no_rows("annulled_and_going", f"{_KEY} is {{state}}, and its training was voided or revoked"),
    ),
    Invariant(
        "I4",
        "nothing more is paid of erased participants",
        _no_rows("erased_and_going", f"{_KEY} is {{state}}, and its participant was erased"),
    ),
    Invariant(
        "I4",
        "nothing is instructed after an erasure",
        _no_rows("instructed_while_erased", "{reference} was instructed after its participant was erased"),
    ),
    Invariant(
        "I14",
        "of erased participants no account number and no key is left",
        _no_rows(
            "accounts_of_the_erased", "participant {participant_id} was erased, and an account number or a key is left"
        ),
    ),
    Invariant(
        "I4",
        "what is held of blocked participants is held for the block",
        _no_rows("holds_unlike_blocks", f"{_KEY} is held for {{reason}}, and the block of its participant differs"),
    ),
    Invariant(
        "I4",
        "nothing is instructed after a block",
        _no_rows("instructed_while_blocked", "{reference} was instructed while its participant was blocked"),
    ),
    Invariant(
        "I4",
        "nothing is instructed past the cut-off of its wave",
        _no_rows("instructed_past_cut_off", "{reference} was instructed past the cut-off of its wave"),
    ),
    Invariant(
        "I3",
        "nothing is forfeited before the cut-off of its wave",
        _no_rows("forfeited_early", f"{_KEY} was forfeited, and its wave was not cut off"),
    ),
    Invariant(
        "I7",
        "nothing but what is frozen is held past the cut-off of its wave",
        _no_rows("held_past_cut_off", f"{_KEY} is held for {{reason}} past the cut-off of its wave"),
    ),
    Invariant("I8", "no money lies unused past the cut-off of its wave", _nothing_lies_unspent_past_a_cut_off),
    Invariant(
        "I3",
        "cash paid to blocked participants is claimed",
        _no_rows("cash_without_claim", f"{_KEY} was paid under {{reference}} after a block, and not claimed back"),
    ),
    Invariant(
        "I7",
        "claims for blocks end with them",
        _no_rows("claims_without_block", "claim {reference}-{number} is open, and the block it is for has ended"),
    ),
    Invariant(
        "I3",
        "what was paid for an annulled training is claimed",
        _no_rows("payments_without_claim", f"{_KEY} was paid under {{reference}}, annulled, and not claimed back"),
    ),
    Invariant(
        "I3",
        "what was paid twice is claimed once",
        _no_rows("double_payments_without_claim", f"{_KEY} was paid under {{reference}} as well, and not claimed back"),
    ),
    Invariant(
        "I7",
        "claims are on payments",
        _no_rows("claims_unlike_payments", "claim {reference}-{number} is not on what was paid"),
    ),
    Invariant(
        "I7",
        "states follow from attempts",
        _no_rows("states_without_reason", f"{_KEY} is {{state}}, which does not follow from its attempts"),
    ),
    Invariant(
        "I7",
        "each disbursement at a partner has a status check",
        _no_rows("missing_status_checks", f"{_KEY} is at a partner without a status check"),
    ),
    Invariant(
        "I7",
        "another attempt follows only a rejection or return",
        _no_rows("attempts_without_verdict", f"{_KEY} lacks an attempt, or has one after an attempt that did not fail"),
    ),
    Invariant(
        "I7",
        "the state counts equal the table",
        _no_rows("state_count_differences", "lane {lane}: the state count of {state} {benefit} differs from the table"),
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
        "funds keep the money of instructions adopted after a restore",
        _no_rows(
            "kept_money_differences",
            "wave {wave}, {component}: {promised} rupiah are kept for {references}, {there} are not allotted",
        ),
    ),
    Invariant(
        "I8",
        "each fund equals its appropriations and allotments",
        _no_rows(
            "fund_differences",
            "wave {wave}, {component}: allotted {allotted}, its lanes {in_lanes}; appropriated {appropriated}, "
            "its documents {in_documents}; instructed {instructed}, overdrawn {overdrawn}",
        ),
    ),
    Invariant(
        "I8",
        "a fund is marked short exactly while a disbursement waits for it",
        _no_rows(
            "short_mark_differences",
            "wave {wave}, {component}: {waiting} wait for money, and the mark `short` contradicts that",
        ),
    ),
    Invariant(
        "I8",
        "nothing is paid without funds",
        _no_rows("money_without_funds", "wave {wave}, {component}: money was instructed, and none appropriated"),
    ),
    Invariant("I9", "clearing accounts equal the disbursements at partners", _clearing_equals_under_way),
    Invariant(
        "I10",
        "each instruction equals its disbursement",
        _no_rows("instructions_unlike_ledger", "{reference} was instructed unlike its disbursement"),
    ),
    Invariant(
        "I10",
        "each instruction has its entitlement",
        _no_rows(
            "instructions_without_disbursement",
            "{reference} was instructed before a restore, and no entitlement read since explains it",
        ),
    ),
    Invariant(
        "I10",
        "no disbursement fails or is cancelled that a partner paid",
        _no_rows(
            "reported_settled_of_failed",
            f"{_KEY} is {{state}}, and its partner reports {{reference}} as settled; {_RESTORED}",
        ),
    ),
    Invariant(
        "I10",
        "contradicted disbursements are frozen",
        _no_rows("unfrozen_contradictions", f"{_KEY} is not frozen, and {{reference}} was reported {{status}}"),
    ),
    Invariant(
        "I10",
        "disbursements whose rejection needs review are frozen",
        _no_rows_for_review_reasons(
            "unfrozen_reviews", f"{_KEY} is not frozen, and was rejected or returned with {{reason}}"
        ),
    ),
    Invariant(
        "I10",
        "another attempt after a contradiction or review has an approval",
        _no_rows_for_review_reasons(
            "unapproved_attempts",
            f"{{reference}} was instructed after a contradiction or review, without an approval; {_RESTORED}",
        ),
    ),
    Invariant(
        "I10",
        "each approval is in the log of operations",
        _no_rows("approvals_without_operation", f"{_KEY}: the approval of attempt {{attempt}} is not in the log"),
    ),
    Invariant(
        "I10",
        "each confirmation is in the log of operations",
        _no_rows("confirmations_without_operation", "{reference}: its confirmation is not in the log"),
    ),
    Invariant("I11", "the transfers of each ledger are a hash chain", chain_breaches),
    Invariant("I11", "no transfer lies beyond the head of its ledger", added_breaches),
)
