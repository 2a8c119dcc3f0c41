"""Claims on NIKs: one admission per NIK, ever; a refusal frees the NIK, also for the next one in the same batch."""

from collections.abc import Collection, Iterable

from services.enrollment.domain.claim_kinds import NIK
from shared.errors import InvariantBroken
from shared.messaging.transaction.transaction import Transaction


class NikClaims:
    """The holders of NIKs, by keyed index, while a batch is decided."""

    def __init__(self, holders: dict[str, str], admitted: set[str], fresh: Collection[str]) -> None:
        self._holders = holders
        self._admitted = admitted
        self._unused = set(fresh)
        self._freed: set[str] = set()
        self._reassigned: dict[str, str] = {}

    @classmethod
    async def claim(cls, tx: Transaction, wanted: Iterable[tuple[str, str]], admitted: set[str]) -> "NikClaims":
        """Claim NIKs for the first applicant of each.

        `wanted`: (index, participant) in order of arrival; `admitted`: participants who already are.
        """
        first: dict[str, str] = {}
        for index, participant_id in wanted:
            first.setdefault(index, participant_id)
        holders = await tx.claim(NIK, first)
        return cls(holders, set(admitted), tx.claimed_here(NIK))

    def is_free(self, index: str, participant_id: str) -> bool:
        """Return True if neither the NIK nor the participant was ever admitted."""
        mine = self._holders[index] == participant_id or index in self._freed
        return mine and participant_id not in self._admitted

    def take(self, index: str, participant_id: str) -> None:
        self._admitted.add(participant_id)
        self._freed.discard(index)
        self._unused.discard(index)
        if self._holders[index] != participant_id:
            self._holders[index] = self._reassigned[index] = participant_id

    def free(self, index: str, participant_id: str) -> None:
        """Free the NIK, if it was claimed by this batch and nobody was admitted under it."""
        if self._holders[index] == participant_id and index in self._unused:
            self._freed.add(index)

    async def flush(self, tx: Transaction) -> None:
        """Write the claims as decided. Raise InvariantBroken if a freed NIK has another holder."""
        await tx.unclaim(NIK, self._freed | self._reassigned.keys())
        holders = await tx.claim(NIK, self._reassigned)
        for index, participant_id in self._reassigned.items():
            if holders[index] != participant_id:
                raise InvariantBroken(
                    participant_id, "the NIK freed for it is held by another one; check the claims with `verify`"
                )
