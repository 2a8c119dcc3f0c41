"""Identity of the stored data: the keys that must not change, and the key sets that may rotate."""

from collections.abc import Mapping, Sequence
from functools import partial

from asyncpg import Connection

from services.enrollment.context import DEFERRED_SEALS, Context
from services.enrollment.handlers.opened_seals import content_digest
from services.enrollment.store.data_identity import (
    count_sealed_accounts,
    load_identity_indexes,
    load_purchase_digest,
    load_recent_events,
)
from shared.contracts.enrollment import ACCOUNT_LINKED
from shared.contracts.park_reasons import Parked
from shared.contracts.seals import KeyRing
from shared.contracts.topics import ENROLLMENT_EVENTS, ENROLLMENT_REQUESTS
from shared.messaging.transaction.seal_counts import count_deferred, count_parked, count_replayable
from shared.runtime.data_identity import (
    DEFERRED,
    PARKED,
    REPLAYABLE,
    PinnedValue,
    RotatingKeys,
    SealedPlace,
)

INDEX_KEY = "identity-index.key"
KEPT_ACCOUNTS = "kept accounts"
SEALED_TOPICS = (ENROLLMENT_REQUESTS,)
"""Topics with sealed fields that upstream writes and enrollment reads."""


def pinned(context: Context, scheme_digests: Mapping[str, str]) -> tuple[PinnedValue, ...]:
    """Return what must not change: the key of the index of NIKs, with its proof from stored data, and the schemes.

    No NIK is stored in the clear; the key is checked by a stored digest, or by a NIK inside a sealed event. A version
    of a scheme stays what it was when it was first used; a change of the rules is another version.
    """

    async def indexes(connection: Connection) -> str | None:
        """Return the key's name if a stored purchase's digest or, without one, a NIK of announced accounts differs."""
        if kept := await load_purchase_digest(connection):
            purchase, digest = kept
            matches = content_digest(context, purchase.decode()) == digest
        else:
            matches = await _matches_accounts(context, connection)
        return None if matches else INDEX_KEY

    schemes = (
        PinnedValue(f"scheme.{name}", f"the scheme {name}", digest, _no_mismatch)
        for name, digest in scheme_digests.items()
    )
    return (PinnedValue("identity-index", INDEX_KEY, context.index.fingerprint, indexes), *schemes)


def rotating_keys(context: Context) -> tuple[RotatingKeys, ...]:
    """Return the key sets: its own and upstream's, which may seal kept accounts, and the one shared with payment."""
    return (
        RotatingKeys("enrollment", context.own_keys, _count_own),
        RotatingKeys("programme", context.upstream_keys, partial(_count_upstream, context.own_keys), seals=False),
        RotatingKeys("accounts", context.linked_account_keys, _count_nothing, page_topic=ENROLLMENT_EVENTS),
    )


async def _matches_accounts(context: Context, connection: Connection) -> bool:
    """Return True if recently announced accounts match their admissions, or if there are none."""
    niks: dict[str, str] = {}
    for outbox_event in await load_recent_events(connection):
        if outbox_event.type == ACCOUNT_LINKED.name:
            linked = ACCOUNT_LINKED.parse(outbox_event.data)
            if linked.same_identity and (nik := _nik(context, linked.account)):
                niks[linked.participant_id] = nik
    indexes = await load_identity_indexes(connection, niks)
    return all(context.index.hexdigest(niks[person]) == index for person, index in indexes.items())


def _nik(context: Context, token: str) -> str | None:
    """Return the NIK in a seal of before the migration `own_seals`; None for a later one, or one of a removed key."""
    try:
        return str(context.upstream_keys.open(token)["nik"])
    except (Parked, KeyError):
        return None


async def _no_mismatch(_: Connection) -> None:
    """Accept rules that no earlier start has left a fingerprint of."""


async def _count_own(connection: Connection) -> Sequence[SealedPlace]:
    derived = f"/{DEFERRED_SEALS}"
    deferred = await count_deferred(connection, SEALED_TOPICS)
    legacy = {kid.removesuffix(derived): number for kid, number in deferred.items() if kid.endswith(derived)}
    return (
        SealedPlace(KEPT_ACCOUNTS, await count_sealed_accounts(connection)),
        SealedPlace(PARKED, await count_parked(connection)),
        SealedPlace(DEFERRED, legacy),
    )


async def _count_upstream(vault: KeyRing, connection: Connection) -> Sequence[SealedPlace]:
    return (
        SealedPlace(DEFERRED, await count_deferred(connection, SEALED_TOPICS)),
        SealedPlace(REPLAYABLE, await count_replayable(connection, SEALED_TOPICS, vault)),
        SealedPlace(KEPT_ACCOUNTS, await count_sealed_accounts(connection)),
    )


async def _count_nothing(_: Connection) -> Sequence[SealedPlace]:
    """Return nothing: what is sealed for payment rests in pages alone."""
    return ()
