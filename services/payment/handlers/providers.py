"""Providers and their accounts of record."""

import json
from collections.abc import Sequence

from services.payment.handlers import Context
from services.payment.store.providers import ProviderVersion, insert_providers, load_provider_contents
from shared.contracts.reasons import Parked, ParkReason
from shared.contracts.sealed import open_provider_account
from shared.contracts.upstream import ProviderRegistered
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction


async def register_providers(
    context: Context, tx: Transaction, messages: Sequence[Message[ProviderRegistered]]
) -> None:
    """Only writes down the account: each lane's sweep takes up what waited for it."""
    understood: list[tuple[Message[ProviderRegistered], ProviderVersion]] = []
    for message in messages:
        try:
            understood.append((message, _version(context, message.data)))
        except Parked as refusal:
            tx.park(message, refusal.reason, "/account/sealed")
    first: dict[tuple[str, int], ProviderVersion] = {}
    for _, version in understood:
        first.setdefault(version.key, version)
    await insert_providers(tx.connection, list(first.values()))
    known = await load_provider_contents(tx.connection, first)
    for message, version in understood:
        if known[version.key] != version.content:
            tx.park(message, ParkReason.CONFLICT, "/version")


def _version(context: Context, data: ProviderRegistered) -> ProviderVersion:
    """Raises Parked(bad_seal)."""
    account = open_provider_account(context.upstream, data.account.sealed, data.provider_id)
    text = json.dumps([data.account.partner, account.number.reveal(), account.name.reveal()])
    return ProviderVersion(
        data.provider_id, data.version, data.account.partner, data.account.sealed, context.index.of(text)
    )
