"""Detection of planted bugs: each scenario passes without its bug and reports a breach with it."""

from dataclasses import dataclass, field

import pytest

from tests.faults.planted.bugs import Bug, BugScenario
from tests.faults.planted.planted_harness import PlantedHarness
from tests.infrastructure import KafkaServer, PostgresServer

SOUND_WITHIN_SECONDS, BROKEN_AFTER_SECONDS = 40.0, 3.0


@dataclass(frozen=True)
class Proofs:
    """Servers of the scenarios, and each scenario's breaches without a bug, played once for all that share it."""

    kafka: KafkaServer
    postgres: PostgresServer
    sound: dict[BugScenario, list[str]] = field(default_factory=dict)

    async def detect(self, bug: Bug, product: pytest.MonkeyPatch) -> None:
        """Assert that the scenario passes without the bug and shows it with the bug; the caller undoes `product`."""
        if bug.scenario not in self.sound:
            self.sound[bug.scenario] = await bug.scenario(
                PlantedHarness(self.kafka, self.postgres, SOUND_WITHIN_SECONDS)
            )
        assert self.sound[bug.scenario] == []
        bug.plant(product)
        breaches = await bug.scenario(PlantedHarness(self.kafka, self.postgres, BROKEN_AFTER_SECONDS))
        assert any(bug.shows in breach for breach in breaches), breaches
