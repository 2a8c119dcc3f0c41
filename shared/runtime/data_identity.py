"""Refuse keys, names and numbers other than those that the data were made with.

Another reference key would pay every entitlement a second time under another reference; another index key would admit
every NIK again. Each has a fingerprint in the schema, written when it is first used.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from asyncpg import Connection

from shared.contracts.keys import refuse_duplicate_keys
from shared.contracts.seals import KeyRing, token_prefix
from shared.contracts.topics import LANES
from shared.errors import SalurError
from shared.postgres.queries import Queries

QUERIES = Queries.load("shared.runtime")
LOG = structlog.get_logger()
NUMBER_OF_LANES = f"the number of lanes, {LANES},"

MismatchCheck = Callable[[Connection], Awaitable[str | None]]
"""Returns the label of what the stored data were not made with; None if they fit."""


class IdentityMismatch(SalurError):
    """The data were made with another key, name or number; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class PinnedValue:
    """A value fixed for the life of the data. `label` names it to operators; `value` is no secret.

    A name with a point is that of a family, `scheme.normal-2023.1`: it may gain members, and loses none.
    """

    name: str
    label: str
    value: str
    find_mismatch: MismatchCheck


@dataclass(frozen=True, slots=True)
class RotatingKeys:
    """A key set that rotates: keys may be added, and one may go only when nothing is sealed under it any more.

    `is_in_use` tells whether stored data are sealed under a kid.
    """

    name: str
    keys: KeyRing
    is_in_use: Callable[[Connection, str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class DataIdentity:
    """The values and key sets that a service must find unchanged."""

    pinned: Sequence[PinnedValue]
    rotating_keys: Sequence[RotatingKeys]

    def without(self, label: str) -> "DataIdentity":
        """Return the identity without the value of this label."""
        return DataIdentity([one for one in self.pinned if one.label != label], self.rotating_keys)

    async def confirm(self, connection: Connection) -> None:
        """Compare with the fingerprints in the data; raise IdentityMismatch if one differs.

        Where an older program has left no fingerprint, the stored data themselves are compared (`find_mismatch`).
        """
        known = await load_fingerprints(connection)
        for one in self.pinned:
            value = known.get(one.name)
            mismatch = (
                await one.find_mismatch(connection) if value is None else one.label if value != one.value else None
            )
            if mismatch is not None:
                raise IdentityMismatch(_mismatch_message(mismatch))
        for name in sorted(known.keys() - {one.name for one in self.pinned}):
            family, point, member = name.partition(".")
            if point and "/" not in name:
                raise IdentityMismatch(f"the {family} {member} is missing, which these data were made with; restore it")
        for ring in self.rotating_keys:
            await _confirm_rotating_keys(connection, ring, known)

    async def save_fingerprints(self, connection: Connection) -> None:
        """Save the fingerprints of what is used for the first time; delete those of keys that were taken out."""
        known = await load_fingerprints(connection)
        used = {one.name: one.value for one in self.pinned}
        for ring in self.rotating_keys:
            used |= {f"{ring.name}/{kid}": value for kid, value in ring.keys.fingerprints.items()}
        gone = {name for name in known.keys() - used.keys() if "/" in name}
        new = used.keys() - known.keys()
        if gone:
            await connection.execute(QUERIES["delete_fingerprints"], list(gone))
        if new:
            await connection.execute(QUERIES["insert_fingerprints"], list(new), [used[name] for name in new])
            LOG.info("fingerprints", names=sorted(new))


def data_identity_of(
    service: str, own: KeyRing, pinned: Sequence[PinnedValue] = (), rotating_keys: Sequence[RotatingKeys] = ()
) -> DataIdentity:
    """Return the identity of a service; `own` are the keys under which it seals.

    Raise Refused if one key stands in two places: the holder of one set could seal for the other.
    """
    lanes = PinnedValue("lanes", NUMBER_OF_LANES, str(LANES), _find_lane_count_mismatch)
    own_ring = (
        ()
        if any(ring.name == service for ring in rotating_keys)
        else (RotatingKeys(service, own, seals_parked_records),)
    )
    used = {one.label: one.value for one in pinned}
    for ring in (*own_ring, *rotating_keys):
        used |= {f"{kid} of {ring.name}.jwks.json": value for kid, value in ring.keys.fingerprints.items()}
    refuse_duplicate_keys(used)
    return DataIdentity((lanes, *pinned), (*own_ring, *rotating_keys))


async def load_fingerprints(connection: Connection) -> dict[str, str]:
    """Return the fingerprints in the data, by name."""
    return {row["name"]: row["value"] for row in await connection.fetch(QUERIES["load_fingerprints"])}


async def _confirm_rotating_keys(connection: Connection, ring: RotatingKeys, known: Mapping[str, str]) -> None:
    prefix, now = f"{ring.name}/", ring.keys.fingerprints
    for name, value in known.items():
        kid = name.removeprefix(prefix)
        if kid == name or now.get(kid) == value:
            continue
        if kid in now:
            raise IdentityMismatch(_mismatch_message(f"the key {kid} of {ring.name}.jwks.json"))
        if await ring.is_in_use(connection, kid):
            raise IdentityMismatch(
                f"{ring.name}.jwks.json lacks the key {kid}, which still seals stored data; put it back into the set"
            )


async def seals_parked_records(connection: Connection, kid: str) -> bool:
    """Return True if a parked record is sealed under this key."""
    return bool(await connection.fetchval(QUERIES["parked_under"], token_prefix(kid)))


async def _find_lane_count_mismatch(connection: Connection) -> str | None:
    return NUMBER_OF_LANES if await connection.fetchval(QUERIES["count_lanes"]) not in (0, LANES) else None


async def never_in_use(_: Connection, __: str) -> bool:
    """Return False, for keys under which this service stores nothing."""
    return False


def _mismatch_message(label: str) -> str:
    return (
        f"{label} is not the one these data were made with; restore that one, or use the data that belong to this one"
    )
