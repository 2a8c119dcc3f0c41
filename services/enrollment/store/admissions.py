"""Admissions: decisions about a participant and a wave."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.enrollment.domain.admission import AdmissionRefusal
from services.enrollment.domain.block import Block
from services.enrollment.domain.forfeit import Forfeit
from services.enrollment.domain.purchase import Participant
from services.enrollment.store import QUERIES


# A NamedTuple, whose fields are the columns that are copied and loaded, in order.
class Admission(NamedTuple):
    """A decision about a participant and a wave. `reason` None: admitted, with a balance in rupiah and an identity.

    `cut_off_at` is the wave's; `has_forfeited`: forfeits of this participant are stored.
    """

    participant_id: str
    wave: str
    lane: int
    reason: AdmissionRefusal | None
    scheme: str
    scheme_version: int
    balance: int | None
    regency: str
    admitted_at: datetime
    identity_index: bytes | None
    content_digest: bytes
    cut_off_at: datetime | None = None
    has_forfeited: bool = False

    @property
    def admitted(self) -> bool:
        return self.reason is None

    def participant(self, blocks: Sequence[Block] = (), forfeits: Sequence[Forfeit] = ()) -> Participant | None:
        """Return the participant as the rules need it; None for one who was not admitted."""
        if self.reason is not None or self.balance is None:
            return None
        return Participant(self.regency, self.admitted_at, self.balance, blocks, self.cut_off_at, forfeits)


# The columns of a new row; the others stand in other tables.
OWN_FIELD_COUNT = Admission._fields.index("cut_off_at")
ADMISSION_COLUMNS = (*Admission._fields[:OWN_FIELD_COUNT], "state", "carried_by", "decided_at")


async def load_admissions(connection: Connection, people: Collection[str]) -> dict[str, list[Admission]]:
    """Load all admissions by participant; a participant without any is missing."""
    found: defaultdict[str, list[Admission]] = defaultdict(list)
    for admission in map(Admission._make, await connection.fetch(QUERIES["load_admissions"], list(people))):
        reason = admission.reason and AdmissionRefusal(admission.reason)
        found[admission.participant_id].append(admission._replace(reason=reason) if reason else admission)
    return dict(found)


async def insert_admissions(
    connection: Connection, admissions: Sequence[Admission], carried_by: Sequence[int | None], now: datetime
) -> None:
    """Insert decisions, each with the number of its event. None of them may exist already."""
    records = [
        (*a[:OWN_FIELD_COUNT], "admitted" if a.admitted else "refused", number, now)
        for a, number in zip(admissions, carried_by, strict=True)
    ]
    await connection.copy_records_to_table("admission", columns=ADMISSION_COLUMNS, records=records)
