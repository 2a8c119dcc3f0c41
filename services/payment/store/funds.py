"""Money of the waves, and the lanes' parts of it. Amounts in rupiah."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Connection, Record, SerializationError

from services.payment.domain.entitlement import Component
from services.payment.domain.funds import Age, Allotment, Balance, Fund, QueuedDisbursement
from services.payment.store import QUERIES
from shared.postgres.columns import columns


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
class AllotmentChange:
    """What was drawn into a purse, and what was spent from it; either may be negative."""

    allotted: int
    committed: int


async def insert_appropriations(
    connection: Connection, appropriations: Sequence[Appropriation]
) -> set[tuple[str, Component]]:
    """The keys of those that are new; none may be listed twice."""
    given = columns(appropriations, "document", "component", "wave", "amount", "appropriated_at")
    rows = await connection.fetch(QUERIES["insert_appropriations"], *given)
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


async def add_funds(connection: Connection, amounts: Mapping[Fund, int]) -> None:
    """More money for these."""
    await connection.execute(QUERIES["add_funds"], *_fund_columns(amounts), list(amounts.values()))


async def open_funds(connection: Connection, funds: Collection[Fund]) -> None:
    """Make the rows of pots that the treasury has given nothing yet, so that they can be locked."""
    await connection.execute(QUERIES["open_funds"], *_fund_columns(funds))


async def lock_funds(connection: Connection, funds: Collection[Fund]) -> dict[Fund, Balance]:
    """Lock the rows of these pots to the end of the transaction and return them; one without a row is left out."""
    rows = await connection.fetch(QUERIES["lock_funds"], *_fund_columns(funds))
    return {_fund(row): Balance(row["free"], row["short"]) for row in rows}


async def update_shortage_flags(connection: Connection, funds: Collection[Fund]) -> None:
    """Make the flags of these locked pots say whether somebody waits for money, as saved in this transaction."""
    await connection.execute(QUERIES["update_shortage_flags"], *_fund_columns(funds))


async def load_payable_funds(connection: Connection) -> dict[Fund, int]:
    """Return what is left of the pots that are short and not empty."""
    return {_fund(row): row["free"] for row in await connection.fetch(QUERIES["load_payable_funds"])}


async def load_queue(connection: Connection, fund: Fund, after: Age, at_most: int) -> list[QueuedDisbursement]:
    """Return who waits for money of this pot in all lanes, the oldest first, from behind an age on."""
    rows = await connection.fetch(QUERIES["load_queue"], *fund, *after, at_most)
    return [
        QueuedDisbursement((row["due_at"], row["redeem_code"], row["benefit"]), row["lane"], row["amount"])
        for row in rows
    ]


async def allot_funds(connection: Connection, allotted: Mapping[Fund, int]) -> None:
    """Drawn from these by lanes; negative: given back."""
    await connection.execute(QUERIES["allot_funds"], *_fund_columns(allotted), list(allotted.values()))


async def overdraw_funds(connection: Connection, fund: Fund, amount: int) -> int:
    """Draw from this whether it lasts or not; return by how much it is overdrawn then."""
    return int(await connection.fetchval(QUERIES["overdraw_funds"], *fund, amount))


async def recount_promised(connection: Connection, funds: Collection[Fund]) -> None:
    """Counts what adopted attempts keep of these until their rights are read again."""
    await connection.execute(QUERIES["recount_promised"], *_fund_columns(funds))


async def load_allotments(connection: Connection, allotments: Collection[Allotment]) -> dict[Allotment, Balance]:
    """Return what each purse holds, read without a lock; one never opened is empty."""
    rows = await connection.fetch(QUERIES["load_allotments"], *_allotment_columns(allotments))
    return {_allotment(row): Balance(row["free"], row["short"]) for row in rows}


async def open_allotments(connection: Connection, allotments: Collection[Allotment]) -> None:
    """Makes those that do not exist yet, empty."""
    await connection.execute(QUERIES["open_allotments"], *_allotment_columns(allotments))


async def update_allotments(connection: Connection, movements: Mapping[Allotment, AllotmentChange]) -> None:
    """Money in and out of existing purses.

    Raises SerializationError, upon which the batch is tried again, when one holds less than was read: its money has
    been given back meanwhile.
    """
    moved = await connection.fetch(
        QUERIES["update_allotments"],
        *_allotment_columns(movements),
        *columns(movements.values(), "allotted", "committed"),
    )
    if len(moved) < len(movements):
        raise SerializationError("a purse was emptied while it was being spent from")


async def load_funds_with_idle_allotments(connection: Connection) -> list[Fund]:
    """Return the pots that are short while money of theirs lies unused in purses."""
    return [_fund(row) for row in await connection.fetch(QUERIES["load_funds_with_idle_allotments"])]


async def lock_idle_allotments(connection: Connection, funds: Collection[Fund]) -> dict[Allotment, int]:
    """Lock the purses of these locked pots that hold unused money, of all lanes, and return how much.

    A purse that its lane is just using is passed over, for no lane waits for another.
    """
    rows = await connection.fetch(QUERIES["lock_idle_allotments"], *_fund_columns(funds))
    return {_allotment(row): row["free"] for row in rows}


def _fund(row: Record) -> Fund:
    return Fund(row["wave"], Component(row["component"]))


def _allotment(row: Record) -> Allotment:
    return Allotment(row["lane"], row["wave"], Component(row["component"]))


def _fund_columns(funds: Collection[Fund]) -> list[list[Any]]:
    return columns(funds, "wave", "component")


def _allotment_columns(allotments: Collection[Allotment]) -> list[list[Any]]:
    return columns(allotments, "lane", "wave", "component")
