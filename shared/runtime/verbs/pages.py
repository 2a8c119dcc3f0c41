"""`pages`: what was said, and saying it again."""

from collections.abc import Sequence
from typing import Annotated

import typer
from asyncpg import Connection
from rich.table import Table

from shared.messaging.lane import QUERIES
from shared.messaging.operations import say_again
from shared.messaging.page import Page
from shared.messaging.publisher import page_of
from shared.runtime.desk import Desk
from shared.runtime.verbs.options import Who, Why

PAGES_SHOWN = 20
EVERYTHING = 2**62


def page_verbs(desk: Desk) -> typer.Typer:
    verbs = typer.Typer(help="Show what was said, or say it again.", no_args_is_help=True)

    @verbs.command()
    def show(
        topic: str,
        lane: int,
        from_: Annotated[int, typer.Option("--from", help="The first sequence number wanted.")] = 1,
    ) -> None:
        """Show the pages of a topic and lane from a sequence number on, each event by type and key."""
        pages = desk.ask(lambda connection: _pages(connection, topic, lane, from_))
        if not pages:
            desk.give_up(f"{topic}, lane {lane}: no page from {from_} on")
        for page in pages:
            desk.out.print(_table(page, from_))

    @verbs.command("say-again")
    def say_again_(
        lane: Annotated[int, typer.Option(help="The lane.")],
        from_: Annotated[int, typer.Option("--from", help="The first sequence number to send once more.")],
        who: Who,
        why: Why,
        topic: Annotated[str, typer.Option(help="The topic; without it, the service's own events.")] = "",
    ) -> None:
        """Send everything said from a number on once more. Readers drop what they know, so this is always safe."""
        where = topic or f"{desk.service}.events"
        desk.operate(lambda connection, operator: say_again(connection, operator, where, lane, from_), who, why)

    return verbs


async def _pages(connection: Connection, topic: str, lane: int, first: int) -> Sequence[Page]:
    rows = await connection.fetch(QUERIES["load_pages_again"], topic, lane, first, EVERYTHING, -1, 0, PAGES_SHOWN)
    return [page_of(row) for row in rows]


def _table(page: Page, first: int) -> Table:
    title = f"{page.topic}, lane {page.lane}, era {page.era}, said {page.said_at:%Y-%m-%d %H:%M:%S}Z"
    table = Table("number", "type", "key", "bytes", title=title, title_justify="left", box=None)
    for sequence, said in enumerate(page.events, page.first_sequence):
        if sequence >= first:
            table.add_row(str(sequence), said.type, said.key, str(len(said.data)))
    return table
