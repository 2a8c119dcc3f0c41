"""Evidence that counts, one row per business key."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.completion.domain.evidence import Evidence, EvidenceKind
from services.completion.store import QUERIES

COLUMNS = ("redeem_code", "kind", "part", "happened_at", "seen_at", "source", "id")

EvidenceKey = tuple[str, str, int]
"""(redeem_code, kind, part): the business key of a piece of evidence."""


async def insert_evidence(
    connection: Connection, evidence: Sequence[tuple[str, Evidence]], now: datetime
) -> set[EvidenceKey]:
    """Insert (redeem_code, evidence) accepted now; return the keys that were not known before.

    No key may be listed twice. The caller has locked the lanes, so no other transaction inserts the same keys.
    """
    keys = [(code, fact.kind, fact.part) for code, fact in evidence]
    rows = await connection.fetch(QUERIES["load_evidence_keys"], *map(list, zip(*keys, strict=True)))
    known = {(row["redeem_code"], row["kind"], row["part"]) for row in rows}
    new = [(code, fact) for code, fact in evidence if (code, fact.kind.value, fact.part) not in known]
    records = [(code, f.kind, f.part, f.happened_at, now, f.source, f.id) for code, f in new]
    await connection.copy_records_to_table("evidence", columns=COLUMNS, records=records)
    return {(code, fact.kind.value, fact.part) for code, fact in new}


async def load_evidence(connection: Connection, redeem_codes: Collection[str]) -> dict[str, list[Evidence]]:
    """Load all evidence of these enrollments by redeem code; an empty list for one without any."""
    found = _evidence(await connection.fetch(QUERIES["load_evidence"], list(redeem_codes)))
    return {code: found.get(code, []) for code in redeem_codes}


async def load_possibly_sufficient_evidence(
    connection: Connection, demanded: Mapping[str, int]
) -> dict[str, list[Evidence]]:
    """Load the evidence of the enrollments that have at least as many pieces as are demanded, by redeem code."""
    rows = await connection.fetch(QUERIES["load_possibly_sufficient_evidence"], list(demanded), list(demanded.values()))
    return _evidence(rows)


async def count_orphaned_evidence(connection: Connection) -> int:
    """Return the number of pieces of evidence that belong to no confirmed enrollment. Reads the whole table."""
    return int(await connection.fetchval(QUERIES["count_orphaned_evidence"]))


def _evidence(rows: Iterable[Record]) -> dict[str, list[Evidence]]:
    found: dict[str, list[Evidence]] = {}
    for row in rows:
        fact = Evidence(
            kind=EvidenceKind(row["kind"]),
            part=row["part"],
            source=row["source"],
            id=row["id"],
            happened_at=row["happened_at"],
            seen_at=row["seen_at"],
        )
        found.setdefault(row["redeem_code"], []).append(fact)
    return found
