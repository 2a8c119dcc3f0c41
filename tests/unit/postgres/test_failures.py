"""The classes of failures."""

import asyncpg
import pytest
from asyncpg.exceptions import OutdatedSchemaCacheError
from asyncpg.exceptions._base import DataError as WrongArgument

from shared.postgres.failures import is_infrastructure, is_record_fault

OUTSIDE = [
    ConnectionRefusedError(),
    ConnectionResetError(),
    TimeoutError(),
    OSError(28, "No space left on device"),
    asyncpg.InterfaceError("cannot perform operation: connection is closed"),
    asyncpg.InterfaceError("the underlying connection is closed"),
    OutdatedSchemaCacheError("composite type has changed"),
    asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    asyncpg.InvalidCachedStatementError("cached statement plan is invalid"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.SerializationError("could not serialize access"),
    asyncpg.DeadlockDetectedError("deadlock detected"),
    asyncpg.LockNotAvailableError("lock timeout"),
    asyncpg.QueryCanceledError("statement timeout"),
    asyncpg.AdminShutdownError("terminating connection"),
    asyncpg.CrashShutdownError("terminating connection"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.TooManyConnectionsError("sorry, too many clients already"),
    asyncpg.DiskFullError("could not extend file"),
    asyncpg.OutOfMemoryError("out of memory"),
    asyncpg.PostgresIOError("could not read block"),
    asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE in a read-only transaction"),
    asyncpg.IdleInTransactionSessionTimeoutError("idle-in-transaction timeout"),
    asyncpg.InvalidCatalogNameError("database does not exist"),
    asyncpg.InvalidPasswordError("password authentication failed"),
]
OF_THE_RECORD = [
    asyncpg.NumericValueOutOfRangeError("bigint out of range"),
    asyncpg.CharacterNotInRepertoireError("invalid byte sequence"),
    asyncpg.UniqueViolationError("duplicate key"),
    asyncpg.CheckViolationError("violates check constraint"),
    asyncpg.NotNullViolationError("null value"),
    asyncpg.ForeignKeyViolationError("violates foreign key"),
]
UNKNOWN = [
    asyncpg.RestrictViolationError("disbursement is final"),
    asyncpg.UndefinedColumnError("column does not exist"),
    asyncpg.PostgresSyntaxError("syntax error"),
    asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
    WrongArgument("invalid input for query argument $1: 'closed'"),
    AssertionError("the books do not balance"),
    ValueError(),
    KeyError("a"),
]


@pytest.mark.parametrize("error", OUTSIDE, ids=repr)
def test_infrastructure_failure_is_retried(error: Exception) -> None:
    assert is_infrastructure(error)
    assert not is_record_fault(error)


@pytest.mark.parametrize("error", OF_THE_RECORD, ids=repr)
def test_value_refused_by_the_database_is_the_records_fault(error: Exception) -> None:
    assert is_record_fault(error)
    assert not is_infrastructure(error)


@pytest.mark.parametrize("error", UNKNOWN, ids=repr)
def test_other_failures_are_unknown_also_the_change_of_a_final_row(error: Exception) -> None:
    assert not is_infrastructure(error)
    assert not is_record_fault(error)
