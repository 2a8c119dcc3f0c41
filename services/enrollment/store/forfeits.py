"""Forfeits of balances, and the moments at which they are computed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.enrollment.domain.forfeit import Forfeit, ForfeitReason
from services.enrollment.store import QUERIES
from shared.postgres.columns import columns

DEADLINE_COLUMNS = ("due_at", "lane", "participant_ids")


class PurchaseDeadline(NamedTuple):
    """The time at which it is computed what a participant forfeits."""

    due_at: datetime
    lane: int
    participant_id: str


# A NamedTuple, whose fields are the columns that are loaded and inserted, in order.
class StoredForfeit(NamedTuple):
    """A forfeit of one participant. `amount` in rupiah; `carried_by`: the number of the event that announced it."""

    participant_id: str
    falls_at: datetime
    lane: int
    wave: str
    amount: int
    reason: ForfeitReason
    carried_by: int | None = None

    @property
    def forfeit(self) -> Forfeit:
        return Forfeit(self.falls_at, self.amount, self.reason)


async def insert_purchase_deadlines(connection: Connection, deadlines: Iterable[PurchaseDeadline]) -> None:
    """Insert deadlines, one row per time and lane."""
    people: defaultdict[tuple[datetime, int], list[str]] = defaultdict(list)
    for deadline in deadlines:
        people[deadline.due_at, deadline.lane].append(deadline.participant_id)
    records = [(*key, of_lane) for key, of_lane in people.items()]
    if records:
        await connection.copy_records_to_table("purchase_deadline", columns=DEADLINE_COLUMNS, records=records)


async def take_purchase_deadlines(
    connection: Connection, lanes: Sequence[int], due_by: datetime, at_most: int
) -> set[str]:
    """Delete the deadlines of at most so many participants, due at or before `due_by`; return the participants."""
    rows = await connection.fetch(QUERIES["take_purchase_deadlines"], list(lanes), due_by, at_most)
    return {person for row in rows for person in row["people"]}


async def load_forfeits(connection: Connection, people: Collection[str]) -> dict[str, list[StoredForfeit]]:
    """Load all forfeits by participant; one without any is missing. Without any participant no query is made."""
    found: defaultdict[str, list[StoredForfeit]] = defaultdict(list)
    if people:
        for row in await connection.fetch(QUERIES["load_forfeits"], list(people)):
            forfeit = StoredForfeit._make(row)
            found[forfeit.participant_id].append(forfeit._replace(reason=ForfeitReason(forfeit.reason)))
    return dict(found)


async def insert_forfeits(connection: Connection, forfeits: Sequence[StoredForfeit], now: datetime) -> None:
    """Insert forfeits, except those that are stored already."""
    if forfeits:
        await connection.execute(QUERIES["insert_forfeits"], *columns(forfeits, *StoredForfeit._fields), now)
