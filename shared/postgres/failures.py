"""Classes of failures: infrastructure is tried again, a record's fault parks that record.

A failure of neither class is unknown, and stops the lane it happened in.
"""

import asyncpg
from asyncpg.exceptions import OutdatedSchemaCacheError

# SQLSTATE classes and codes under which the same work may succeed later, unchanged.
INFRASTRUCTURE_CLASSES = frozenset(
    {
        "08",  # the connection broke
        "28",  # authorisation: a password or a certificate is being changed
        "40",  # serialization failure, deadlock, unknown completion
        "53",  # no disk, no memory, too many connections
        "57",  # cancelled, time-out of a statement, shutdown, restart
        "58",  # the server's own input and output
    }
)
INFRASTRUCTURE_CODES = frozenset(
    {
        "25006",  # read-only: a standby answers, or a failover is under way
        "25P03",  # ended because it was idle in a transaction
        "25P04",  # ended because its transaction took too long
        "3D000",  # the database is being restored
        "42501",  # not granted (yet): `migrate` says what a service may do
        "55P03",  # a lock was not to be had in time
        "55006",  # an object is in use
    }
)
RECORD_FAULT_CLASSES = frozenset({"22", "23"})
# Raised by our triggers when something final would change: a broken invariant, and no record's fault.
RESTRICT_VIOLATION = "23001"


def is_infrastructure(error: BaseException) -> bool:
    """Return True if infrastructure failed: the same work is tried again, never dropped, never parked."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        stale = isinstance(error, asyncpg.InvalidCachedStatementError)
        return stale or state[:2] in INFRASTRUCTURE_CLASSES or state in INFRASTRUCTURE_CODES
    # The library loses its own state when a session is ended between two of its messages.
    if isinstance(error, OutdatedSchemaCacheError | asyncpg.InternalClientError):
        return True
    if isinstance(error, asyncpg.InterfaceError):
        # The library has one type for a closed connection and for its wrong use; only the text tells them apart.
        return "closed" in str(error) and not isinstance(error, ValueError)
    return isinstance(error, OSError)


def is_record_fault(error: BaseException) -> bool:
    """Return True if the database refused a value or a row (SQLSTATE class 22 or 23): its record is parked."""
    if not isinstance(error, asyncpg.PostgresError):
        return False
    state = error.sqlstate or ""
    return state[:2] in RECORD_FAULT_CLASSES and state != RESTRICT_VIOLATION
