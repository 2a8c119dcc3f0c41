"""Evidence that counts, one row per business key, and accepted facts beside it that do not, the spares."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from asyncpg import Connection, Record

from services.completion.domain.evidence import SPARES_OF_A_KEY, Evidence, EvidenceKind, Origin
from services.completion.domain.revocation import Replacement
from services.completion.store import QUERIES

COLUMNS = ("redeem_code", "kind", "part", "happened_at", "seen_at", "source", "id")

EvidenceKey = tuple[str, str, int]
"""(redeem_code, kind, part): the business key of a piece of evidence."""


class KnownEvents(NamedTuple):
    """Events that are known of some enrollments: those that hold a business key, and (redeem_code, event) revoked."""

    holders: dict[EvidenceKey, Origin]
    revoked: set[tuple[str, Origin]]


async def load_known_events(connection: Connection, keys: Collection[EvidenceKey]) -> KnownEvents:
    """Load the events that hold these business keys, and the revoked events of their enrollments.

    The caller has locked the lanes, so no other transaction takes the keys.
    """
    known = KnownEvents({}, set())
    for code, kind, part, on_attendance, source, event_id in await connection.fetch(
        QUERIES["load_known_events"], *map(list, zip(*keys, strict=True))
    ):
        if kind is None:
            known.revoked.add((code, Origin(on_attendance, source, event_id)))
        else:
            known.holders[code, kind, part] = Origin(EvidenceKind(kind).is_attendance, source, event_id)
    return known


async def insert_evidence(
    connection: Connection, evidence: Iterable[tuple[str, Evidence]], ratings: Mapping[str, int | None]
) -> None:
    """Insert (redeem_code, evidence) of business keys that nothing holds.

    `ratings`: the numbers of the events that announced ratings, by redeem code.
    """
    rated = EvidenceKind.TRAINING_RATED
    records = [(*_row(code, fact), ratings.get(code) if fact.kind is rated else None) for code, fact in evidence]
    await connection.copy_records_to_table("evidence", columns=(*COLUMNS, "carried_by"), records=records)


async def insert_spares(connection: Connection, spares: Iterable[tuple[str, Evidence]]) -> None:
    """Insert (redeem_code, evidence) that does not count.

    The same event again is left out, and what goes beyond `SPARES_OF_A_KEY`.
    """
    values = map(list, zip(*(_row(*one) for one in spares), strict=True))
    await connection.execute(QUERIES["insert_spares"], *values, SPARES_OF_A_KEY)


async def replace_evidence(connection: Connection, replacements: Iterable[tuple[str, Replacement]]) -> None:
    """Make ended evidence spares, and promoted spares evidence; the enrollments are open."""
    ended = [(code, fact.kind, fact.part) for code, one in replacements for fact in one.ended]
    promoted = [(code, f.kind, f.part, f.source, f.id) for code, one in replacements for f in one.promoted]
    if ended:
        await connection.execute(QUERIES["demote_evidence"], *map(list, zip(*ended, strict=True)))
    if promoted:
        await connection.execute(QUERIES["promote_spares"], *map(list, zip(*promoted, strict=True)))


async def load_evidence(connection: Connection, redeem_codes: Collection[str]) -> dict[str, list[Evidence]]:
    """Load all evidence of these enrollments by redeem code; an empty list for one without any."""
    found = _evidence(await connection.fetch(QUERIES["load_evidence"], list(redeem_codes)))
    return {code: found.get(code, []) for code in redeem_codes}


async def load_spares(connection: Connection, redeem_codes: Collection[str]) -> dict[str, list[Evidence]]:
    """Load all spares of these enrollments by redeem code; an empty list for one without any."""
    found = _evidence(await connection.fetch(QUERIES["load_spares"], list(redeem_codes)))
    return {code: found.get(code, []) for code in redeem_codes}


async def load_possibly_sufficient_evidence(
    connection: Connection, demanded: Mapping[str, int]
) -> dict[str, list[Evidence]]:
    """Load the evidence of the enrollments that have at least as many pieces as are demanded, by redeem code."""
    rows = await connection.fetch(QUERIES["load_possibly_sufficient_evidence"], list(demanded), list(demanded.values()))
    return _evidence(rows)


async def count_orphaned_facts(connection: Connection) -> int:
    """Return how much evidence, spare or revoked, belongs to no confirmed enrollment. Reads whole tables."""
    return int(await connection.fetchval(QUERIES["count_orphaned_facts"]))


def _row(code: str, fact: Evidence) -> tuple[object, ...]:
    return code, fact.kind, fact.part, fact.happened_at, fact.seen_at, fact.source, fact.id


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
