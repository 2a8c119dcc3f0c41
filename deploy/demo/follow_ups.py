"""Follow-ups: the further steps of people, each taken once the step before is sent and all it leads to was observed."""

from collections import deque
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from deploy.demo.audit import agrees
from deploy.demo.observer import Observed
from deploy.simulation.delivery import OutgoingRecord, repeat_and_shuffle
from deploy.simulation.outcome import expected_outcome
from deploy.simulation.people import TIMELINE_ENDS_AT, Person
from deploy.simulation.steps import Act, steps_by, steps_of
from deploy.simulation.timeline import Sealer, further_steps


class DueSteps(NamedTuple):
    """Steps that are due: the records to send, and the people whose trainings operators reopen after that."""

    records: list[OutgoingRecord]
    to_reopen: list[Person]


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

    def take_due(
        self, seen: Observed, at: datetime = TIMELINE_ENDS_AT, unsent: Collection[bytes | None] = ()
    ) -> DueSteps:
        """Return the steps that are due at a time on the programme's clock; they count as taken from now on.

        `unsent`: the keys of people whose first step is still being sent. What is left of it may lead to nothing that
        could be observed, as a revocation before its evidence, and still has to come before the next step.
        """
        due = DueSteps([], [])
        for person, steps in list(self._waiting.items()):
            if person.participant_id.encode() in unsent:
                continue
            taken = self._taken[person]
            if taken >= steps_by(person.persona, at) or not agrees(expected_outcome(person, at, taken), seen):
                continue
            due.records.extend(steps.popleft())
            if Act.REOPEN in steps_of(person.persona)[taken]:
                due.to_reopen.append(person)
            self._taken[person] += 1
            if not steps:
                del self._waiting[person]
        return due
