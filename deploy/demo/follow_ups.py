"""Follow-ups: the further steps of people, each sent once all that the steps before lead to was observed."""

from collections import deque
from collections.abc import Iterable

from deploy.demo.audit import agrees
from deploy.demo.observer import Observed
from deploy.simulation.delivery import OutgoingRecord, repeat_and_shuffle
from deploy.simulation.outcome import expected_outcome
from deploy.simulation.people import Person
from deploy.simulation.timeline import Sealer, further_steps


class FollowUps:
    """People with further steps, and the records of these; equal people give equal records."""

    def __init__(self) -> None:
        self._waiting: dict[Person, deque[list[OutgoingRecord]]] = {}
        self._taken: dict[Person, int] = {}

    def add(self, people: Iterable[Person], keys: Sealer) -> None:
        """Add people whose first step is sent by others."""
        for person in people:
            steps = [repeat_and_shuffle(step, person.number) for step in further_steps(person, keys)]
            if steps:
                self._waiting[person], self._taken[person] = deque(steps), 1

    @property
    def records_left(self) -> int:
        return sum(len(step) for steps in self._waiting.values() for step in steps)

    def take_due(self, seen: Observed) -> list[OutgoingRecord]:
        """Return the records of the steps that are due; they count as sent from now on."""
        due: list[OutgoingRecord] = []
        for person, steps in list(self._waiting.items()):
            if not agrees(expected_outcome(person, steps=self._taken[person]), seen):
                continue
            due += steps.popleft()
            self._taken[person] += 1
            if not steps:
                del self._waiting[person]
        return due
