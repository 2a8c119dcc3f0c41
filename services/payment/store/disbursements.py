"""Disbursements."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.disbursement import CURED_BY_ACCOUNT, Disbursement, HoldReason, State
from services.payment.domain.right import Payee
from services.payment.store import QUERIES

COLUMNS = (
    "redeem_code",
    "benefit",
    "participant_id",
    "lane",
    "wave",
    "component",
    "payee",
    "amount",
    "due_at",
    "state",
    "reason",
    "attempt",
    "reference",
    "partner",
    "tried_version",
    "look_again_at",
)


class Place(NamedTuple):
    """Where a disbursement is counted; an empty text for none."""

    lane: int
    state: State
    partner: str
    benefit: str
    reason: str


async def insert_disbursements(connection: Connection, disbursements: Sequence[Disbursement], now: datetime) -> None:
    """Adds rights that have fallen due; one that exists already is a broken invariant."""
    rows = [(*(getattr(d, name) for name in COLUMNS), now) for d in disbursements]
    await connection.copy_records_to_table("disbursement", columns=(*COLUMNS, "changed_at"), records=rows)


async def update_disbursements(connection: Connection, disbursements: Sequence[Disbursement], now: datetime) -> None:
    """Where these stand now."""
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
        [d.approved for d in disbursements],
        [d.look_again_at for d in disbursements],
        now,
    )


async def load_disbursements(
    connection: Connection, rights: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Disbursement]:
    """By (redeem_code, benefit)."""
    rows = await connection.fetch(
        QUERIES["load_disbursements"], [code for code, _ in rights], [benefit for _, benefit in rights]
    )
    return {d.right: d for d in _disbursements(rows)}


async def load_held_of_participants(connection: Connection, participant_ids: Collection[str]) -> list[Disbursement]:
    """What these participants wait for themselves."""
    return _disbursements(await connection.fetch(QUERIES["load_held_of_participants"], list(participant_ids)))


async def load_releasable(
    connection: Connection, lanes: Sequence[int], now: datetime, at_most: int
) -> list[Disbursement]:
    """Held ones whose cure is there, oldest first; so many at most of each cure."""
    cured = list(CURED_BY_ACCOUNT)
    return _disbursements(await connection.fetch(QUERIES["load_releasable"], list(lanes), now, at_most, cured))


async def load_unanswered(
    connection: Connection, lanes: Sequence[int], due: datetime, at_most: int
) -> list[Disbursement]:
    """Those at a partner whose time to answer was up at `due`."""
    return _disbursements(await connection.fetch(QUERIES["load_unanswered"], list(lanes), due, at_most))


async def move_tally(connection: Connection, moved: Mapping[Place, tuple[int, int]]) -> None:
    """(disbursements, rupiah) that came to each place, or left it (negative)."""
    places, amounts = list(moved), list(moved.values())
    await connection.execute(
        QUERIES["move_tally"],
        [place.lane for place in places],
        [place.state for place in places],
        [place.partner for place in places],
        [place.benefit for place in places],
        [place.reason for place in places],
        [count for count, _ in amounts],
        [rupiah for _, rupiah in amounts],
    )


async def approve_disbursement(connection: Connection, redeem_code: str, benefit: str) -> int | None:
    """Its amount in rupiah; None if it does not wait for an approval."""
    amount: int | None = await connection.fetchval(QUERIES["approve_disbursement"], redeem_code, benefit)
    return amount


def _disbursements(rows: Iterable[Record]) -> list[Disbursement]:
    return [
        Disbursement(
            redeem_code=row["redeem_code"],
            benefit=row["benefit"],
            participant_id=row["participant_id"],
            lane=row["lane"],
            wave=row["wave"],
            payee=Payee(row["payee"]),
            provider_id=row["provider_id"],
            amount=row["amount"],
            due_at=row["due_at"],
            state=State(row["state"]),
            reason=HoldReason(row["reason"]) if row["reason"] else None,
            attempt=row["attempt"],
            reference=row["reference"],
            partner=row["partner"],
            tried_version=row["tried_version"],
            approved=row["approved"],
            look_again_at=row["look_again_at"],
        )
        for row in rows
    ]
