"""The database of an installation and the roles of the services in it."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from deploy.local.paths import DEPLOY

ROLES = DEPLOY / "postgres" / "roles.sql"
DATABASE = "salur"
# Each service has a role and a schema of its name.
SERVICES = ("enrollment", "completion", "payment")


async def create_database(server_url: str, name: str = DATABASE) -> None:
    """Create the database unless it is there; `server_url` is a superuser's, of any other database."""
    connection = await asyncpg.connect(server_url)
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


async def create_roles(database_url: str, passwords: Mapping[str, str]) -> None:
    """Give each service its login role and its schema in the database that `database_url` names.

    `database_url` is a superuser's; `passwords` holds one password per service.
    """
    settings = {f"salur.{service}_password": secret for service, secret in passwords.items()}
    connection = await asyncpg.connect(database_url, server_settings=settings)
    try:
        await connection.execute(ROLES.read_text())
    finally:
        await connection.close()
