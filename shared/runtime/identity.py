"""Refuse keys, names and numbers other than those that the data were made with.

Another reference key would pay every right a second time under another reference; another index key would let every
NIK in again. Each is known again by a fingerprint in the schema, written when it is first used.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from asyncpg import Connection

from shared.contracts.sealed import KeyRing, header_of, refuse_one_key_twice
from shared.contracts.topics import LANES
from shared.postgres.queries import Queries

QUERIES = Queries.load("shared.runtime")
LOG = structlog.get_logger()
NUMBER_OF_LANES = f"the number of lanes, {LANES},"

Proof = Callable[[Connection], Awaitable[str | None]]
"""Names what stored data were not made with; None where nothing speaks against it."""


class WrongIdentity(Exception):
    """The data were made with something else; the message says with what, and what to do, in one sentence."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """What stays as it is for the life of the data. `what` names it to operators; `value` may be in clear."""

    name: str
    what: str
    value: str
    prove: Proof


@dataclass(frozen=True, slots=True)
class Ring:
    """A key set that rotates: new keys are welcome, one that still seals something has to stay.

    `seals` tells whether stored data are sealed under a kid.
    """

    name: str
    keys: KeyRing
    seals: Callable[[Connection, str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Identity:
    """All that a service must find unchanged."""

    fixed: Sequence[Fixed]
    rings: Sequence[Ring]

    def without(self, what: str) -> "Identity":
        """Return all but what operators know by this name."""
        return Identity([one for one in self.fixed if one.what != what], self.rings)

    async def confirm(self, connection: Connection) -> None:
        """Compare with what the data were made with; raises WrongIdentity.

        Data that have no fingerprint yet, since an older program made them, must go together with what they hold.
        """
        known = await load_fingerprints(connection)
        for one in self.fixed:
            value = known.get(one.name)
            wrong = await one.prove(connection) if value is None else one.what if value != one.value else None
            if wrong is not None:
                raise WrongIdentity(_refusal(wrong))
        for ring in self.rings:
            await _confirm_ring(connection, ring, known)

    async def note(self, connection: Connection) -> None:
        """Write down what is used for the first time, and forget keys that were taken out and seal nothing any more."""
        known = await load_fingerprints(connection)
        used = {one.name: one.value for one in self.fixed}
        for ring in self.rings:
            used |= {f"{ring.name}/{kid}": value for kid, value in ring.keys.fingerprints.items()}
        gone = {name for name in known.keys() - used.keys() if "/" in name}
        new = used.keys() - known.keys()
        if gone:
            await connection.execute(QUERIES["delete_fingerprints"], list(gone))
        if new:
            await connection.execute(QUERIES["insert_fingerprints"], list(new), [used[name] for name in new])
            LOG.info("fingerprints", names=sorted(new))


def identity_of(service: str, own: KeyRing, fixed: Sequence[Fixed] = (), rings: Sequence[Ring] = ()) -> Identity:
    """Return the identity of a service; `own` are the keys under which it seals, the others what it has besides.

    Raises ValueError where one key stands in two places: whoever holds the one set could seal for the other.
    """
    lanes = Fixed("lanes", NUMBER_OF_LANES, str(LANES), _has_other_lanes)
    own_ring = () if any(ring.name == service for ring in rings) else (Ring(service, own, parked_under),)
    used = {one.what: one.value for one in fixed}
    for ring in (*own_ring, *rings):
        used |= {f"{kid} of {ring.name}.jwks.json": value for kid, value in ring.keys.fingerprints.items()}
    refuse_one_key_twice(used)
    return Identity((lanes, *fixed), (*own_ring, *rings))


async def load_fingerprints(connection: Connection) -> dict[str, str]:
    """Return what the data were made with, by name."""
    return {row["name"]: row["value"] for row in await connection.fetch(QUERIES["load_fingerprints"])}


async def _confirm_ring(connection: Connection, ring: Ring, known: Mapping[str, str]) -> None:
    prefix, now = f"{ring.name}/", ring.keys.fingerprints
    for name, value in known.items():
        kid = name.removeprefix(prefix)
        if kid == name or now.get(kid) == value:
            continue
        if kid in now:
            raise WrongIdentity(_refusal(f"the key {kid} of {ring.name}.jwks.json"))
        if await ring.seals(connection, kid):
            raise WrongIdentity(
                f"{ring.name}.jwks.json lacks the key {kid}, which still seals stored data; put it back into the set"
            )


async def parked_under(connection: Connection, kid: str) -> bool:
    """Whether a parked record is sealed under this key."""
    return bool(await connection.fetchval(QUERIES["parked_under"], header_of(kid)))


async def _has_other_lanes(connection: Connection) -> str | None:
    return NUMBER_OF_LANES if await connection.fetchval(QUERIES["count_lanes"]) not in (0, LANES) else None


async def nothing_needs(_: Connection, __: str) -> bool:
    """For keys under which only others keep something."""
    return False


def _refusal(what: str) -> str:
    return f"{what} is not what these data were made with; put that back, or use the data that belong to this"
