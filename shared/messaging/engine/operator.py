"""The persons who operate a service: who did what and why, and the operations that require two of them."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from shared.errors import Refused, SamePerson
from shared.messaging.chain import ChainKey
from shared.messaging.operation_log import lock_operations, record_operation
from shared.messaging.queries import QUERIES

# Characters that Python counts as printable though nothing is seen of them: Hangul fillers and the blank of Braille.
SHAPELESS = "\u115f\u1160\u2800"
# Categories of combining marks, which are not seen where they have nothing to combine with.
MARKS = ("Mn", "Me")


@dataclass(frozen=True, slots=True)
class Operator:
    """The person who does something, the reason, the time, and the key that seals the log of operations.

    Raise Refused when one of the texts has no visible character.
    """

    who: str
    why: str
    now: datetime
    chain: ChainKey

    def __post_init__(self) -> None:
        for name, text in (("who", self.who), ("why", self.why)):
            if not visible_text(text):
                raise Refused(f"--{name} has no visible character; give a text")

    @property
    def person(self) -> str:
        """The name by which persons are compared: without case, combining marks and invisible characters."""
        return visible_text(self.who)

    async def record(self, connection: Connection, verb: str, **detail: object) -> None:
        """Append to the log of operations; `connection` is in a transaction."""
        await record_operation(connection, self.chain, self.now, verb, self.who, self.why, detail)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an operation, in a sentence. `changed` is False when nothing had to be written.

    `awaits_second`: the first person's consent is kept, and nothing else is done before a second one consents.
    """

    changed: bool
    sentence: str
    awaits_second: bool = False


async def require_second_person(
    connection: Connection, operator: Operator, verb: str, subject: str, content: Mapping[str, object]
) -> str | None:
    """Return the first person's name when this operator is the second; else save the operator's consent, return None.

    A consent is about one subject and holds for exactly this content: once that has changed, the next person counts as
    the first. The rows that the content describes have to be locked. Raise SamePerson when one comes twice.
    """
    await lock_operations(connection)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    kept = await connection.fetchrow(QUERIES["load_consent"], verb, subject)
    if kept is None or kept["content"] != text:
        await connection.execute(QUERIES["keep_consent"], verb, subject, text, operator.who, operator.now)
        await operator.record(connection, verb, awaits="a second person", **content)
        return None
    first = str(kept["who"])
    if visible_text(first) == operator.person:
        raise SamePerson(f"{first} has consented already; {subject} takes two different persons")
    await connection.execute(QUERIES["delete_consent"], verb, subject)
    return first


def visible_text(text: str) -> str:
    """Return what is seen of a text, without case and combining marks; empty if nothing is."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", text) if c.isspace() or _is_seen(c))
    return " ".join(visible.casefold().split())


def _is_seen(character: str) -> bool:
    return character.isprintable() and character not in SHAPELESS and unicodedata.category(character) not in MARKS
