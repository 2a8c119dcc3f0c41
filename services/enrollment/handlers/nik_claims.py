"""Once per NIK, for ever; and a refusal gives the NIK back, also to the next one in the same batch."""

from collections.abc import Collection, Iterable

from services.enrollment.handlers import NIK
from shared.messaging.transaction.transaction import Transaction


class NikClaims:
    """Who holds which NIK, by its keyed index, while a batch is decided."""

    def __init__(self, holders: dict[str, str], admitted: set[str], fresh: Collection[str]) -> None:
        self._holders = holders
        self._admitted = admitted
        self._unused = set(fresh)
        self._released: set[str] = set()
        self._reassigned: dict[str, str] = {}

    @classmethod
    async def claim(cls, tx: Transaction, wanted: Iterable[tuple[str, str]], admitted: set[str]) -> "NikClaims":
        """`wanted`: (index, participant), the first one first; `admitted`: participants who already are."""
        first: dict[str, str] = {}
        for index, participant_id in wanted:
            first.setdefault(index, participant_id)
        holders = await tx.claim(NIK, first)
        return cls(holders, set(admitted), tx.claimed_here(NIK))

    def is_free(self, index: str, participant_id: str) -> bool:
        """Neither the NIK nor the participant was ever admitted."""
        mine = self._holders[index] == participant_id or index in self._released
        return mine and participant_id not in self._admitted

    def take(self, index: str, participant_id: str) -> None:
        self._admitted.add(participant_id)
        self._released.discard(index)
        self._unused.discard(index)
        if self._holders[index] != participant_id:
            self._holders[index] = self._reassigned[index] = participant_id

    def release(self, index: str, participant_id: str) -> None:
        """Only what was claimed just now and nobody was admitted under."""
        if self._holders[index] == participant_id and index in self._unused:
            self._released.add(index)

    async def flush(self, tx: Transaction) -> None:
        """Makes the claims say what was decided."""
        await tx.release_claims(NIK, self._released | self._reassigned.keys())
        if await tx.claim(NIK, self._reassigned) != self._reassigned:
            raise RuntimeError("a NIK that was given back is held by another participant")
