"""Contradictions: reports against what was known of a reference."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.domain.attempt import Contradiction, Report
from services.payment.domain.disbursement import DisbursementKey
from services.payment.store import QUERIES
from shared.contracts.park_reasons import ParkReason
from shared.postgres.columns import columns


async def insert_contradictions(
    connection: Connection, contradictions: Sequence[Contradiction], now: datetime
) -> set[DisbursementKey]:
    """Insert contradictions, and return the disbursements of those that are new."""
    rows = await connection.fetch(
        QUERIES["insert_contradictions"],
        *columns(contradictions, "report.reference", "partner", "report.status", "report.amount"),
        [c.report.reason or "" for c in contradictions],
        *columns(contradictions, "redeem_code", "benefit", "attempt"),
        *columns(contradictions, "report.partner_reference", "report.reported_at"),
        now,
    )
    return {(row["redeem_code"], row["benefit"]) for row in rows}


async def load_unresolved(connection: Connection, keys: Collection[DisbursementKey]) -> set[DisbursementKey]:
    """Load those of these disbursements that were contradicted, and of which no attempt after that was approved."""
    codes, benefits = [code for code, _ in keys], [benefit for _, benefit in keys]
    rows = await connection.fetch(QUERIES["load_unresolved"], codes, benefits)
    return {(row["redeem_code"], row["benefit"]) for row in rows}


async def count_contradictions(connection: Connection, keys: Collection[DisbursementKey]) -> dict[DisbursementKey, int]:
    """Return the number of contradictions about those of these disbursements that have any."""
    codes, benefits = [code for code, _ in keys], [benefit for _, benefit in keys]
    rows = await connection.fetch(QUERIES["count_contradictions"], codes, benefits)
    return {(row["redeem_code"], row["benefit"]): row["contradictions"] for row in rows}


async def load_parked_reports(connection: Connection, reasons: Iterable[ParkReason]) -> list[tuple[str, bytes | None]]:
    """Load the reports parked for these reasons in the order in which they came: sealed, with a person's secret."""
    rows = await connection.fetch(QUERIES["load_parked_reports"], [reason.value for reason in reasons])
    return [(row["sealed"], row["secret"]) for row in rows]


async def count_frozen(connection: Connection) -> int:
    """Return the number of frozen disbursements."""
    return int(await connection.fetchval(QUERIES["count_frozen"]))


async def load_contradictions(connection: Connection, redeem_code: str, benefit: str) -> list[Contradiction]:
    """Load the contradictions about one disbursement, the latest last."""
    return [_contradiction(row) for row in await connection.fetch(QUERIES["load_contradictions"], redeem_code, benefit)]


def _contradiction(row: Record) -> Contradiction:
    report = Report(
        reference=row["reference"],
        status=row["status"],
        amount=row["amount"],
        reason=row["reason"] or None,
        partner_reference=row["partner_reference"],
        reported_at=row["reported_at"],
    )
    return Contradiction(report, row["partner"], row["redeem_code"], row["benefit"], row["attempt"])
