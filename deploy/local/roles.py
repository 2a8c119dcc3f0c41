"""Database and roles of an installation: for each service its own role, and an owner of its tables."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from deploy.local.paths import DEPLOY
from shared.contracts.topics import SERVICES

ROLES_FILE = DEPLOY / "postgres" / "roles.sql"
DATABASE = "salur"


def owner_of(service: str) -> str:
    """Return the role that owns a service's tables; only migrations log in as it."""
    return f"{service}_owner"


ROLES = (*SERVICES, *map(owner_of, SERVICES))


async def create_database(server_url: str, name: str = DATABASE) -> None:
    """Create the database unless it exists; `server_url` is a superuser's URL of another database."""
    connection = await asyncpg.connect(server_url)
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


async def create_roles(database_url: str, passwords: Mapping[str, str]) -> None:
    """Create each service's login role, owner and schema in the database of `database_url`, a superuser's URL.

    `passwords` holds one password for each of `ROLES`.
    """
    settings = {f"salur.{role}_password": secret for role, secret in passwords.items()}
    connection = await asyncpg.connect(database_url, server_settings=settings)
    try:
        await connection.execute(ROLES_FILE.read_text())
    finally:
        await connection.close()
