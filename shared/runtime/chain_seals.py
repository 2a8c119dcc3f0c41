"""Seals on the ends of a service's hash chains: made in the migration that adds them, checked by `verify`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncpg import Connection

from shared.errors import Refused
from shared.messaging.chain import ChainKey, Chains, SealedHead, wrong_seal
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.operation_log import OPERATIONS
from shared.postgres.migrations import Migration
from shared.runtime.data_identity import QUERIES, IdentityMismatch, PinnedValue, load_fingerprints
from shared.runtime.definition import Invariant

SEAL_MIGRATION_PREFIX = "sealed_"
"""The name of a migration that adds the columns for seals to a kind of chains begins so."""
RUNBOOK = "docs/runbooks/lost-chain-key.md"


@dataclass(frozen=True, slots=True)
class ChainSeals:
    """The chains of a service, and the key under which it seals their ends."""

    key: ChainKey
    chains: tuple[Chains, ...]

    @classmethod
    def load(cls, folder: Path, service: str, chains: Sequence[Chains] = ()) -> "ChainSeals":
        """Read the key of a service; `chains` are its own, besides the log of operations.

        Raise Refused if the key is missing or malformed.
        """
        return cls(ChainKey.load(folder, service), (OPERATIONS, *chains))

    def pinned(self) -> tuple[PinnedValue, ...]:
        """Return the pins of the data to this key; where no fingerprint is kept, the seals prove it."""
        return tuple(self._pinned(chains) for chains in self.chains)

    def invariant(self) -> Invariant:
        """Return the invariant that `verify` checks."""
        return Invariant("E8", "each hash chain ends under our seal", self.breaches)

    async def breaches(self, connection: Connection) -> list[str]:
        """Return a sentence for each end that this key has not sealed."""
        heads = [head for chains in self.chains for head in await chains.heads(connection)]
        return [wrong_seal(head) for head in heads if not self.key.fits(head)]

    async def seal_in_migration(self, connection: Connection, migration: Migration) -> None:
        """Seal the ends in the transaction of the migration that adds the columns for seals, and at no other time.

        Otherwise a seal could be blanked and would be made anew. Raise IdentityMismatch if they were sealed before.
        """
        for chains in self.chains:
            if migration.name != SEAL_MIGRATION_PREFIX + chains.kind:
                continue
            if _fingerprint_name(chains) in await load_fingerprints(connection):
                raise IdentityMismatch(f"the {chains.kind} were sealed before, and their seals are gone; see {RUNBOOK}")
            await self._seal(connection, chains)

    async def seal_anew(self, connection: Connection, operator: Operator, checks: Sequence[Invariant]) -> Outcome:
        """Seal every end under this key in place of a lost one, and record it in the log of operations.

        Raise Refused if the data were sealed under this key (an end without its seal was then written by
        another), or if one of `checks`, which read the rows of the chains, finds a breach.
        """
        known = await load_fingerprints(connection)
        wanted = {pinned.name: pinned.value for pinned in self.pinned()}
        if wanted.items() <= known.items():
            raise Refused(f"{self.key.name} is the key of these data, and not lost; `verify` checks the seals")
        for check in checks:
            if found := await check.check(connection):
                raise Refused(f"a new seal would hide that a chain was changed: {found[0]}; see {RUNBOOK}")
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
