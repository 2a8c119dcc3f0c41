"""Seals what rests under another key than the current one again: after an upgrade, and after a key was turned."""

from collections import Counter

from asyncpg import Connection

from services.payment.domain.right import Payee
from services.payment.handlers import Context
from services.payment.handlers.sealing import open_as_before, open_own, seal_own
from services.payment.store.accounts import Kept, load_account_portion, replace_accounts
from services.payment.store.providers import load_providers_sealed_otherwise, replace_provider_accounts
from shared.contracts.reasons import Parked
from shared.contracts.sealed import Secret, kid_of

PORTION = 2000
Found = tuple[Payee, str]


async def seal_again(context: Context, connection: Connection) -> list[str]:
    """Seal kept accounts again under the current key, and say how many lay under which.

    Each portion is a transaction of its own: a run that was ended is gone on with. What does not open stays as it is,
    and is named.
    """
    resealing = Resealing(context, connection)
    await resealing.accounts()
    await resealing.providers()
    return resealing.sentences()


class Resealing:
    """One pass over all that is kept; counts tokens by payee and key."""

    def __init__(self, context: Context, connection: Connection) -> None:
        self._context = context
        self._connection = connection
        self._sealed: Counter[Found] = Counter()
        self._closed: Counter[Found] = Counter()

    async def accounts(self) -> None:
        prefix, after = self._context.own.prefix, ""
        while (portion := await load_account_portion(self._connection, after, prefix, PORTION)).last:
            after = portion.last
            sealed = [(a.subject, a.token, again) for a in portion.otherwise if (again := self._seal(a))]
            await replace_accounts(self._connection, sealed)

    async def providers(self) -> None:
        prefix, after = self._context.own.prefix, ("", 0)
        while found := await load_providers_sealed_otherwise(self._connection, prefix, after, PORTION):
            after = (found[-1][0].subject, found[-1][1])
            sealed = [(a.subject, version, again) for a, version in found if (again := self._seal(a))]
            await replace_provider_accounts(self._connection, sealed)

    def sentences(self) -> list[str]:
        current = self._context.own.current
        return [f"sealed again under {current}: {_these(*one)}" for one in sorted(self._sealed.items())] + [
            f"left as it is, since it does not open: {_these(*one)}" for one in sorted(self._closed.items())
        ]

    def _seal(self, kept: Kept) -> str | None:
        found = (kept.payee, kid_of(kept.token))
        number = _number(self._context, kept)
        if number is None:
            self._closed[found] += 1
            return None
        self._sealed[found] += 1
        return seal_own(self._context.own, kept.payee, kept.subject, kept.partner, number)


def _number(context: Context, kept: Kept) -> Secret | None:
    try:
        return open_own(context.own, kept)
    except Parked:
        pass
    try:
        return open_as_before(context.upstream, kept.token, kept.payee, kept.subject)
    except Parked:
        return None


def _these(found: Found, number: int) -> str:
    payee, kid = found
    return f"{number} of {payee}s that lay under {kid or 'no key'}"
