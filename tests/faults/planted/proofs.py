"""The tests are tested: each story is sound as it is, and the proofs go red when a bug is planted in the product."""

from dataclasses import dataclass, field

import pytest

from tests.faults.planted.bugs import Bug, BugScenario
from tests.faults.planted.planted_harness import PlantedHarness
from tests.infrastructure import KafkaServer, PostgresServer

SOUND_WITHIN_SECONDS, BROKEN_AFTER_SECONDS = 40.0, 3.0


@dataclass(frozen=True)
class Proofs:
    """The servers of the stories, and the breaches of each story without a bug, played once for all that share it."""

    kafka: KafkaServer
    postgres: PostgresServer
    sound: dict[BugScenario, list[str]] = field(default_factory=dict)

    async def detect(self, bug: Bug, product: pytest.MonkeyPatch) -> None:
        """Show both: the story without the bug, and with it. Whoever gave `product` takes the bug out again."""
        if bug.scenario not in self.sound:
            self.sound[bug.scenario] = await bug.scenario(
                PlantedHarness(self.kafka, self.postgres, SOUND_WITHIN_SECONDS)
            )
        assert self.sound[bug.scenario] == []
        bug.plant(product)
        breaches = await bug.scenario(PlantedHarness(self.kafka, self.postgres, BROKEN_AFTER_SECONDS))
        assert any(bug.shows in breach for breach in breaches), breaches
