"""`pages`: the events that were emitted, and how they are published again."""

from collections.abc import Sequence
from typing import Annotated

import typer
from asyncpg import Connection
from rich.table import Table

from shared.messaging.engine.operations import republish
from shared.messaging.outbox.page import Page
from shared.messaging.outbox.store import load_pages_again
from shared.runtime.command_context import CommandContext
from shared.runtime.verbs.options import Who, Why

PAGES_SHOWN = 20
NO_UPPER_BOUND = 2**62


def page_verbs(command: CommandContext) -> typer.Typer:
    verbs = typer.Typer(help="Show emitted events, or publish them again.", no_args_is_help=True)

    @verbs.command()
    def show(
        topic: str,
        lane: int,
        from_: Annotated[int, typer.Option("--from", help="The first sequence number to show.")] = 1,
    ) -> None:
        """Show the pages of a topic and lane from a sequence number on, each event by type and key."""
        pages = command.run_in_session(lambda connection: _pages(connection, topic, lane, from_))
        if not pages:
            command.output.fail(f"{topic}, lane {lane}: no page from {from_} on")
        for page in pages:
            command.output.print(_table(page, from_))

    @verbs.command("say-again")
    def say_again(
        lane: Annotated[int, typer.Option(help="The lane.")],
        from_: Annotated[int, typer.Option("--from", help="The first sequence number to publish again.")],
        who: Who,
        why: Why,
        topic: Annotated[str, typer.Option(help="The topic; without it, the service's own events.")] = "",
    ) -> None:
        """Publish all events again from a sequence number on. This is always safe: readers drop duplicates."""
        topic_name = topic or f"{command.service}.events"
        command.execute_and_report(
            lambda connection, operator: republish(connection, operator, topic_name, lane, from_), who, why
        )

    return verbs


async def _pages(connection: Connection, topic: str, lane: int, first: int) -> Sequence[Page]:
    return await load_pages_again(connection, topic, lane, (first, NO_UPPER_BOUND), (-1, 0), PAGES_SHOWN)


def _table(page: Page, first: int) -> Table:
    title = f"{page.topic}, lane {page.lane}, era {page.era}, emitted {page.emitted_at:%Y-%m-%d %H:%M:%S}Z"
    table = Table("number", "type", "key", "bytes", title=title, title_justify="left", box=None)
    for sequence, event in enumerate(page.events, page.first_sequence):
        if sequence >= first:
            table.add_row(str(sequence), event.type, event.key, str(len(event.data)))
    return table
