"""Disbursements."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, DisbursementKey, HoldReason, State
from services.payment.domain.entitlement import Grant, Payee
from services.payment.store import QUERIES

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
    "changed_at",
)
PAYEES = {payee.value: payee for payee in Payee}
STATES = {state.value: state for state in State}
HOLD_REASONS = {reason.value: reason for reason in HoldReason}


class StateCountKey(NamedTuple):
    """Where a disbursement is counted; an empty text for none."""

    lane: int
    state: State
    partner: str
    benefit: str
    reason: str


async def insert_disbursements(connection: Connection, disbursements: Sequence[Disbursement], now: datetime) -> None:
    """Adds rights that have fallen due; one that exists already is a broken invariant."""
    rows = [
        (
            d.redeem_code,
            d.benefit,
            d.participant_id,
            d.lane,
            d.wave,
            d.component,
            d.payee,
            d.provider_id,
            d.amount,
            d.due_at,
            d.state,
            d.reason,
            d.attempt,
            d.reference,
            d.partner,
            d.tried_version,
            _ask_at(d),
            _retry_at(d),
            now,
        )
        for d in disbursements
    ]
    await connection.copy_records_to_table("disbursement", columns=COLUMNS, records=rows)


async def update_disbursements(connection: Connection, disbursements: Sequence[Disbursement], now: datetime) -> None:
    """Where these stand now, as nobody has answered their latest attempt yet."""
    await connection.execute(
        QUERIES["update_disbursements"],
        [d.redeem_code for d in disbursements],
        [d.benefit for d in disbursements],
        [d.state for d in disbursements],
        [d.reason for d in disbursements],
        [d.attempt for d in disbursements],
        [d.reference for d in disbursements],
        [d.partner for d in disbursements],
        [d.tried_version for d in disbursements],
        [d.frozen for d in disbursements],
        [_ask_at(d) for d in disbursements],
        [_retry_at(d) for d in disbursements],
        now,
    )


async def save_answers(connection: Connection, answered: Sequence[tuple[Disbursement, Attempt]], now: datetime) -> None:
    """What partners have accepted or settled, with the attempt that they speak of."""
    await connection.execute(
        QUERIES["save_answers"],
        [d.redeem_code for d, _ in answered],
        [d.benefit for d, _ in answered],
        [d.state for d, _ in answered],
        [d.next_check_at for d, _ in answered],
        [a.accepted_at for _, a in answered],
        [a.settled_at for _, a in answered],
        [a.partner_reference for _, a in answered],
        now,
    )


async def postpone_status_checks(
    connection: Connection, disbursements: Sequence[Disbursement], ask_at: datetime, now: datetime
) -> None:
    """Their partners were asked, and are asked again at `ask_at`."""
    codes, benefits = [d.redeem_code for d in disbursements], [d.benefit for d in disbursements]
    await connection.execute(QUERIES["postpone_status_checks"], codes, benefits, ask_at, now)


async def load_grants(connection: Connection, redeem_codes: Collection[str]) -> Mapping[str, Sequence[Grant]]:
    """participant_id -> what has ever fallen due to the participant with these trainings."""
    grants: defaultdict[str, list[Grant]] = defaultdict(list)
    rows = await connection.fetch(QUERIES["load_grants"], list(redeem_codes)) if redeem_codes else []
    for row in rows:
        grants[row["participant_id"]].append(Grant(row["redeem_code"], row["benefit"], row["stands"]))
    return grants


async def load_held_of_participants(connection: Connection, participant_ids: Collection[str]) -> list[Disbursement]:
    """What these participants wait for themselves."""
    return _disbursements(await connection.fetch(QUERIES["load_held_of_participants"], list(participant_ids)))


async def load_retries(connection: Connection, lanes: Sequence[int], due: datetime, at_most: int) -> list[Disbursement]:
    """Held ones that were put off until `due` or before, oldest first."""
    return _disbursements(await connection.fetch(QUERIES["load_retries"], list(lanes), due, at_most))


async def postpone_retries(connection: Connection, disbursements: Sequence[Disbursement], until: datetime) -> int:
    """Put these off until then, unless they are held for something else by now; return how many were."""
    codes, benefits = [d.redeem_code for d in disbursements], [d.benefit for d in disbursements]
    reasons = [d.reason for d in disbursements]
    return len(await connection.fetch(QUERIES["postpone_retries"], codes, benefits, reasons, until))


async def load_disbursements(connection: Connection, keys: Collection[DisbursementKey]) -> list[Disbursement]:
    """Return these, as they stand now."""
    codes, benefits = [code for code, _ in keys], [benefit for _, benefit in keys]
    return _disbursements(await connection.fetch(QUERIES["load_disbursements"], codes, benefits))


async def load_under_way(connection: Connection, redeem_codes: Collection[str]) -> list[Disbursement]:
    """Of these trainings, those at a partner without a final word."""
    return _disbursements(await connection.fetch(QUERIES["load_under_way"], list(redeem_codes)))


async def update_state_counts(connection: Connection, moved: Mapping[StateCountKey, tuple[int, int]]) -> None:
    """(disbursements, rupiah) that came to each place, or left it (negative)."""
    places, amounts = list(moved), list(moved.values())
    await connection.execute(
        QUERIES["update_state_counts"],
        [place.lane for place in places],
        [place.state for place in places],
        [place.partner for place in places],
        [place.benefit for place in places],
        [place.reason for place in places],
        [count for count, _ in amounts],
        [rupiah for _, rupiah in amounts],
    )


async def load_disbursement(connection: Connection, redeem_code: str, benefit: str) -> Disbursement | None:
    """Return one right; None if it has not fallen due."""
    row = await connection.fetchrow(QUERIES["load_disbursement"], redeem_code, benefit)
    return None if row is None else disbursement_of(row)


async def freeze_disbursements(connection: Connection, disbursements: Sequence[Disbursement], now: datetime) -> None:
    """Keep these from another attempt until a person has looked; none may be final."""
    codes, benefits = [d.redeem_code for d in disbursements], [d.benefit for d in disbursements]
    await connection.execute(QUERIES["freeze_disbursements"], codes, benefits, now)


async def save_confirmed(
    connection: Connection, d: Disbursement, settled_at: datetime, partner_reference: str | None, now: datetime
) -> None:
    """Save a right that was paid under a reference which its partner had rejected."""
    settled = (d.reference, d.partner, settled_at, partner_reference)
    await connection.execute(QUERIES["confirm_disbursement"], d.redeem_code, d.benefit, *settled, now)


def _ask_at(d: Disbursement) -> datetime | None:
    return d.next_check_at if d.reason is None else None


def _retry_at(d: Disbursement) -> datetime | None:
    return d.next_check_at if d.reason is not None else None


def _disbursements(rows: Iterable[Record]) -> list[Disbursement]:
    return [disbursement_of(row) for row in rows]


def disbursement_of(row: Record) -> Disbursement:
    """From a row that holds all columns of its table."""
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
    )
