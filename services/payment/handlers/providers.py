"""Providers and their accounts of record."""

import json
from collections.abc import Sequence

from services.payment.context import Context
from services.payment.domain.entitlement import Payee
from services.payment.payout.account_seals import seal_own
from services.payment.store.providers import ProviderVersion, insert_providers, load_provider_contents
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.sealed_fields import open_provider_account
from shared.contracts.upstream import ProviderRegistered
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction


async def register_providers(
    context: Context, tx: Transaction, messages: Sequence[Message[ProviderRegistered]]
) -> None:
    """Store versions of provider accounts; the sweep of each lane pays what waited for them.

    A version that comes again with other content is parked, and so is one with a bad seal.
    """
    opened: list[tuple[Message[ProviderRegistered], ProviderVersion]] = []
    for message in messages:
        try:
            opened.append((message, _version(context, message.data)))
        except Parked as refusal:
            tx.park(message, refusal.reason, "/account/sealed")
    first: dict[tuple[str, int], ProviderVersion] = {}
    for _, version in opened:
        first.setdefault(version.key, version)
    await insert_providers(tx.connection, list(first.values()))
    known = await load_provider_contents(tx.connection, first)
    for message, version in opened:
        if known[version.key] != version.content:
            tx.park(message, ParkReason.CONFLICT, "/version")


def _version(context: Context, data: ProviderRegistered) -> ProviderVersion:
    """Open the account and seal it under payment's own key; raise Parked(bad_seal) when it does not open."""
    account = open_provider_account(context.provider_keys, data)
    partner, number = data.account.partner, account.number
    content = context.index.hexdigest(json.dumps([partner, number.reveal(), account.name.reveal()]))
    sealed = seal_own(context.own_keys, Payee.PROVIDER, data.provider_id, partner, number)
    return ProviderVersion(data.provider_id, data.version, partner, sealed, content)
