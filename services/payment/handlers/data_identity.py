"""Data identity: settings and keys that decide references are fixed for the life of the data."""

import json
from collections.abc import Sequence
from functools import partial

from asyncpg import Connection

from services.payment.context import Context
from services.payment.store.data_identity import (
    count_sealed_accounts,
    count_sealed_instructions,
    count_sealed_providers,
    load_any_reference,
    load_provider_seals,
)
from shared.contracts.keys import fingerprint
from shared.contracts.park_reasons import Parked
from shared.contracts.seals import KeyRing
from shared.contracts.topics import ENROLLMENT_EVENTS, PROGRAMME_REGISTRY, disbursements
from shared.messaging.transaction.seal_counts import count_deferred, count_parked, count_replayable
from shared.runtime.data_identity import (
    DEFERRED,
    PARKED,
    REPLAYABLE,
    PinnedValue,
    RotatingKeys,
    SealedPlace,
)

PARTICIPANTS, PROVIDERS = "accounts of participants", "accounts of providers"
REFERENCE_KEY, INDEX_KEY = "reference.key", "account-index.key"


def pinned(context: Context) -> tuple[PinnedValue, ...]:
    """Return the programme and the keys that must not change, each with its proof from stored data."""

    programme = f"PAYMENT_PROGRAMME ({context.programme})"

    async def derives(connection: Connection) -> str | None:
        """Return what differs when a stored reference is derived again."""
        known = await load_any_reference(connection)
        if known is None:
            return None
        again = context.attempt_reference(
            known.lane, known.participant_id, known.redeem_code, known.benefit, known.attempt
        )
        return None if again == known.reference else f"{REFERENCE_KEY}, or {programme},"

    async def hashes(connection: Connection) -> str | None:
        """Return the key that differs when stored provider accounts are hashed again.

        Accounts sealed again under payment's own key prove nothing and are left out.
        """
        for seal in await load_provider_seals(connection):
            try:
                claims = context.upstream_keys.open(seal.account)
            except Parked:
                continue
            text = json.dumps([seal.partner, claims["number"], claims.get("name")])
            if "name" in claims and context.index.hexdigest(text) != seal.content:
                return INDEX_KEY
        return None

    return (
        PinnedValue("programme", programme, context.programme, derives),
        PinnedValue("reference", REFERENCE_KEY, fingerprint(context.reference_key), derives),
        PinnedValue("account-index", INDEX_KEY, context.index.fingerprint, hashes),
    )


def rotating_keys(context: Context) -> tuple[RotatingKeys, ...]:
    """Return the key sets: its own, upstream's, the one shared with enrollment, and those of the partners."""
    vault = context.own_keys
    return (
        RotatingKeys("payment", vault, _count_own),
        RotatingKeys("programme", context.upstream_keys, partial(_count_upstream, vault), seals=False),
        RotatingKeys("accounts", context.linked_account_keys, partial(_count_linked, vault), seals=False),
        *(
            RotatingKeys(partner, keys, partial(_count_instructed, partner), page_topic=disbursements(partner))
            for partner, keys in context.partner_keys.items()
        ),
    )


async def _count_own(connection: Connection) -> Sequence[SealedPlace]:
    return (
        SealedPlace(PARTICIPANTS, await count_sealed_accounts(connection)),
        SealedPlace(PROVIDERS, await count_sealed_providers(connection)),
        SealedPlace(PARKED, await count_parked(connection)),
    )


async def _count_upstream(vault: KeyRing, connection: Connection) -> Sequence[SealedPlace]:
    return (
        SealedPlace(PARTICIPANTS, await count_sealed_accounts(connection)),
        SealedPlace(PROVIDERS, await count_sealed_providers(connection)),
        *await _count_unread(PROGRAMME_REGISTRY, vault, connection),
    )


async def _count_linked(vault: KeyRing, connection: Connection) -> Sequence[SealedPlace]:
    return await _count_unread(ENROLLMENT_EVENTS, vault, connection)


async def _count_unread(topic: str, vault: KeyRing, connection: Connection) -> Sequence[SealedPlace]:
    """Count what payment has read from a topic and not opened for good."""
    return (
        SealedPlace(DEFERRED, await count_deferred(connection, [topic])),
        SealedPlace(REPLAYABLE, await count_replayable(connection, [topic], vault)),
    )


async def _count_instructed(partner: str, connection: Connection) -> Sequence[SealedPlace]:
    return (SealedPlace("instructions at the partner", await count_sealed_instructions(connection, partner)),)
