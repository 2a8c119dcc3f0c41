"""Disbursements and their state counts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, DisbursementKey, HoldReason, State
from services.payment.domain.entitlement import Annulment, Grant, Payee
from services.payment.store import QUERIES
from shared.postgres.columns import columns

COLUMNS = (
    "redeem_code",
    "benefit",
    "participant_id",
    "lane",
    "wave",
    "component",
    "payee",
    "provider_id",
    "amount",
    "due_at",
    "state",
    "reason",
    "attempt",
    "reference",
    "partner",
    "tried_version",
    "ask_at",
    "retry_at",
    "annulled",
)
ANSWER_COLUMNS = ("at", "lane", "first_number", "answered")
# Looked up, since to call an enumeration takes longer.
PAYEES = {payee.value: payee for payee in Payee}
STATES = {state.value: state for state in State}
HOLD_REASONS = {reason.value: reason for reason in HoldReason}
ANNULMENTS = {annulment.value: annulment for annulment in Annulment}


class StateCountKey(NamedTuple):
    """Key of a state count; an empty text for none."""

    lane: int
    state: State
    partner: str
    benefit: str
    reason: str


class EventNumbers(NamedTuple):
    """Numbers of the events on payment.events that announced a disbursement: that it fell due, and its state now."""

    due: int | None = None
    state: int | None = None


class AnnouncedAnswer(NamedTuple):
    """Event on payment.events that announced that a partner accepted or settled what stands under a reference."""

    lane: int
    number: int
    reference: str


NumbersByKey = Mapping[DisbursementKey, EventNumbers]
UNANNOUNCED = EventNumbers()


async def insert_disbursements(
    connection: Connection, disbursements: Sequence[Disbursement], numbers: NumbersByKey, now: datetime
) -> None:
    """Insert disbursements that have fallen due; raise UniqueViolationError when one exists already."""
    row = attrgetter(*COLUMNS)
    records = [
        (*row(d), *numbers.get(d.key, UNANNOUNCED), now, now if d.state is State.CANCELLED else None)
        for d in disbursements
    ]
    columns_set = (*COLUMNS, "carried_by", "state_carried_by", "changed_at", "cancelled_at")
    await connection.copy_records_to_table("disbursement", columns=columns_set, records=records)


async def insert_holds(
    connection: Connection, held: Sequence[Disbursement], numbers: NumbersByKey, now: datetime
) -> None:
    """Insert holds that were announced just now."""
    records = [(now, numbers[d.key].state, d.reason, *d.key, d.partner) for d in held]
    columns_set = ("held_at", "carried_by", "reason", "redeem_code", "benefit", "partner")
    await connection.copy_records_to_table("hold", columns=columns_set, records=records)


async def update_disbursements(
    connection: Connection, disbursements: Sequence[Disbursement], numbers: NumbersByKey, now: datetime
) -> None:
    """Update the state of disbursements whose latest attempt no partner has accepted or settled."""
    changed = columns(
        disbursements,
        "redeem_code",
        "benefit",
        "state",
        "reason",
        "attempt",
        "reference",
        "partner",
        "tried_version",
        "frozen",
        "ask_at",
        "retry_at",
    )
    announced = [numbers.get(d.key, UNANNOUNCED).state for d in disbursements]
    await connection.execute(QUERIES["update_disbursements"], *changed, now, announced)


async def save_answers(
    connection: Connection,
    answered: Sequence[tuple[Disbursement, Attempt]],
    announced: Sequence[AnnouncedAnswer],
    now: datetime,
) -> None:
    """Save disbursements that partners have accepted or settled, each with the attempt that was reported on.

    `announced`: the events that say so. In the rows of the disbursements their numbers would nearly double the log of
    the update, 96 to 185 bytes; in a row for each run of numbers each takes some 20.
    """
    await connection.execute(
        QUERIES["save_answers"],
        *columns([d for d, _ in answered], "redeem_code", "benefit", "state", "next_check_at"),
        *columns([a for _, a in answered], "accepted_at", "settled_at", "partner_reference"),
        now,
    )
    if runs := [(now, *run) for run in _runs(announced)]:
        await connection.copy_records_to_table("announced_answer", columns=ANSWER_COLUMNS, records=runs)


def _runs(announced: Sequence[AnnouncedAnswer]) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the lane of each run of numbers, its first number, and the references in the order of their numbers."""
    open_runs: dict[int, tuple[int, list[str]]] = {}
    for lane, number, reference in announced:
        first, references = open_runs.get(lane, (number, []))
        if first + len(references) != number:
            yield lane, first, references
            first, references = number, []
        references.append(reference)
        open_runs[lane] = first, references
    for lane, (first, references) in open_runs.items():
        yield lane, first, references


async def postpone_status_checks(
    connection: Connection, disbursements: Sequence[Disbursement], ask_at: datetime, now: datetime
) -> None:
    """Set the time at which the partners of these disbursements are asked again."""
    keys = columns(disbursements, "redeem_code", "benefit")
    await connection.execute(QUERIES["postpone_status_checks"], *keys, ask_at, now)


