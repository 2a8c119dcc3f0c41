"""A crowd of goals that have waited for their players, put straight into the table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from asyncpg import Connection

from shared.contracts.topics import lane_of
from shared.messaging.message import Record, pack
from tests.integration.messaging.toy import League
from tests.integration.messaging.toy_world import Event, a_goal

COLUMNS = ("lane", "kind", "key", "owner", "topic", "partition", "offset", "since", "due", "record")


async def defer_goals(connection: Connection, league: League, goals: Sequence[Event], *, hours: int = 24) -> None:
    """Let these goals wait, in this order, for so many hours from now."""
    due = datetime.now(UTC) + timedelta(hours=hours)
    rows = []
    for number, goal in enumerate(goals):
        player = str(goal.data["player"])
        record = Record(league.requests, 0, 10_000 + number, 0, None, goal.value, tuple(goal.headers))
        rows.append((lane_of(player), "player", player, "", record.topic, 0, record.offset, due, due, pack(record)))
    await connection.copy_records_to_table("waiting", columns=COLUMNS, records=rows)


def goals_of(player: str, count: int) -> list[Event]:
    """Return so many goals of a player, named by their numbers."""
    return [a_goal(player, f"{player}-{number}") for number in range(count)]


def seen_of(player: str, count: int) -> list[tuple[str, str, int]]:
    """Return what the board has seen once so many goals of a player have been taken up in order."""
    return [(player, f"{player}-{number}", number + 1) for number in range(count)]
