"""`lanes`: the state of each lane, and how a stopped one goes on."""

from collections.abc import Collection

import typer
from rich.table import Table

from shared.messaging.engine.operations import pass_lane, resume_lane
from shared.runtime import status
from shared.runtime.command_context import CommandContext
from shared.runtime.verbs.options import Who, Why, Yes


def lane_verbs(command: CommandContext) -> typer.Typer:
    verbs = typer.Typer(help="Show the lanes, or let a stopped one go on.", invoke_without_command=True)

    @verbs.callback()
    def show(context: typer.Context) -> None:
        """Show all lanes: their state, since when and why, and how many pages are not yet in Kafka."""
        if context.invoked_subcommand is None:
            held, lane_topic = command.assigned_partitions(), command.definition.lane_topic
            served = None if held is None else {place.partition for place in held if place.topic == lane_topic}
            command.output.print(_table(command.run_in_session(status.lanes), served))
            for stop in command.run_in_session(status.stopped_partitions):
                command.output.print(f"{status.describe_stop(stop)}. `positions set` sets where reading goes on.")

    @verbs.command()
    def resume(lane: int, who: Who, why: Why) -> None:
        """Let a stopped lane go on. What stopped it is tried again first."""
        command.execute_and_report(lambda connection, operator: resume_lane(connection, operator, lane), who, why)

    @verbs.command("pass")
    def pass_(lane: int, who: Who, why: Why, yes: Yes = False) -> None:
        """Let a lane go on past an unreadable record: park it and take its number. It takes two persons.

        First try `pages say-again` at its producer, or `lanes resume` with a newer version that can read it: a number
        that was taken is not handled again, whatever record comes with it.
        """
        command.execute_and_report(
            lambda connection, operator: pass_lane(connection, operator, lane), who, why, commit=yes
        )

    return verbs


def _table(lanes: list[status.LaneState], served: Collection[int] | None) -> Table:
    table = Table("lane", "state", "since", "unpublished pages", "detail", box=None)
    for lane in lanes:
        state = status.state_of(lane.reason, served=None if served is None else lane.lane in served)
        state += f": {lane.reason}" if lane.reason else ", catching up" if lane.catching_up_since else ""
        since = lane.since or lane.catching_up_since
        table.add_row(
            str(lane.lane),
            state + (", records set aside" if lane.set_aside else ""),
            f"{since:%Y-%m-%d %H:%M:%S}Z" if since else "",
            str(lane.unpublished),
            lane.detail or "",
        )
    return table
