"""`positions`: the position in each partition, and how it is set."""

from collections.abc import Mapping, Sequence

import typer
from aiokafka import TopicPartition
from asyncpg import Connection, Record
from rich.table import Table

from shared.messaging.engine.operations import set_position
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.runtime import status
from shared.runtime.command_context import CommandContext
from shared.runtime.database import QUERIES
from shared.runtime.verbs.options import Who, Why, Yes


def position_verbs(command: CommandContext) -> typer.Typer:
    verbs = typer.Typer(help="Show the positions, or set where reading goes on.", invoke_without_command=True)

    @verbs.callback()
    def show(context: typer.Context) -> None:
        """Show the position in every partition, and how many records are still to be read."""
        if context.invoked_subcommand is None:
            rows = command.run_in_session(_positions)
            places = [TopicPartition(row["topic"], row["partition"]) for row in rows]
            command.output.print(
                _table(rows, command.query_kafka(lambda topics: topics.ends(places)), command.assigned_partitions())
            )

    @verbs.command("set")
    def set_(topic: str, partition: int, offset: int, who: Who, why: Why, yes: Yes = False) -> None:
        """Set the OFFSET at which reading goes on in a partition. Setting the same twice changes nothing more."""
        place = TopicPartition(topic, partition)
        if place not in {TopicPartition(row["topic"], row["partition"]) for row in command.run_in_session(_positions)}:
            command.output.fail(f"this service has not read {topic}/{partition}; `positions` shows what it has read")
        kept = command.query_kafka(lambda topics: _kept_offsets(topics, place))
        command.execute_and_report(
            lambda connection, operator: set_position(connection, operator, topic, partition, offset, kept),
            who,
            why,
            commit=yes,
        )

    return verbs


async def _positions(connection: Connection) -> Sequence[Record]:
    return list(await connection.fetch(QUERIES["positions"]))


async def _kept_offsets(topics: TopicInspector, place: TopicPartition) -> tuple[int, int]:
    """Return the first and the end offset of a partition's records."""
    return (await topics.beginnings([place]))[place], (await topics.ends([place]))[place]


def _table(
    rows: Sequence[Record], ends: Mapping[TopicPartition, int], served: frozenset[TopicPartition] | None
) -> Table:
    table = Table("topic", "partition", "position", "end", "behind", "last number", "state", box=None)
    for row in rows:
        place = TopicPartition(row["topic"], row["partition"])
        end = ends[place]
        reason = row["stopped_reason"] or ("a number is missing" if row["gap_since"] else None)
        state = status.state_of(reason, served=None if served is None else place in served)
        table.add_row(
            row["topic"],
            str(row["partition"]),
            str(row["next_offset"]),
            str(end),
            str(max(0, end - row["next_offset"])),
            f"{row['era']}.{row['last_sequence']}" if row["era"] else "",
            f"{state}: {reason}" if reason else state,
        )
    return table
