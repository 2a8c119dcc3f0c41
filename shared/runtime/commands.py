"""Commands over HTTP: what a service does for a person who may ask for it, as the verb of the same name does it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from asyncpg import Connection
from pydantic import AfterValidator, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from shared.clock import Clock
from shared.contracts.fields import Inbound, Text
from shared.errors import Refused
from shared.messaging.chain import ChainKey
from shared.messaging.engine.operator import Operator, Outcome, visible_text
from shared.runtime.database import Database, DatabaseUnavailable
from shared.runtime.tokens import Holder, Role, sentences_of

MAX_BODY_BYTES = 4096


def _visible(text: str) -> str:
    if not visible_text(text):
        raise ValueError("no visible character")
    return text


class CommandBody(Inbound):
    """The body of every command: why it is given."""

    why: Annotated[Text, AfterValidator(_visible)]


Execute = Callable[[Connection, Operator, Mapping[str, str], Any], Awaitable[Outcome]]
"""Does it in the transaction of a connection, with the parameters of the path and the body; raises Refused."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its method and path, the role that it takes, the form of its body, and what it does."""

    method: str
    path: str
    role: Role
    body: type[CommandBody]
    execute: Execute


async def read_body(request: Request, body: type[CommandBody]) -> CommandBody:
    """Read the JSON of a command; raise HTTPException with 400, 413 or 415 and a sentence for what is wrong."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415, "send the body as application/json")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise HTTPException(413, f"a body has at most {MAX_BODY_BYTES} bytes")
    try:
        return body.model_validate_json(bytes(content))
    except ValidationError as error:
        raise HTTPException(400, f"the body is not what this command takes: {sentences_of(error)}") from None


class CommandDesk:
    """Executes commands, each in one transaction; those of one path take turns in a session of their own.

    So no halt waits behind an approval that waits for a batch.
    """

    def __init__(
        self, commands: Sequence[Command], open_database: Callable[[], Database], clock: Clock, chain: ChainKey
    ) -> None:
        self._databases = {path: open_database() for path in {command.path for command in commands}}
        self._clock = clock
        self._chain = chain

    async def execute(
        self, command: Command, holder: Holder, parameters: Mapping[str, str], body: CommandBody
    ) -> Outcome | Refused:
        """Execute a command and return its outcome, or why it was refused, and then nothing was changed.

        Raise DatabaseUnavailable when that is not known.
        """
        operator = Operator(holder.who, body.why, self._clock.now(), self._chain)
        try:
            async with self._databases[command.path].session() as connection:
                try:
                    async with connection.transaction():
                        return await command.execute(connection, operator, parameters, body)
                except Refused as refusal:
                    return refusal
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(f"{error}; it may be done all the same, and it may be sent again") from error

    async def close(self) -> None:
        """End the sessions."""
        for database in self._databases.values():
            await database.close()
