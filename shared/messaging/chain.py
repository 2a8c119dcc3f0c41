"""Seals over the ends of hash chains, under a key that Postgres does not have: they expose a rewritten chain."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from asyncpg import Connection

from shared.contracts.keys import fingerprint, read_key
from shared.errors import InvariantBroken, Refused

GENESIS = bytes(32)


class BrokenChain(InvariantBroken):
    """The end of a chain is not the one that this service wrote."""


class SealedHead(NamedTuple):
    """The last row of a chain: its number (0: none yet), its hash, and the seal over both (None: not sealed).

    A tuple, since the rows of the ends are compared and merged by value.
    """

    chain: str
    number: int
    hash: bytes
    seal: bytes | None


class ChainKey:
    """The key under which one service seals its chains."""

    def __init__(self, service: str, key: bytes) -> None:
        self.name = file_of(service)
        self.fingerprint = fingerprint(key)
        self._service = service
        self._key = key

    @classmethod
    def load(cls, folder: Path, service: str) -> "ChainKey":
        """Read `<service>-chain.key`. Raise Refused if it is missing or malformed."""
        path = folder / file_of(service)
        if not path.exists():
            raise Refused(
                f"{path} is missing, and without it no hash chain can be verified or continued: put it back "
                "from where a copy is kept (docs/runbooks/lost-chain-key.md)"
            )
        return cls(service, read_key(path))

    def seal(self, chain: str, number: int, hash_: bytes) -> SealedHead:
        """Seal the end of a chain. The seal binds service, chain, number and hash."""
        return SealedHead(chain, number, hash_, self._mac(chain, number, hash_))

    def fits(self, head: SealedHead) -> bool:
        """Return True if this key has sealed this end of this chain."""
        return head.seal is not None and hmac.compare_digest(head.seal, self._mac(head.chain, head.number, head.hash))

    def confirm(self, head: SealedHead) -> None:
        """Raise BrokenChain unless this key has sealed the end.

        Ask before adding to a chain: the new seal covers everything before it.
        """
        if not self.fits(head):
            raise BrokenChain(head.chain, _state(head))

    def _mac(self, chain: str, number: int, hash_: bytes) -> bytes:
        return hmac.digest(self._key, f"salur chain|{self._service}|{chain}|{number}|".encode() + hash_, "sha256")


@dataclass(frozen=True, slots=True)
class Chains:
    """The chains of one kind. Each of `names` has a sealed end from the migration `sealed_<kind>` on."""

    kind: str
    names: Sequence[str]
    load: Callable[[Connection], Awaitable[list[SealedHead]]]
    save: Callable[[Connection, Sequence[SealedHead]], Awaitable[None]]

    async def heads(self, connection: Connection) -> list[SealedHead]:
        """Return the end of each chain; a missing one is returned without a seal."""
        found = {head.chain: head for head in await self.load(connection)}
        return [*({name: SealedHead(name, 0, GENESIS, None) for name in self.names} | found).values()]


def file_of(service: str) -> str:
    """Return the name of the file with a service's key."""
    return f"{service}-chain.key"


def wrong_seal(head: SealedHead) -> str:
    """Describe an end that the key does not fit."""
    return f"{head.chain}: {_state(head)}"


def _state(head: SealedHead) -> str:
    seal = "no seal" if head.seal is None else "a seal that is not ours"
    return f"the end at {head.number} has {seal}"
