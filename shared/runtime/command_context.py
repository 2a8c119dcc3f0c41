"""Where an operator's command meets the service: settings, a session, and one clear line when something is away."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import NoReturn, TypeVar

import typer
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from asyncpg import Connection, PostgresError
from pydantic import ValidationError
from pydantic_core import to_json
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.clock import BadOffset, Clock
from shared.messaging.chain import BrokenChain
from shared.messaging.engine.operations import OperationRefused, Operator, Outcome
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.transaction import TransactionTerms
from shared.postgres.migrations import Migration, SchemaMismatch
from shared.runtime.consumer_group import ConsumerGroup
from shared.runtime.data_identity import IdentityMismatch
from shared.runtime.database import DataRequirements, open_session, unavailable_reason
from shared.runtime.definition import ServiceDefinition
from shared.runtime.keys import Keys
from shared.runtime.lag import is_kafka_error
from shared.runtime.settings import ServiceSettings, setting_errors

T = TypeVar("T")

FAILED = 2
CONFIRM_SECONDS = 5.0
PIPE_WIDTH = 240
PREVIEW = "This is a preview and nothing was changed; add --yes to do it."


class CommandContext:
    """One command of one service. Whatever cannot be done ends the process with status 2 and one line that says why."""

    def __init__(
        self,
        settings: type[ServiceSettings],
        load_definition: Callable[[], ServiceDefinition],
        migrations: Sequence[Migration],
    ) -> None:
        self.service = settings.service()
        self.migrations = migrations
        # A pipe or a file has no width of its own, and nothing that an operator greps for may be cut off.
        self.out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_WIDTH)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._settings_class = settings
        self._load_definition = load_definition

    def settings(self) -> ServiceSettings:
        """The settings, or a line for each that is wrong."""
        try:
            return self._settings_class()
        except ValidationError as error:
            self.fail("; ".join(setting_errors(error, self._settings_class)))

    def clock(self) -> Clock:
        """The clock of this process, or a line that says why there is none."""
        try:
            return Clock.from_environment()
        except BadOffset as error:
            self.fail(str(error))

    @cached_property
    def definition(self) -> ServiceDefinition:
        """The service, taken apart; its keys are read."""
        return self._with_keys(self._load_definition)

    @cached_property
    def keys(self) -> Keys:
        """The keys of the service, all of them: whoever uses one is held to those that the data were made with."""
        return self._with_keys(lambda: Keys.load(self.definition))

    def transaction_terms(self) -> TransactionTerms:
        """Return what a deed needs that announces events in a lane."""
        return self.definition.transaction_terms(self.keys.own, self.keys.chain_seals.key)

    def _with_keys(self, read: Callable[[], T]) -> T:
        folder = self.settings().keys_folder
        self.clock()
        try:
            return read()
        except (OSError, ValueError) as error:
            self.fail(f"its keys cannot be read from {folder}: {error}")

    def fail(self, sentence: str) -> NoReturn:
        self.err.print(f"{self.service}: {sentence}", markup=False)
        raise typer.Exit(FAILED)

    def run(self, work: Awaitable[T]) -> T:
        """Runs it to the end; trouble outside becomes one line."""

        # What libraries have to say about trouble is said better in the one line below.
        logging.disable(logging.CRITICAL)

        async def as_coroutine() -> T:
            return await work

        try:
            return asyncio.run(as_coroutine())
        except (OperationRefused, BrokenChain) as refusal:
            self.fail(str(refusal))
        except KafkaError as error:
            self.fail(f"Kafka is not reachable at {self.settings().kafka_bootstrap}: {type(error).__name__}")
        except Exception as error:
            if reason := unavailable_reason(error):
                self.fail(reason)
            if isinstance(error, PostgresError):
                # Its words may hold what stands in a row.
                self.fail(f"the database refused it: {type(error).__name__}, SQLSTATE {error.sqlstate}")
            raise

    def confirm(self) -> None:
        """End here if the data are another program's. A database that does not answer now may do so later."""
        expected = DataRequirements(self.migrations, self.keys.identity)

        async def open_and_close() -> None:
            async with asyncio.timeout(CONFIRM_SECONDS):
                url = self.settings().postgres_url.get_secret_value()
                await (await open_session(url, f"{self.service} start", expected.confirm)).close()

        try:
            asyncio.run(open_and_close())
        except (SchemaMismatch, IdentityMismatch) as error:
            self.fail(str(error))
        except Exception as error:
            if unavailable_reason(error) is None:
                raise

    def run_in_session(
        self,
        query: Callable[[Connection], Awaitable[T]],
        *,
        keys: Keys | None = None,
        long_running: bool = False,
        as_owner: bool = False,
    ) -> T:
        """Runs a question in a session of its own, as the service or as the owner of its tables.

        `keys`: those it is answered with, which must be the keys that the data were made with.
        """
        expected = DataRequirements(self.migrations, keys.identity if keys else None)

        async def in_session() -> T:
            settings = self.settings()
            url = (settings.migrate_url if as_owner else settings.postgres_url).get_secret_value()
            connection = await open_session(url, f"{self.service} command", expected.confirm, long_running=long_running)
            try:
                return await query(connection)
            finally:
                await connection.close()

        return self.run(in_session())

    def query_kafka(self, query: Callable[[TopicInspector], Awaitable[T]]) -> T:
        """Runs a question to Kafka."""

        async def in_session() -> T:
            async with TopicInspector(self.settings().kafka_bootstrap) as topics:
                return await query(topics)

        return self.run(in_session())

    def assigned_partitions(self) -> frozenset[TopicPartition] | None:
        """Return the partitions that some process of the service holds; None, and a line, if Kafka does not answer."""

        async def in_session() -> frozenset[TopicPartition]:
            async with ConsumerGroup(self.settings().kafka_bootstrap, f"salur.{self.service}") as group:
                return await group.assigned_partitions()

        try:
            return asyncio.run(in_session())
        except Exception as error:
            if not is_kafka_error(error):
                raise
            self.err.print("Kafka does not answer: who serves what is not known", markup=False)
            return None

    def show(self, rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool) -> None:
        """Print rows as a table of these columns, or whole as JSON."""
        if as_json:
            self.out.print(to_json(rows, indent=2).decode(), markup=False)
            return
        table = Table(*columns, box=None)
        for row in rows:
            table.add_row(*("" if row[name] is None else escape(str(row[name])) for name in columns))
        self.out.print(table if rows else "none")

    def execute_and_report(
        self,
        action: Callable[[Connection, Operator], Awaitable[Outcome]],
        who: str,
        why: str,
        *,
        commit: bool = True,
        keys: Keys | None = None,
    ) -> None:
        """Does something in one transaction and says what; `do` False: only says what it would be."""
        outcome = self.execute(action, who, why, commit=commit, keys=keys)
        self.out.print(outcome.sentence, markup=False)
        if outcome.changed and not commit:
            self.out.print(PREVIEW)

    def execute(
        self,
        action: Callable[[Connection, Operator], Awaitable[Outcome]],
        who: str,
        why: str,
        *,
        commit: bool = True,
        keys: Keys | None = None,
    ) -> Outcome:
        """Do something in one transaction and return what came of it; `do` False: it is rolled back.

        It is done with the service's keys if no others are given.
        """
        keys, clock = keys or self.keys, self.clock()
        key = keys.chain_seals.key

        async def in_transaction(connection: Connection) -> Outcome:
            operator = Operator(who, why, clock.now(), key)
            if operator.person == self.service:
                raise OperationRefused(f"--who names a person, and {self.service} is the service itself")
            # Whatever goes wrong on the way, the session ends and takes the transaction with it.
            transaction = connection.transaction()
            await transaction.start()
            outcome = await action(connection, operator)
            await (transaction.commit() if commit else transaction.rollback())
            return outcome

        return self.run_in_session(in_transaction, keys=keys)
