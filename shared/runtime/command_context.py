"""The context of an operator's command: the service's settings and keys, a session, and one line for what fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from asyncpg import Connection, PostgresError
from pydantic import ValidationError

from shared.clock import BadOffset, Clock
from shared.errors import InvalidFile, Refused
from shared.messaging.chain import BrokenChain
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.transaction import TransactionTerms
from shared.postgres.migrations import Migration, SchemaMismatch
from shared.runtime.consumer_group import ConsumerGroup
from shared.runtime.data_identity import IdentityMismatch
from shared.runtime.database import DataRequirements, open_session, unavailable_reason
from shared.runtime.definition import ServiceDefinition
from shared.runtime.kafka_probe import is_kafka_error
from shared.runtime.key_watch import KeyWatch
from shared.runtime.keys import Keys
from shared.runtime.output import Output
from shared.runtime.settings import ServiceSettings, setting_errors

T = TypeVar("T")

CONFIRM_SECONDS = 5.0
PREVIEW = "This is a preview and nothing was changed; add --yes to do it."


class CommandContext:
    """One command of one service. What cannot be done ends the process with status 2 and one line that says why."""

    def __init__(
        self,
        settings: type[ServiceSettings],
        load_definition: Callable[[], ServiceDefinition],
        migrations: Sequence[Migration],
    ) -> None:
        self.service = settings.service()
        self.migrations = migrations
        self.output = Output(self.service)
        self._settings_class = settings
        self._load_definition = load_definition

    def settings(self) -> ServiceSettings:
        """Return the settings; fail with a sentence for each that is wrong."""
        try:
            return self._settings_class()
        except ValidationError as error:
            self.output.fail("; ".join(setting_errors(error, self._settings_class)))

    def clock(self) -> Clock:
        """Return the clock of this process; fail if its file cannot be read."""
        try:
            return Clock.from_environment()
        except BadOffset as error:
            self.output.fail(str(error))

    @cached_property
    def definition(self) -> ServiceDefinition:
        """The definition of the service, its keys read."""
        return self._with_keys(self._load_definition)

    @cached_property
    def keys(self) -> Keys:
        """All keys of the service; a session opened with them is refused by data made with others."""
        return self._with_keys(lambda: Keys.load(self.definition))

    def key_watch(self) -> KeyWatch:
        """Return what takes over key sets that change while the service runs."""
        settings = self.settings()
        url = settings.postgres_url.get_secret_value()
        return KeyWatch(
            self.keys, lambda: Keys.load(self._load_definition()), settings.keys_folder, url, self.migrations
        )

    def transaction_terms(self) -> TransactionTerms:
        """Return the terms of a transaction that emits events in a lane."""
        return self.definition.transaction_terms(self.keys.own, self.keys.chain_seals.key)

    def _with_keys(self, read: Callable[[], T]) -> T:
        folder = self.settings().keys_folder
        self.clock()
        try:
            return read()
        except InvalidFile as error:
            self.output.fail(str(error))
        except (OSError, ValueError, Refused) as error:
            self.output.fail(f"its keys cannot be read from {folder}: {error}")

    def run(self, work: Awaitable[T]) -> T:
        """Run work to its end; fail with one sentence if it is refused or something cannot be reached."""
        # What libraries log about it is said better in that sentence.
        logging.disable(logging.CRITICAL)

        async def as_coroutine() -> T:
            return await work

        try:
            return asyncio.run(as_coroutine())
        except (Refused, BrokenChain) as refusal:
            self.output.fail(str(refusal))
        except KafkaError as error:
            self.output.fail(f"Kafka is not reachable at {self.settings().kafka_bootstrap}: {type(error).__name__}")
        except Exception as error:
            if reason := unavailable_reason(error):
                self.output.fail(reason)
            if isinstance(error, PostgresError):
                # Its text may hold the values of a row.
                self.output.fail(f"the database refused it: {type(error).__name__}, SQLSTATE {error.sqlstate}")
            raise

    def confirm(self) -> None:
        """Fail if the data are another program's; a database that does not answer now may do so later."""
        expected = DataRequirements(self.migrations, self.keys.identity)

        async def open_and_close() -> None:
            async with asyncio.timeout(CONFIRM_SECONDS):
                url = self.settings().postgres_url.get_secret_value()
                await (await open_session(url, f"{self.service} start", expected.confirm)).close()

        try:
            asyncio.run(open_and_close())
        except (SchemaMismatch, IdentityMismatch) as error:
            self.output.fail(str(error))
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
        """Run a query in a session of its own, as the service or as the owner of its tables.

        `keys` are those that the query uses; the data must have been made with them.
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
        """Run a query of Kafka's topics."""

        async def in_session() -> T:
            async with TopicInspector(self.settings().kafka_bootstrap) as topics:
                return await query(topics)

        return self.run(in_session())

    def assigned_partitions(self) -> frozenset[TopicPartition] | None:
        """Return the partitions that some process of the service holds; None, and a warning, if Kafka is away."""

        async def in_session() -> frozenset[TopicPartition]:
            async with ConsumerGroup(self.settings().kafka_bootstrap, f"salur.{self.service}") as group:
                return await group.assigned_partitions()

        try:
            return asyncio.run(in_session())
        except Exception as error:
            if not is_kafka_error(error):
                raise
            self.output.warn("Kafka does not answer: which lanes are served is not known")
            return None

    def execute_and_report(
        self,
        action: Callable[[Connection, Operator], Awaitable[Outcome]],
        who: str,
        why: str,
        *,
        commit: bool = True,
        keys: Keys | None = None,
    ) -> None:
        """Execute an action as `execute` does, and print its outcome."""
        outcome = self.execute(action, who, why, commit=commit, keys=keys)
        self.output.print(outcome.sentence)
        if outcome.changed and not commit:
            self.output.print(PREVIEW)

    def execute(
        self,
        action: Callable[[Connection, Operator], Awaitable[Outcome]],
        who: str,
        why: str,
        *,
        commit: bool = True,
        keys: Keys | None = None,
    ) -> Outcome:
        """Execute an action in one transaction and return its outcome; roll back unless `commit`.

        It uses the service's keys if no others are given.
        """
        keys, clock = keys or self.keys, self.clock()
        key = keys.chain_seals.key

        async def in_transaction(connection: Connection) -> Outcome:
            operator = Operator(who, why, clock.now(), key)
            if operator.person == self.service:
                raise Refused(f"--who names a person, and {self.service} is the service itself")
            # Whatever goes wrong on the way, the session ends and takes the transaction with it.
            transaction = connection.transaction()
            await transaction.start()
            outcome = await action(connection, operator)
            await (transaction.commit() if commit else transaction.rollback())
            return outcome

        return self.run_in_session(in_transaction, keys=keys)