async def load_unpaid(connection: Connection, redeem_codes: Collection[str]) -> list[Disbursement]:
    """Load the disbursements of these trainings that are not final."""
    return _disbursements(await connection.fetch(QUERIES["load_unpaid"], list(redeem_codes)))


async def annul_disbursements(connection: Connection, annulled: Sequence[Disbursement], now: datetime) -> None:
    """Mark disbursements as annulled; their states stay as they are."""
    if annulled:
        marks = columns(annulled, "redeem_code", "benefit", "annulled")
        await connection.execute(QUERIES["annul_disbursements"], *marks, now)


async def load_grants(connection: Connection, redeem_codes: Collection[str]) -> Mapping[str, Sequence[Grant]]:
    """Load the grants with these trainings by participant, whatever became of them."""
    grants: defaultdict[str, list[Grant]] = defaultdict(list)
    rows = await connection.fetch(QUERIES["load_grants"], list(redeem_codes)) if redeem_codes else []
    for row in rows:
        grants[row["participant_id"]].append(Grant(row["redeem_code"], row["benefit"], row["stands"]))
    return grants


async def load_held_of_participants(connection: Connection, participant_ids: Collection[str]) -> list[Disbursement]:
    """Load the disbursements to these participants that a new account may cure."""
    return _disbursements(await connection.fetch(QUERIES["load_held_of_participants"], list(participant_ids)))


async def load_retries(
    connection: Connection, lanes: Sequence[int], due: datetime, limited: Collection[str], at_most: int
) -> list[Disbursement]:
    """Load held disbursements whose `retry_at` is `due` or earlier, the oldest first.

    Those that wait for room at `limited` partners are left out.
    """
    rows = await connection.fetch(QUERIES["load_retries"], list(lanes), due, at_most, list(limited))
    return _disbursements(rows)


async def postpone_retries(connection: Connection, disbursements: Sequence[Disbursement], until: datetime) -> int:
    """Queue disbursements for `retry` from a time on, except those held for another reason by now; return how many."""
    known = columns(disbursements, "redeem_code", "benefit", "reason")
    return len(await connection.fetch(QUERIES["postpone_retries"], *known, until))


async def load_disbursements(connection: Connection, keys: Collection[DisbursementKey]) -> list[Disbursement]:
    """Load these disbursements as they stand now."""
    codes, benefits = [code for code, _ in keys], [benefit for _, benefit in keys]
    return _disbursements(await connection.fetch(QUERIES["load_disbursements"], codes, benefits))


async def load_under_way(connection: Connection, redeem_codes: Collection[str]) -> list[Disbursement]:
    """Load the disbursements of these trainings that are at a partner without a final report."""
    return _disbursements(await connection.fetch(QUERIES["load_under_way"], list(redeem_codes)))


async def update_state_counts(connection: Connection, moved: Mapping[StateCountKey, tuple[int, int]]) -> None:
    """Add (disbursements, rupiah) to state counts; negative where they left a state."""
    await connection.execute(
        QUERIES["update_state_counts"],
        *columns(moved, "lane", "state", "partner", "benefit", "reason"),
        [count for count, _ in moved.values()],
        [rupiah for _, rupiah in moved.values()],
    )


async def load_disbursement(connection: Connection, redeem_code: str, benefit: str) -> Disbursement | None:
    """Load one disbursement; None if it has not fallen due."""
    row = await connection.fetchrow(QUERIES["load_disbursement"], redeem_code, benefit)
    return None if row is None else disbursement_of(row)


async def freeze_disbursements(connection: Connection, disbursements: Sequence[Disbursement], now: datetime) -> None:
    """Freeze disbursements, none of which may be final; held ones are held for `needs_approval` from then on."""
    keys = columns(disbursements, "redeem_code", "benefit")
    await connection.execute(QUERIES["freeze_disbursements"], *keys, now)


async def save_confirmed(
    connection: Connection, d: Disbursement, settled_at: datetime, partner_reference: str | None, now: datetime
) -> None:
    """Save a disbursement that was paid under a reference which its partner had rejected."""
    settled = (d.reference, d.partner, settled_at, partner_reference)
    await connection.execute(QUERIES["confirm_disbursement"], d.redeem_code, d.benefit, *settled, now)


def _disbursements(rows: Iterable[Record]) -> list[Disbursement]:
    return [disbursement_of(row) for row in rows]


def disbursement_of(row: Record) -> Disbursement:
    """Return the disbursement of a row with all columns of its table."""
    return Disbursement(
        redeem_code=row["redeem_code"],
        benefit=row["benefit"],
        participant_id=row["participant_id"],
        lane=row["lane"],
        wave=row["wave"],
        payee=PAYEES[row["payee"]],
        provider_id=row["provider_id"],
        amount=row["amount"],
        due_at=row["due_at"],
        state=STATES[row["state"]],
        reason=HOLD_REASONS.get(row["reason"]),
        attempt=row["attempt"],
        reference=row["reference"],
        partner=row["partner"],
        tried_version=row["tried_version"],
        frozen=row["frozen"],
        next_check_at=row["ask_at"] or row["retry_at"],
        annulled=ANNULMENTS.get(row["annulled"]),
    )
