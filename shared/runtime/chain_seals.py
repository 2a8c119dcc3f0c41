"""Seal the ends of a service's chains when there is room for seals, and check that each bears its seal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncpg import Connection

from shared.messaging.chain import ChainKey, Chains, SealedHead, wrong_seal
from shared.messaging.engine.operations import OperationRefused, Operator, Outcome
from shared.messaging.operation_log import OPERATIONS
from shared.postgres.migrations import Migration
from shared.runtime.data_identity import QUERIES, IdentityMismatch, PinnedValue, load_fingerprints
from shared.runtime.definition import Invariant

SEAL_MIGRATION_PREFIX = "sealed_"
"""So begins the name of a migration that makes room for the seals of a kind of chains."""
RUNBOOK = "docs/runbooks/lost-chain-key.md"


@dataclass(frozen=True, slots=True)
class ChainSeals:
    """The chains of a service, and the key under which it seals their ends."""

    key: ChainKey
    chains: tuple[Chains, ...]

    @classmethod
    def load(cls, folder: Path, service: str, chains: Sequence[Chains] = ()) -> "ChainSeals":
        """Read the key of a service; `chains` are its own, beside the log of operations. Raises ValueError."""
        return cls(ChainKey.load(folder, service), (OPERATIONS, *chains))

    def pinned(self) -> tuple[PinnedValue, ...]:
        """Return what holds the data to this key: without a fingerprint, the seals themselves prove it."""
        return tuple(self._pinned(chains) for chains in self.chains)

    def invariant(self) -> Invariant:
        """Return the check of the seals, for `verify`."""
        return Invariant("E8", "the ends of chains bear our seal", self.breaches)

    async def breaches(self, connection: Connection) -> list[str]:
        """Name each end that this key has not sealed."""
        heads = [head for chains in self.chains for head in await chains.heads(connection)]
        return [wrong_seal(head) for head in heads if not self.key.fits(head)]

    async def seal_in_migration(self, connection: Connection, migration: Migration) -> None:
        """Seal what stands, in the transaction of the migration that makes room for seals, and at no other time.

        Else somebody could blank a seal and have it made anew. Raises WrongIdentity where it was sealed before.
        """
        for chains in self.chains:
            if migration.name != SEAL_MIGRATION_PREFIX + chains.kind:
                continue
            if _fingerprint_name(chains) in await load_fingerprints(connection):
                raise IdentityMismatch(f"the {chains.kind} were sealed before, and their seals are gone; see {RUNBOOK}")
            await self._seal(connection, chains)

    async def seal_anew(self, connection: Connection, operator: Operator, checks: Sequence[Invariant]) -> Outcome:
        """Seal every end under this key, since the one before is lost; what was done is the log's next row.

        Raises Refused where this is the key of these data: an end that it has not sealed is somebody else's then. So it
        does where one of the checks of the chains' rows names a breach.
        """
        known = await load_fingerprints(connection)
        wanted = {fixed.name: fixed.value for fixed in self.pinned()}
        if wanted.items() <= known.items():
            raise OperationRefused(f"{self.key.name} is the key of these data, and not lost; `verify` checks the seals")
        for check in checks:
            if found := await check.check(connection):
                raise OperationRefused(f"what stands in the chains is not what was written: {found[0]}")
        await connection.execute(QUERIES["delete_fingerprints"], list(wanted))
        sealed = [head for chains in self.chains for head in await self._seal(connection, chains)]
        ends = {head.chain: head.number for head in sealed}
        await operator.record(connection, "chains seal-anew", ends=ends)
        listed = ", ".join(f"{chain} at {number}" for chain, number in ends.items())
        return Outcome(changed=True, sentence=f"sealed anew under {self.key.name}: {listed}")

    async def _seal(self, connection: Connection, chains: Chains) -> list[SealedHead]:
        sealed = [self.key.seal(head.chain, head.number, head.hash) for head in await chains.heads(connection)]
        await chains.save(connection, sealed)
        await connection.execute(QUERIES["insert_fingerprints"], [_fingerprint_name(chains)], [self.key.fingerprint])
        return sealed

    def _pinned(self, chains: Chains) -> PinnedValue:
        async def find_mismatch(connection: Connection) -> str | None:
            fits = all(self.key.fits(head) for head in await chains.heads(connection))
            return None if fits else self.key.name

        return PinnedValue(_fingerprint_name(chains), self.key.name, self.key.fingerprint, find_mismatch)


def _fingerprint_name(chains: Chains) -> str:
    return f"{chains.kind}-chain"
