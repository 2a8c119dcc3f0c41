"""Providers and their accounts of record."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from asyncpg import Connection

from services.payment.domain.eligibility import PayeeAccount
from services.payment.domain.entitlement import Payee
from services.payment.store import QUERIES
from services.payment.store.accounts import KeptAccount
from shared.postgres.columns import columns


@dataclass(frozen=True, slots=True)
class ProviderVersion:
    """Version of a provider's account, sealed under payment's own key. `content`: a keyed hash of the account."""

    provider_id: str
    version: int
    partner: str
    account: str
    content: str

    @property
    def key(self) -> tuple[str, int]:
        return (self.provider_id, self.version)


async def insert_providers(connection: Connection, versions: Sequence[ProviderVersion]) -> None:
    """Insert versions that are not yet known; none may be listed twice."""
    new = columns(versions, "provider_id", "version", "partner", "account", "content")
    await connection.execute(QUERIES["insert_providers"], *new)


async def load_providers_sealed_otherwise(
    connection: Connection, prefix: str, after: tuple[str, int], size: int
) -> list[tuple[KeptAccount, int]]:
    """Load the next accounts in order that are not sealed under the current key, each with its version."""
    rows = await connection.fetch(QUERIES["load_providers_to_reseal"], prefix, *after, size)
    return [
        (KeptAccount(Payee.PROVIDER, row["provider_id"], row["partner"], row["account"]), row["version"])
        for row in rows
    ]


async def replace_provider_accounts(connection: Connection, sealed: Sequence[tuple[str, int, str]]) -> None:
    """Replace accounts, given as (provider, version, token)."""
    await connection.execute(
        QUERIES["reseal_providers"],
        [provider for provider, _, _ in sealed],
        [version for _, version, _ in sealed],
        [token for _, _, token in sealed],
    )


async def load_provider_contents(
    connection: Connection, keys: Collection[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """Load the content of known versions by (provider, version)."""
    rows = await connection.fetch(
        QUERIES["load_provider_contents"], [provider for provider, _ in keys], [version for _, version in keys]
    )
    return {(row["provider_id"], row["version"]): row["content"] for row in rows}


async def load_provider_accounts(connection: Connection, provider_ids: Collection[str]) -> Mapping[str, PayeeAccount]:
    """Load the account of record of each provider that has one."""
    if not provider_ids:
        return {}
    rows = await connection.fetch(QUERIES["load_provider_accounts"], list(provider_ids))
    return {
        row["provider_id"]: PayeeAccount(row["partner"], row["account"], row["version"], account_index=row["content"])
        for row in rows
    }
