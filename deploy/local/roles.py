"""The database of an installation and the roles in it: for each service its own, and the owner of its tables."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from deploy.local.paths import DEPLOY
from shared.contracts.topics import SERVICES

ROLES_FILE = DEPLOY / "postgres" / "roles.sql"
DATABASE = "salur"


def owner_of(service: str) -> str:
    """The role that owns a service's tables; only migrations come as it."""
    return f"{service}_owner"


ROLES = (*SERVICES, *map(owner_of, SERVICES))


async def create_database(server_url: str, name: str = DATABASE) -> None:
    """Create the database unless it is there; `server_url` is a superuser's, of any other database."""
    connection = await asyncpg.connect(server_url)
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


async def create_roles(database_url: str, passwords: Mapping[str, str]) -> None:
    """Give each service its login role, its owner and its schema in the database that `database_url` names.

    `database_url` is a superuser's; `passwords` holds one password for each of `ROLES`.
    """
    settings = {f"salur.{role}_password": secret for role, secret in passwords.items()}
    connection = await asyncpg.connect(database_url, server_settings=settings)
    try:
        await connection.execute(ROLES_FILE.read_text())
    finally:
        await connection.close()
