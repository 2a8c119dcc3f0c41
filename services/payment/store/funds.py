"""Money of the waves, and the lanes' parts of it. Amounts in rupiah."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection, Record, SerializationError

from services.payment.domain.funds import Age, Balance, Pot, Purse, Waiting
from services.payment.domain.right import Component
from services.payment.store import QUERIES


@dataclass(frozen=True, slots=True)
class Appropriation:
    """Money that the treasury gave to a wave by a document."""

    document: str
    component: Component
    wave: str
    amount: int
    appropriated_at: datetime

    @property
    def key(self) -> tuple[str, Component]:
        return (self.document, self.component)


@dataclass(frozen=True, slots=True)
class Movement:
    """What was drawn into a purse, and what was spent from it; either may be negative."""

    drawn: int
    spent: int


async def insert_appropriations(
    connection: Connection, appropriations: Sequence[Appropriation]
) -> set[tuple[str, Component]]:
    """The keys of those that are new; none may be listed twice."""
    rows = await connection.fetch(
        QUERIES["insert_appropriations"],
        [a.document for a in appropriations],
        [a.component for a in appropriations],
        [a.wave for a in appropriations],
        [a.amount for a in appropriations],
        [a.appropriated_at for a in appropriations],
    )
    return {(row["document"], Component(row["component"])) for row in rows}


async def load_appropriations(
    connection: Connection, keys: Collection[tuple[str, Component]]
) -> dict[tuple[str, Component], Appropriation]:
    """By (document, component), of those known."""
    documents, components = [document for document, _ in keys], [component for _, component in keys]
    found = {}
    for row in await connection.fetch(QUERIES["load_appropriations"], documents, components):
        component = Component(row["component"])
        found[(row["document"], component)] = Appropriation(
            row["document"], component, row["wave"], row["amount"], row["appropriated_at"]
        )
    return found


async def add_funds(connection: Connection, amounts: Mapping[Pot, int]) -> None:
    """More money for these."""
    await connection.execute(QUERIES["add_funds"], *_pots(amounts), list(amounts.values()))


async def open_funds(connection: Connection, pots: Collection[Pot]) -> None:
    """Make the rows of pots that the treasury has given nothing yet, so that they can be locked."""
    await connection.execute(QUERIES["open_funds"], *_pots(pots))


async def lock_funds(connection: Connection, pots: Collection[Pot]) -> dict[Pot, Balance]:
    """Lock the rows of these pots to the end of the transaction and return them; one without a row is left out."""
    rows = await connection.fetch(QUERIES["lock_funds"], *_pots(pots))
    return {_pot(row): Balance(row["free"], row["short"]) for row in rows}


async def note_shortages(connection: Connection, pots: Collection[Pot]) -> None:
    """Make the flags of these locked pots say whether somebody waits for money, as saved in this transaction."""
    await connection.execute(QUERIES["note_shortages"], *_pots(pots))


async def load_payable_pots(connection: Connection) -> dict[Pot, int]:
    """Return what is left of the pots that are short and not empty."""
    return {_pot(row): row["free"] for row in await connection.fetch(QUERIES["load_payable_pots"])}


async def load_queue(connection: Connection, pot: Pot, after: Age, at_most: int) -> list[Waiting]:
    """Return who waits for money of this pot in all lanes, the oldest first, from behind an age on."""
    rows = await connection.fetch(QUERIES["load_queue"], *pot, *after, at_most)
    return [Waiting((row["due_at"], row["redeem_code"], row["benefit"]), row["lane"], row["amount"]) for row in rows]


async def move_funds(connection: Connection, drawn: Mapping[Pot, int]) -> None:
    """Drawn from these by lanes; negative: given back."""
    await connection.execute(QUERIES["move_funds"], *_pots(drawn), list(drawn.values()))


async def overdraw_funds(connection: Connection, pot: Pot, amount: int) -> int:
    """Draw from this whether it lasts or not; return by how much it is overdrawn then."""
    return int(await connection.fetchval(QUERIES["overdraw_funds"], *pot, amount))


async def recount_promised(connection: Connection, pots: Collection[Pot]) -> None:
    """Counts what adopted attempts keep of these until their rights are read again."""
    await connection.execute(QUERIES["recount_promised"], *_pots(pots))


async def load_purses(connection: Connection, purses: Collection[Purse]) -> dict[Purse, Balance]:
    """Return what each purse holds, read without a lock; one never opened is empty."""
    rows = await connection.fetch(QUERIES["load_purses"], *_purses(purses))
    return {_purse(row): Balance(row["free"], row["short"]) for row in rows}


async def open_purses(connection: Connection, purses: Collection[Purse]) -> None:
    """Makes those that do not exist yet, empty."""
    await connection.execute(QUERIES["open_purses"], *_purses(purses))


async def move_purses(connection: Connection, movements: Mapping[Purse, Movement]) -> None:
    """Money in and out of existing purses.

    Raises SerializationError, upon which the batch is tried again, when one holds less than was read: its money has
    been given back meanwhile.
    """
    moved = await connection.fetch(
        QUERIES["move_purses"],
        *_purses(movements),
        [movement.drawn for movement in movements.values()],
        [movement.spent for movement in movements.values()],
    )
    if len(moved) < len(movements):
        raise SerializationError("a purse was emptied while it was being spent from")


async def load_idle_pots(connection: Connection) -> list[Pot]:
    """Return the pots that are short while money of theirs lies unused in purses."""
    return [_pot(row) for row in await connection.fetch(QUERIES["load_idle_pots"])]


async def lock_idle_purses(connection: Connection, pots: Collection[Pot]) -> dict[Purse, int]:
    """Lock the purses of these locked pots that hold unused money, of all lanes, and return how much.

    A purse that its lane is just using is passed over, for no lane waits for another.
    """
    rows = await connection.fetch(QUERIES["lock_idle_purses"], *_pots(pots))
    return {_purse(row): row["free"] for row in rows}


def _pot(row: Record) -> Pot:
    return Pot(row["wave"], Component(row["component"]))


def _purse(row: Record) -> Purse:
    return Purse(row["lane"], row["wave"], Component(row["component"]))


def _pots(pots: Collection[Pot]) -> tuple[list[str], list[Component]]:
    return [pot.wave for pot in pots], [pot.component for pot in pots]


def _purses(purses: Collection[Purse]) -> tuple[list[int], list[str], list[Component]]:
    return [p.lane for p in purses], [p.wave for p in purses], [p.component for p in purses]
