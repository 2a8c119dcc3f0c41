"""Postgres sessions with the bounds that every session of a service has."""

import asyncpg
from asyncpg import Connection

from shared.postgres.queries import Queries

QUERIES = Queries.load("shared.postgres")

CONNECT_SECONDS = 10.0
# Longer than any statement may take at the server: it only ends a wait for a server that is no longer there.
ANSWER_SECONDS = 40.0
TRANSACTION_TIMEOUT = "60s"
# A plan is made once for each statement of a session, not for each batch. Made while tables are empty it would scan
# them, and go on so as they grow; every statement of the work has an index to go by.
PLANNER_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
# A check joins whole tables. Planned by outdated counts it may compare each row of one with each row of another: a
# minute for what takes a second. A check that gives way to other processes may pause long between two statements.
LONG_RUNNING_SETTINGS = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "10min",
    "enable_nestloop": "off",
}
SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "client_connection_check_interval": "5s",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
}


async def connect(url: str, application_name: str, *, long_running: bool = False) -> Connection:
    """Open a session as the role that `url` names; its search_path is the role's own.

    The server ends a session frozen inside a transaction within 10 s, and a transaction after 60 s if it can (17 and
    later). With `long_running` a statement and its transaction have no limit in time, and are planned for whole tables.
    If Postgres cannot be reached, it raises an error for which `is_infrastructure` is true.
    """
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=None if long_running else ANSWER_SECONDS,
        server_settings=SETTINGS
        | {"application_name": application_name}
        | (LONG_RUNNING_SETTINGS if long_running else PLANNER_SETTINGS),
    )
    if not long_running:
        await connection.execute(QUERIES["change_known_setting"], "transaction_timeout", TRANSACTION_TIMEOUT)
    return connection
