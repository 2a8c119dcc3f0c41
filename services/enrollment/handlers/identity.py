"""Fix for the life of the data whatever decides who is known already."""

from asyncpg import Connection

from services.enrollment.handlers import TAKEN_IN, Context
from services.enrollment.handlers.content import content_digest
from services.enrollment.store.identity import (
    is_sealed_under,
    load_identity_indexes,
    load_purchase_digest,
    load_recent_events,
)
from shared.contracts.enrollment import ACCOUNT_LINKED
from shared.contracts.reasons import Parked
from shared.runtime.identity import Fixed, Ring, nothing_needs, parked_under

INDEX_KEY = "identity-index.key"


def fixed(context: Context) -> tuple[Fixed, ...]:
    """The key of the index of NIKs. No NIK is stored, so old data prove it only by what still holds one."""

    async def indexes(connection: Connection) -> str | None:
        """By the digest of a purchase that is kept whole, else by an account that was announced with its NIK."""
        if kept := await load_purchase_digest(connection):
            purchase, digest = kept
            matches = content_digest(context, purchase.decode()) == digest
        else:
            matches = await _matches_accounts(context, connection)
        return None if matches else INDEX_KEY

    return (Fixed("identity-index", INDEX_KEY, context.index.fingerprint, indexes),)


def rings(context: Context) -> tuple[Ring, ...]:
    """The key sets: its own and upstream's, under which accounts may be kept, and the one it shares with payment."""
    return (
        Ring("enrollment", context.own, _rests_under),
        Ring("programme", context.upstream, is_sealed_under),
        Ring("accounts", context.for_payment, nothing_needs),
    )


async def _matches_accounts(context: Context, connection: Connection) -> bool:
    """True also where none tells."""
    niks: dict[str, str] = {}
    for said in await load_recent_events(connection):
        if said.type == ACCOUNT_LINKED.name:
            linked = ACCOUNT_LINKED.parse(said.data)
            if linked.same_identity and (nik := _nik(context, linked.account)):
                niks[linked.participant_id] = nik
    indexes = await load_identity_indexes(connection, niks)
    return all(context.index.of(niks[person]) == index for person, index in indexes.items())


def _nik(context: Context, token: str) -> str | None:
    """None for an account that does not hold one, as it did before 1.0, or not under a key that is still there."""
    try:
        return str(context.upstream.open(token)["nik"])
    except (Parked, KeyError):
        return None


async def _rests_under(connection: Connection, kid: str) -> bool:
    if await parked_under(connection, kid) or await is_sealed_under(connection, kid):
        return True
    return await is_sealed_under(connection, f"{kid}/{TAKEN_IN}")
