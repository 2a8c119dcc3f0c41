"""Refuse keys, names and numbers other than those that the data were made with.

Another reference key would pay every entitlement a second time under another reference; another index key would admit
every NIK again. Each has a fingerprint in the schema, written when it is first used.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from asyncpg import Connection, Record

from shared.contracts.keys import refuse_duplicate_keys
from shared.contracts.seals import KeyRing
from shared.contracts.topics import LANES
from shared.errors import SalurError
from shared.messaging.transaction.seal_counts import count_parked
from shared.postgres.queries import Queries

QUERIES = Queries.load("shared.runtime")
LOG = structlog.get_logger()
PARKED, DEFERRED, REPLAYABLE = "parked records", "deferred records", "records to replay"
"""Places where something rests sealed, in every service; "records to replay" are parked ones, by the seals in them."""
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
class SealedPlace:
    """One place where something rests sealed, such as "deferred records", and how much lies there under each kid."""

    name: str
    by_kid: Mapping[str, int]


CountSealed = Callable[[Connection], Awaitable[Sequence[SealedPlace]]]


@dataclass(frozen=True, slots=True)
class RotatingKeys:
    """A key set that rotates: keys may be added, and one may go only when nothing is sealed under it any more.

    `count_sealed` counts what rests in the data under each of its keys, but for the pages of `page_topic`, which are
    kept for a restore alone. With `seals` this service seals with the first.
    """

    name: str
    keys: KeyRing
    count_sealed: CountSealed
    seals: bool = True
    page_topic: str = ""

    @property
    def file(self) -> str:
        return f"{self.name}.jwks.json"


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
        () if any(ring.name == service for ring in rotating_keys) else (RotatingKeys(service, own, count_parked_alone),)
    )
    used = {one.label: one.value for one in pinned}
    for ring in (*own_ring, *rotating_keys):
        used |= {f"{kid} of {ring.file}": value for kid, value in ring.keys.fingerprints.items()}
    refuse_duplicate_keys(used)
    return DataIdentity((lanes, *pinned), (*own_ring, *rotating_keys))


async def load_fingerprints(connection: Connection) -> dict[str, str]:
    """Return the fingerprints in the data, by name."""
    return {name: row["value"] for name, row in (await load_known_keys(connection)).items()}


async def load_known_keys(connection: Connection) -> dict[str, Record]:
    """Return the fingerprints in the data, by name, each with the time since when it is known."""
    return {row["name"]: row for row in await connection.fetch(QUERIES["load_fingerprints"])}


async def _confirm_rotating_keys(connection: Connection, ring: RotatingKeys, known: Mapping[str, str]) -> None:
    prefix, now = f"{ring.name}/", ring.keys.fingerprints
    for name, value in known.items():
        kid = name.removeprefix(prefix)
        if kid == name or now.get(kid) == value:
            continue
        if kid in now:
            raise IdentityMismatch(_mismatch_message(f"the key {kid} of {ring.file}"))
        places = [place for place in await ring.count_sealed(connection) if place.by_kid.get(kid)]
        if places:
            resting = ", ".join(f"{place.by_kid[kid]:,} {place.name}" for place in places)
            raise IdentityMismatch(
                f"{ring.file} lacks the key {kid}, which still seals stored data; put it back into the set. "
                f"It seals {resting}; `keys list` shows when nothing is left"
            )


async def count_parked_alone(connection: Connection) -> Sequence[SealedPlace]:
    """Count what a service seals that keeps nothing else under its own keys."""
    return (SealedPlace(PARKED, await count_parked(connection)),)


async def _find_lane_count_mismatch(connection: Connection) -> str | None:
    return NUMBER_OF_LANES if await connection.fetchval(QUERIES["count_lanes"]) not in (0, LANES) else None


def _mismatch_message(label: str) -> str:
    return (
        f"{label} is not the one these data were made with; restore that one, or use the data that belong to this one"
    )
