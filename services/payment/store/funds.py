"""Funds of waves, and their allotments to lanes. Amounts in rupiah."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Connection, Record, SerializationError

from services.payment.domain.entitlement import Component
from services.payment.domain.funds import Age, Allotment, Balance, Fund, QueuedDisbursement
from services.payment.store import QUERIES
from shared.contracts.topics import LANES
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
    """Rupiah added to an allotment, and committed from it; either may be negative."""

    allotted: int
    committed: int


async def insert_appropriations(
    connection: Connection, appropriations: Sequence[Appropriation]
) -> set[tuple[str, Component]]:
    """Insert appropriations, and return the keys of those that are new; none may be listed twice."""
    given = columns(appropriations, "document", "component", "wave", "amount", "appropriated_at")
    rows = await connection.fetch(QUERIES["insert_appropriations"], *given)
    return {(row["document"], Component(row["component"])) for row in rows}


async def load_appropriations(
    connection: Connection, keys: Collection[tuple[str, Component]]
) -> dict[tuple[str, Component], Appropriation]:
    """Load known appropriations by (document, component)."""
    documents, components = [document for document, _ in keys], [component for _, component in keys]
    found = {}
    for row in await connection.fetch(QUERIES["load_appropriations"], documents, components):
        component = Component(row["component"])
        found[(row["document"], component)] = Appropriation(
            row["document"], component, row["wave"], row["amount"], row["appropriated_at"]
        )
    return found


async def add_funds(connection: Connection, amounts: Mapping[Fund, int]) -> None:
    """Add appropriated money to funds."""
    await connection.execute(QUERIES["add_funds"], *_fund_columns(amounts), list(amounts.values()))


async def open_funds(connection: Connection, funds: Collection[Fund]) -> None:
    """Insert empty rows for funds that were appropriated nothing yet, so that they can be locked."""
    await connection.execute(QUERIES["open_funds"], *_fund_columns(funds))


async def lock_funds(connection: Connection, funds: Collection[Fund]) -> dict[Fund, Balance]:
    """Lock funds to the end of the transaction and return their balances; one without a row is left out."""
    rows = await connection.fetch(QUERIES["lock_funds"], *_fund_columns(funds))
    return {_fund(row): Balance(row["free"], row["short"]) for row in rows}


async def update_shortage_flags(connection: Connection, funds: Collection[Fund]) -> None:
    """Set the flags of locked funds by the disbursements that wait for them, as saved in this transaction."""
    await connection.execute(QUERIES["update_shortage_flags"], *_fund_columns(funds))


async def load_payable_funds(connection: Connection) -> dict[Fund, int]:
    """Load the rupiah left of funds that are short and not empty."""
    return {_fund(row): row["free"] for row in await connection.fetch(QUERIES["load_payable_funds"])}


async def load_queue(connection: Connection, fund: Fund, after: Age, at_most: int) -> list[QueuedDisbursement]:
    """Load disbursements of all lanes that wait for money of a fund, the oldest first, those behind an age."""
    rows = await connection.fetch(QUERIES["load_queue"], *fund, *after, at_most)
    return [
        QueuedDisbursement((row["due_at"], row["redeem_code"], row["benefit"]), row["lane"], row["amount"])
        for row in rows
    ]


async def allot_funds(connection: Connection, allotted: Mapping[Fund, int]) -> None:
    """Subtract from funds what was allotted to lanes; negative: what was returned."""
    await connection.execute(QUERIES["allot_funds"], *_fund_columns(allotted), list(allotted.values()))


async def overdraw_funds(connection: Connection, fund: Fund, amount: int) -> int:
    """Allot money of a fund whether it suffices or not; return the rupiah by which the fund is overdrawn."""
    return int(await connection.fetchval(QUERIES["overdraw_funds"], *fund, amount))


async def recount_promised(connection: Connection, funds: Collection[Fund]) -> None:
    """Recount the money that adopted attempts keep of these funds until their disbursements are read again."""
    await connection.execute(QUERIES["recount_promised"], *_fund_columns(funds))


async def load_allotments(connection: Connection, allotments: Collection[Allotment]) -> dict[Allotment, Balance]:
    """Load the balance of each allotment, read without a lock; one without a row is empty."""
    rows = await connection.fetch(QUERIES["load_allotments"], *_allotment_columns(allotments))
    return {_allotment(row): Balance(row["free"], row["short"]) for row in rows}


async def open_allotments(connection: Connection, allotments: Collection[Allotment]) -> None:
    """Insert empty rows for allotments that have none."""
    await connection.execute(QUERIES["open_allotments"], *_allotment_columns(allotments))


async def update_allotments(connection: Connection, movements: Mapping[Allotment, AllotmentChange]) -> None:
    """Apply changes to existing allotments.

    Raise SerializationError, after which the batch is tried again, when an allotment holds less than was read: its
    money was withdrawn meanwhile.
    """
    moved = await connection.fetch(
        QUERIES["update_allotments"],
        *_allotment_columns(movements),
        *columns(movements.values(), "allotted", "committed"),
    )
    if len(moved) < len(movements):
        raise SerializationError("an allotment was withdrawn while money was committed from it")


async def load_funds_with_idle_allotments(connection: Connection) -> list[Fund]:
    """Load the funds that are short while allotments of theirs hold unused money."""
    return [_fund(row) for row in await connection.fetch(QUERIES["load_funds_with_idle_allotments"])]


async def lock_idle_allotments(connection: Connection, funds: Collection[Fund]) -> dict[Allotment, int]:
    """Lock the allotments of locked funds that hold unused money, in all lanes, and return the rupiah.

    An allotment that its lane is just using is skipped, for no lane waits for another.
    """
    rows = await connection.fetch(QUERIES["lock_idle_allotments"], *_fund_columns(funds))
    return {_allotment(row): row["free"] for row in rows}


async def load_funds_past_cut_off(connection: Connection) -> list[Fund]:
    """Load the funds that are past their cut-off in all lanes, and hold money for which nothing is left to be paid."""
    return [_fund(row) for row in await connection.fetch(QUERIES["load_funds_past_cut_off"], list(range(LANES)))]


async def return_unspent(connection: Connection, funds: Collection[Fund]) -> dict[Fund, int]:
    """Return the money of locked funds that is not allotted, promised or kept for what is frozen; return the rupiah."""
    rows = await connection.fetch(QUERIES["return_unspent"], *_fund_columns(funds), list(range(LANES)))
    return {_fund(row): row["amount"] for row in rows}


def _fund(row: Record) -> Fund:
    return Fund(row["wave"], Component(row["component"]))


def _allotment(row: Record) -> Allotment:
    return Allotment(row["lane"], row["wave"], Component(row["component"]))


def _fund_columns(funds: Collection[Fund]) -> list[list[Any]]:
    return columns(funds, "wave", "component")


def _allotment_columns(allotments: Collection[Allotment]) -> list[list[Any]]:
    return columns(allotments, "lane", "wave", "component")
