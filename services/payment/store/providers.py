"""Providers and their accounts of record."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from asyncpg import Connection

from services.payment.domain.fitness import Account
from services.payment.store import QUERIES


@dataclass(frozen=True, slots=True)
class ProviderVersion:
    """What one version says. `content` is a keyed hash of it with the seal opened."""

    provider_id: str
    version: int
    partner: str
    account: str
    content: str

    @property
    def key(self) -> tuple[str, int]:
        return (self.provider_id, self.version)


async def insert_providers(connection: Connection, versions: Sequence[ProviderVersion]) -> None:
    """Adds the versions not yet known; no version may be listed twice."""
    await connection.execute(
        QUERIES["insert_providers"],
        [v.provider_id for v in versions],
        [v.version for v in versions],
        [v.partner for v in versions],
        [v.account for v in versions],
        [v.content for v in versions],
    )


async def load_provider_contents(
    connection: Connection, keys: Collection[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """(provider, version) -> content, of those known."""
    rows = await connection.fetch(
        QUERIES["load_provider_contents"], [provider for provider, _ in keys], [version for _, version in keys]
    )
    return {(row["provider_id"], row["version"]): row["content"] for row in rows}


async def load_provider_accounts(connection: Connection, provider_ids: Collection[str]) -> Mapping[str, Account]:
    """The account of record of each provider that has one."""
    if not provider_ids:
        return {}
    rows = await connection.fetch(QUERIES["load_provider_accounts"], list(provider_ids))
    return {row["provider_id"]: Account(row["partner"], row["account"], row["version"]) for row in rows}
