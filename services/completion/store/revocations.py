"""Revocations: events that report no evidence any more, by redeem code."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.completion.domain.evidence import Origin
from services.completion.domain.revocation import Revocation
from services.completion.store import QUERIES

COLUMNS = ("redeem_code", "on_attendance", "source", "id", "reason", "revoked_at", "ends_completion", "seen_at")


class StoredRevocation(NamedTuple):
    """A revocation of one enrollment's evidence; `ends_completion`: it left too little for the completion."""

    redeem_code: str
    revocation: Revocation
    ends_completion: bool
    seen_at: datetime


async def insert_revocations(connection: Connection, revocations: Sequence[StoredRevocation]) -> None:
    """Insert revocations of events that are not revoked yet."""
    records = [
        (one.redeem_code, *one.revocation.origin, *one.revocation[1:], one.ends_completion, one.seen_at)
        for one in revocations
    ]
    await connection.copy_records_to_table("revocation", columns=COLUMNS, records=records)


async def load_revocations(connection: Connection, redeem_codes: Collection[str]) -> dict[str, list[StoredRevocation]]:
    """Load the revocations of these enrollments by redeem code; an empty list for one without any."""
    found: dict[str, list[StoredRevocation]] = {code: [] for code in redeem_codes}
    for row in await connection.fetch(QUERIES["load_revocations"], list(redeem_codes)):
        origin = Origin(row["on_attendance"], row["source"], row["id"])
        revocation = Revocation(origin, row["reason"], row["revoked_at"])
        found[row["redeem_code"]].append(
            StoredRevocation(row["redeem_code"], revocation, row["ends_completion"], row["seen_at"])
        )
    return found
