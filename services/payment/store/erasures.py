"""Participants who were erased, and the account numbers that go with them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from services.payment.domain.block import Block
from services.payment.domain.disbursement import Disbursement
from services.payment.store import QUERIES
from services.payment.store.disbursements import disbursement_of
from shared.postgres.columns import columns


@dataclass(frozen=True, slots=True)
class Erasure:
    """Erasure of a participant. `erased_at` None: known from our own events alone, after a restore.

    `caused_by`: the number of the event on enrollment.events.
    """

    participant_id: str
    lane: int
    erased_at: datetime | None = None
    caused_by: int | None = None


@dataclass(frozen=True, slots=True)
class Barred:
    """Participants who were ever blocked or unblocked, and those who were erased."""

    blocks: Mapping[str, Sequence[Block]]
    erased: Collection[str]


async def insert_erasures(connection: Connection, erasures: Collection[Erasure]) -> set[str]:
    """Insert erasures; return the participants of whom no event had said so. None may be listed twice."""
    rows = await connection.fetch(
        QUERIES["insert_erasures"], *columns(erasures, "participant_id", "lane", "erased_at", "caused_by")
    )
    return {row["participant_id"] for row in rows}


async def load_barred(connection: Connection, participant_ids: Collection[str]) -> Barred:
    """Load what keeps these participants from being paid, in one query."""
    rows = await connection.fetch(QUERIES["load_barred"], list(participant_ids))
    blocks: defaultdict[str, list[Block]] = defaultdict(list)
    for row in rows:
        if not row["erased"]:
            blocks[row["participant_id"]].append(Block(row["at"], row["blocked"]))
    return Barred(blocks, {row["participant_id"] for row in rows if row["erased"]})


async def erase_accounts(connection: Connection, participant_ids: Collection[str]) -> None:
    """Erase the numbers of the accounts that these participants linked."""
    await connection.execute(QUERIES["erase_accounts"], list(participant_ids))


async def erase_attempt_accounts(connection: Connection, references: Sequence[str]) -> None:
    """Erase the account numbers of those of these attempts, all of them over, that went to erased participants."""
    if references:
        await connection.execute(QUERIES["erase_attempt_accounts"], references)


async def load_attempted(connection: Connection, redeem_codes: Collection[str]) -> list[Disbursement]:
    """Load the disbursements to participants, of these trainings, of which an attempt was made."""
    return [disbursement_of(row) for row in await connection.fetch(QUERIES["load_attempted"], list(redeem_codes))]
