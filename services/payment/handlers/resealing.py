"""Resealing: seals accounts under the current key after an upgrade or a change of keys."""

from collections import Counter
from dataclasses import dataclass

from asyncpg import Connection

from services.payment.context import Context
from services.payment.domain.entitlement import Payee
from services.payment.payout.account_seals import open_legacy, open_own, seal_own
from services.payment.store.accounts import KeptAccount, load_account_portion, replace_accounts
from services.payment.store.providers import load_providers_sealed_otherwise, replace_provider_accounts
from shared.contracts.park_reasons import Parked
from shared.contracts.seals import kid_of
from shared.contracts.secret import Secret
from shared.postgres.chunks import OnPortion, ignore_portion

PORTION = 2000


@dataclass(frozen=True, slots=True)
class SealGroup:
    """Accounts found under one other key, for one kind of payee; `opens`: they can be sealed again."""

    opens: bool
    payee: Payee
    kid: str


async def reseal(context: Context, connection: Connection, on_portion: OnPortion = ignore_portion) -> list[str]:
    """Seal kept accounts again under the current key, and return a sentence for each key they were sealed under.

    Each portion is a transaction of its own, so that an interrupted run can be continued. An account that does not open
    stays as it is, and is counted.
    """
    found = await _seal_accounts(context, connection, on_portion)
    found += await _seal_provider_accounts(context, connection, on_portion)
    return [_sentence(context, one, number) for one, number in sorted(found.items(), key=_sealed_first)]


async def _seal_accounts(context: Context, connection: Connection, on_portion: OnPortion) -> Counter[SealGroup]:
    found, prefix, after = Counter[SealGroup](), context.own_keys.current_prefix, ""
    while (portion := await load_account_portion(connection, after, prefix, PORTION)).last:
        after = portion.last
        sealed = [(a.subject, a.token, again) for a in portion.outdated if (again := _seal(context, a, found))]
        await replace_accounts(connection, sealed)
        on_portion(len(sealed))
    return found


async def _seal_provider_accounts(
    context: Context, connection: Connection, on_portion: OnPortion
) -> Counter[SealGroup]:
    found, prefix, after = Counter[SealGroup](), context.own_keys.current_prefix, ("", 0)
    while kept := await load_providers_sealed_otherwise(connection, prefix, after, PORTION):
        after = (kept[-1][0].subject, kept[-1][1])
        sealed = [(a.subject, version, again) for a, version in kept if (again := _seal(context, a, found))]
        await replace_provider_accounts(connection, sealed)
        on_portion(len(sealed))
    return found


def _seal(context: Context, kept: KeptAccount, found: Counter[SealGroup]) -> str | None:
    number = _number(context, kept)
    found[SealGroup(number is not None, kept.payee, kid_of(kept.token))] += 1
    return None if number is None else seal_own(context.own_keys, kept.payee, kept.subject, kept.partner, number)


def _number(context: Context, kept: KeptAccount) -> Secret | None:
    try:
        return open_own(context.own_keys, kept)
    except Parked:
        pass
    try:
        return open_legacy(context.upstream_keys, kept.token, kept.payee, kept.subject)
    except Parked:
        return None


def _sealed_first(item: tuple[SealGroup, int]) -> tuple[bool, Payee, str]:
    return (not item[0].opens, item[0].payee, item[0].kid)


def _sentence(context: Context, found: SealGroup, number: int) -> str:
    done = f"resealed under {context.own_keys.current}" if found.opens else "not resealed, since they do not open"
    return f"{done}: {number} accounts of {found.payee}s, sealed under {found.kid or 'no key'}"
