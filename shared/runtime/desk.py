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
from shared.messaging.operations import Operator, Outcome, Refused
from shared.messaging.topics import Topics
from shared.messaging.transaction import Terms
from shared.postgres.migrate import Migration, WrongSchema
from shared.runtime.database import Expected, open_session, why_unreachable
from shared.runtime.group import ConsumerGroup
from shared.runtime.identity import WrongIdentity
from shared.runtime.keys import Keys
from shared.runtime.lag import kafka_trouble
from shared.runtime.parts import ServiceParts
from shared.runtime.settings import ServiceSettings, complaints

T = TypeVar("T")

FAILED = 2
CONFIRM_SECONDS = 5.0
WIDE = 240
PREVIEW = "This is a preview and nothing was changed; add --yes to do it."


class Desk:
    """One command of one service. Whatever cannot be done ends the process with status 2 and one line that says why."""

    def __init__(
        self, settings: type[ServiceSettings], parts: Callable[[], ServiceParts], migrations: Sequence[Migration]
    ) -> None:
        self.service = settings.service()
        self.migrations = migrations
        # A pipe or a file has no width of its own, and nothing that an operator greps for may be cut off.
        self.out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._settings_class = settings
        self._parts = parts

    def settings(self) -> ServiceSettings:
        """The settings, or a line for each that is wrong."""
        try:
            return self._settings_class()
        except ValidationError as error:
            self.give_up("; ".join(complaints(error, self._settings_class)))

    def clock(self) -> Clock:
        """The clock of this process, or a line that says why there is none."""
        try:
            return Clock.from_environment()
        except BadOffset as error:
            self.give_up(str(error))

    @cached_property
    def parts(self) -> ServiceParts:
        """The service, taken apart; its keys are read."""
        return self._with_keys(self._parts)

    @cached_property
    def keys(self) -> Keys:
        """The keys of the service, all of them: whoever uses one is held to those that the data were made with."""
        return self._with_keys(lambda: Keys.load(self.parts))

    def terms(self) -> Terms:
        """Return what a deed needs that announces events in a lane."""
        return self.parts.terms(self.keys.own, self.keys.sealing.key)

    def _with_keys(self, read: Callable[[], T]) -> T:
        folder = self.settings().keys_folder
        self.clock()
        try:
            return read()
        except (OSError, ValueError) as error:
            self.give_up(f"its keys cannot be read from {folder}: {error}")

    def give_up(self, sentence: str) -> NoReturn:
        self.err.print(f"{self.service}: {sentence}", markup=False)
        raise typer.Exit(FAILED)

    def run(self, work: Awaitable[T]) -> T:
        """Runs it to the end; trouble outside becomes one line."""

        # What libraries have to say about trouble is said better in the one line below.
        logging.disable(logging.CRITICAL)

        async def all_of_it() -> T:
            return await work

        try:
            return asyncio.run(all_of_it())
        except (Refused, BrokenChain) as refusal:
            self.give_up(str(refusal))
        except KafkaError as error:
            self.give_up(f"Kafka is not reachable at {self.settings().kafka_bootstrap}: {type(error).__name__}")
        except Exception as error:
            if reason := why_unreachable(error):
                self.give_up(reason)
            if isinstance(error, PostgresError):
                # Its words may hold what stands in a row.
                self.give_up(f"the database refused it: {type(error).__name__}, SQLSTATE {error.sqlstate}")
            raise

    def confirm(self) -> None:
        """End here if the data are another program's. A database that does not answer now may do so later."""
        expected = Expected(self.migrations, self.keys.identity)

        async def open_and_close() -> None:
            async with asyncio.timeout(CONFIRM_SECONDS):
                url = self.settings().postgres_url.get_secret_value()
                await (await open_session(url, f"{self.service} start", expected.confirm)).close()

        try:
            asyncio.run(open_and_close())
        except (WrongSchema, WrongIdentity) as error:
            self.give_up(str(error))
        except Exception as error:
            if why_unreachable(error) is None:
                raise

    def ask(
        self,
        question: Callable[[Connection], Awaitable[T]],
        *,
        keys: Keys | None = None,
        patient: bool = False,
        as_owner: bool = False,
    ) -> T:
        """Runs a question in a session of its own, as the service or as the owner of its tables.

        `keys`: those it is answered with, which must be the keys that the data were made with.
        """
        expected = Expected(self.migrations, keys.identity if keys else None)

        async def in_session() -> T:
            settings = self.settings()
            url = (settings.migrate_url if as_owner else settings.postgres_url).get_secret_value()
            connection = await open_session(url, f"{self.service} command", expected.confirm, patient=patient)
            try:
                return await question(connection)
            finally:
                await connection.close()

        return self.run(in_session())

    def ask_kafka(self, question: Callable[[Topics], Awaitable[T]]) -> T:
        """Runs a question to Kafka."""

        async def in_session() -> T:
            async with Topics(self.settings().kafka_bootstrap) as topics:
                return await question(topics)

        return self.run(in_session())

    def served(self) -> frozenset[TopicPartition] | None:
        """Return the partitions that some process of the service holds; None, and a line, if Kafka does not answer."""

        async def in_session() -> frozenset[TopicPartition]:
            async with ConsumerGroup(self.settings().kafka_bootstrap, f"salur.{self.service}") as group:
                return await group.served()

        try:
            return asyncio.run(in_session())
        except Exception as error:
            if not kafka_trouble(error):
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

    def operate(
        self,
        deed: Callable[[Connection, Operator], Awaitable[Outcome]],
        who: str,
        why: str,
        *,
        do: bool = True,
        keys: Keys | None = None,
    ) -> None:
        """Does something in one transaction and says what; `do` False: only says what it would be."""
        outcome = self.carry_out(deed, who, why, do=do, keys=keys)
        self.out.print(outcome.sentence, markup=False)
        if outcome.changed and not do:
            self.out.print(PREVIEW)

    def carry_out(
        self,
        deed: Callable[[Connection, Operator], Awaitable[Outcome]],
        who: str,
        why: str,
        *,
        do: bool = True,
        keys: Keys | None = None,
    ) -> Outcome:
        """Do something in one transaction and return what came of it; `do` False: it is rolled back.

        It is done with the service's keys if no others are given.
        """
        keys, clock = keys or self.keys, self.clock()
        key = keys.sealing.key

        async def in_transaction(connection: Connection) -> Outcome:
            operator = Operator(who, why, clock.now(), key)
            if operator.person == self.service:
                raise Refused(f"--who names a person, and {self.service} is the service itself")
            # Whatever goes wrong on the way, the session ends and takes the transaction with it.
            transaction = connection.transaction()
            await transaction.start()
            outcome = await deed(connection, operator)
            await (transaction.commit() if do else transaction.rollback())
            return outcome

        return self.ask(in_transaction, keys=keys)
