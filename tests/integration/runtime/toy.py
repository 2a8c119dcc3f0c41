"""The league of the engine's tests as a service with a command line: `python -m tests.integration.runtime.toy run`."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from asyncpg import Connection
from prometheus_client import Counter
from prometheus_client.core import Metric
from pydantic_settings import SettingsConfigDict

from shared.messaging.engine.plan import CommittedBatch
from shared.postgres.migrations import load_migrations
from shared.runtime.bounds import ReplicaName
from shared.runtime.cli import main
from shared.runtime.data_identity import PinnedValue
from shared.runtime.definition import Gauge, Invariant, ServiceDefinition
from shared.runtime.explanation import Decision
from shared.runtime.settings import ServiceSettings
from tests.integration.messaging.toy import League


class ToySettings(ServiceSettings):
    """`suffix` keeps the topics of a test apart from those of others; `season` goes into every shirt that is unique."""

    model_config = SettingsConfigDict(env_prefix="TOY_")

    suffix: ReplicaName = "none"
    season: ReplicaName = "spring"


async def audit_trail(connection: Connection, player: str) -> dict[str, object] | None:
    goals = await connection.fetch("select goal from goal where player = $1 order by goal", player)
    return {"goals": [row["goal"] for row in goals]} if goals else None


async def explain(connection: Connection, player: str) -> list[Decision]:
    goals = await connection.fetch("select goal from goal where player = $1 order by goal", player)
    return [
        Decision(at=datetime(2023, 3, 1, tzinfo=UTC), decision="scored", rule="goal.counts", about=row["goal"])
        for row in goals
    ]


async def gauges(connection: Connection) -> Sequence[Gauge]:
    return [Gauge("toy_players", await connection.fetchval("select count(*) from player"))]


class RecordsCollector:
    """The number of records that the process has handled."""

    def __init__(self) -> None:
        self._counter = Counter("toy_records", "Records of committed batches.", registry=None)

    def observe(self, batch: CommittedBatch) -> None:
        self._counter.inc(batch.records)

    def collect(self) -> Iterable[Metric]:
        return self._counter.collect()


async def nobody_wears_thirteen(connection: Connection) -> list[str]:
    rows = await connection.fetch("select player from player where shirt = '13'")
    return [f"player {row['player']} wears 13" for row in rows]


def definition(settings: ToySettings) -> ServiceDefinition:
    league = League(settings.suffix)

    season = f"TOY_SEASON ({settings.season})"

    async def is_of_another(connection: Connection) -> str | None:
        shirt = await connection.fetchval("select shirt from player where shirt like '%/%' limit 1")
        return season if shirt and shirt.partition("/")[0] != settings.season else None

    return ServiceDefinition(
        name=league.service,
        settings=settings,
        sources=league.sources(),
        timers=(),
        own_topics=league.own_topics,
        adopt=None,
        audit_trail=audit_trail,
        explain=explain,
        gauges=gauges,
        invariants=(Invariant("T1", "nobody wears thirteen", nobody_wears_thirteen),),
        collectors=(RecordsCollector(),),
        pinned=(PinnedValue("season", season, settings.season, is_of_another),),
    )


if __name__ == "__main__":
    main(ToySettings, definition, migrations=load_migrations("shared.messaging"))
