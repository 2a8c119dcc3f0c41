"""Use of the limits of partners, and the disbursements that wait for room."""

from collections.abc import Collection, Sequence
from datetime import datetime

from asyncpg import Connection

from services.payment.domain.calendar import JAKARTA
from services.payment.domain.disbursement import Disbursement, DisbursementKey
from services.payment.domain.funds import QueuedDisbursement
from services.payment.domain.partner_limits import PartnerUse
from services.payment.store import QUERIES
from services.payment.store.disbursements import disbursement_of


async def lock_partner_use(connection: Connection, partner: str, now: datetime) -> PartnerUse:
    """Lock what is used of a partner's limits to the end of the transaction; insert its row if there is none."""
    await connection.execute(QUERIES["open_partner_use"], partner, now, now.astimezone(JAKARTA).date())
    (row,) = await connection.fetch(QUERIES["lock_partner_use"], partner)
    return PartnerUse(row["rate_used_until"], row["day"], row["rupiah"])


async def update_partner_use(connection: Connection, partner: str, use: PartnerUse) -> None:
    """Save what is used of a partner's limits; its row must be locked."""
    await connection.execute(QUERIES["update_partner_use"], partner, *use)


async def count_in_flight(connection: Connection, partner: str) -> int:
    """Count the disbursements at a partner without a final report."""
    return int(await connection.fetchval(QUERIES["count_in_flight"], partner))


async def load_paused(
    connection: Connection, partner: str, retry_until: datetime, largest: int, at_most: int
) -> list[QueuedDisbursement]:
    """Load what waits for room at a partner in any lane, the oldest first, up to an amount."""
    rows = await connection.fetch(QUERIES["load_paused"], partner, retry_until, largest, at_most)
    return [
        QueuedDisbursement((row["due_at"], row["redeem_code"], row["benefit"]), row["lane"], row["amount"])
        for row in rows
    ]


async def load_unlimited(
    connection: Connection, lanes: Sequence[int], unlimited: Collection[str], at_most: int
) -> list[Disbursement]:
    """Load what waits for room in these lanes and needs none; up to `at_most` of each kind, the oldest first.

    Its partner is one of `unlimited`, or it may have been instructed before a restore.
    """
    rows = await connection.fetch(QUERIES["load_unlimited"], list(lanes), list(unlimited), at_most)
    return [disbursement_of(row) for row in rows]


async def sum_instructed(connection: Connection, partner: str, keys: Collection[DisbursementKey]) -> tuple[int, int]:
    """Return the number and the rupiah of those of these disbursements that were instructed to a partner."""
    codes, benefits = [code for code, _ in keys], [benefit for _, benefit in keys]
    (row,) = await connection.fetch(QUERIES["sum_instructed"], partner, codes, benefits)
    return row["disbursements"], row["rupiah"]
