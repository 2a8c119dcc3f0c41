"""Property: each benefit once, with the first training that reaches its milestone, however milestones arrive."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import Event
from tests.integration.payment.facts import (
    COMPLETED_AT,
    SURVEY,
    answered,
    completed,
    confirmed,
    in_one_lane,
    linked,
    rated,
)
from tests.integration.payment.harness import PaymentHarness
from tests.properties.on_postgres import ON_POSTGRES
from tests.properties.payment.database_reset import reset_database

PEOPLE = in_one_lane(2)
TRAININGS = 3
AMOUNTS = (600_000, 700_000, 800_000)
MILESTONES = {"incentive_1": "rated", "survey_1": "answered"}
"""Benefits of the participant, once, and what earns them with a completed training."""
SERIES = ("incentive_1", "incentive_2", "incentive_3")
"""Two of them are overdue by the clock as soon as the first falls due."""


@dataclass(frozen=True)
class TrainingEvent:
    """Event of a training: `confirmed`, `completed`, `rated` or `answered`, and its day."""

    person: str
    code: str
    what: str
    day: int = 0

    @property
    def event(self) -> Event:
        at = COMPLETED_AT + timedelta(days=self.day)
        if self.what == "confirmed":
            return confirmed(self.person, self.code, incentive=amount_of(self.code), surveys=1, months=2)
        if self.what == "answered":
            return answered(1, self.person, self.code, at)
        return completed(self.person, self.code, at) if self.what == "completed" else rated(self.person, self.code, at)


def code_of(person: str, number: int) -> str:
    return f"PRAT{person[-4:]}000{number}"


def amount_of(code: str) -> int:
    return AMOUNTS[int(code[-1])]


@st.composite
def timelines(draw: st.DrawFn) -> list[list[TrainingEvent]]:
    """Draw batches in which events of a training may be missing, repeated, or repeated with another day."""
    days, events = st.integers(0, 3), list[TrainingEvent]()
    for person in PEOPLE:
        for number in range(TRAININGS):
            code = code_of(person, number)
            events += [TrainingEvent(person, code, "confirmed")] * draw(st.sampled_from([0, 1, 1, 1, 2]))
            for what in ("completed", "rated", "answered"):
                of_this = draw(st.lists(days, max_size=2))
                events += [TrainingEvent(person, code, what, day) for day in of_this]
    order = draw(st.permutations(events))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=8)))
    return [list(order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True) if a < b]


@dataclass
class IncentiveModel:
    """Rule written again by hand: the training that earned each benefit, and the trainings that owe their fee."""

    enrolled: set[str] = field(default_factory=set)
    days: dict[tuple[str, str], int] = field(default_factory=dict)
    too_early: list[TrainingEvent] = field(default_factory=list)
    earned: dict[tuple[str, str], str] = field(default_factory=dict)

    def apply(self, batch: Sequence[TrainingEvent]) -> None:
        """Apply a batch as one moment: enrollments, then milestones that had come too early, then new ones."""
        self.enrolled |= {event.code for event in batch if event.what == "confirmed"}
        early, self.too_early = self.too_early, []
        self._record([*early, *(event for event in batch if event.what != "confirmed")])

    def _record(self, milestones: Sequence[TrainingEvent]) -> None:
        for event in milestones:
            if event.code in self.enrolled:
                self.days.setdefault((event.code, event.what), event.day)
            else:
                self.too_early.append(event)
        for person, (benefit, what) in product(PEOPLE, MILESTONES.items()):
            earned = [
                (max(self.days[code, "completed"], self.days[code, what]), code)
                for code in (code_of(person, number) for number in range(TRAININGS))
                if {(code, "completed"), (code, what)} <= self.days.keys()
            ]
            if earned:
                self.earned.setdefault((person, benefit), min(earned)[1])

    def granted(self) -> dict[tuple[str, str], tuple[str, int]]:
        """Return (participant, benefit) -> (redeem code, amount)."""
        found = {}
        for (person, benefit), code in self.earned.items():
            if benefit == "survey_1":
                found[person, benefit] = (code, SURVEY)
            else:
                found |= {(person, one): (code, amount_of(code)) for one in SERIES}
        return found


@given(timeline=timelines(), accounts=st.sampled_from(["before", "after"]))
@settings(ON_POSTGRES, max_examples=60)
def test_participant_has_each_benefit_once_with_the_first_training(
    harness: PaymentHarness, loop: asyncio.AbstractEventLoop, timeline: list[list[TrainingEvent]], accounts: str
) -> None:
    loop.run_until_complete(play(harness, timeline, accounts))


async def play(harness: PaymentHarness, timeline: list[list[TrainingEvent]], accounts: str) -> None:
    await reset_database(harness)
    await harness.prepare(survey=10**9)
    links = [linked(person) for person in PEOPLE]
    if accounts == "before":
        await harness.receive(*links)
    model = IncentiveModel()
    for batch in timeline:
        model.apply(batch)
        await harness.receive(*(event.event for event in batch))
        await harness.sweep()
        assert await granted(harness) == model.granted()
        assert await harness.breaches() == []
    await harness.receive(*links)
    instructed = [one.amount for one in harness.instructions if one.benefit != "fee"]
    assert sorted(instructed) == sorted(amount for _, amount in model.granted().values())
    fees = await harness.connection.fetch("select redeem_code from disbursement where benefit = 'fee'")
    assert {row["redeem_code"] for row in fees} == {code for code, what in model.days if what == "completed"}


async def granted(harness: PaymentHarness) -> dict[tuple[str, str], tuple[str, int]]:
    """Return (participant, benefit) -> (redeem code, amount); fail when a participant has one twice."""
    rows = await harness.connection.fetch(
        "select participant_id, benefit, redeem_code, amount from disbursement where benefit <> 'fee'"
    )
    found = {(row["participant_id"], row["benefit"]): (row["redeem_code"], row["amount"]) for row in rows}
    assert len(found) == len(rows)
    return found
