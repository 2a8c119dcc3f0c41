"""Data identity: settings and keys that decide references are fixed for the life of the data."""

import json

from asyncpg import Connection

from services.payment.context import Context
from services.payment.store.data_identity import is_sealed_under, load_any_reference, load_provider_seals
from shared.contracts.keys import fingerprint
from shared.contracts.park_reasons import Parked
from shared.runtime.data_identity import PinnedValue, RotatingKeys, never_in_use, seals_parked_records

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
    """Return the key sets with the check for data that a key still seals; nothing is kept under those of others."""
    others = {"accounts": context.linked_account_keys, **context.partner_keys}
    return (
        RotatingKeys("payment", context.own_keys, _rests_under),
        RotatingKeys("programme", context.upstream_keys, is_sealed_under),
        *(RotatingKeys(name, keys, never_in_use) for name, keys in others.items()),
    )


async def _rests_under(connection: Connection, kid: str) -> bool:
    return await seals_parked_records(connection, kid) or await is_sealed_under(connection, kid)
