"""Two trainings of a participant, one incentive and its month, for every order of milestones and every restore.

The earlier training may be voided at any time. One that is reopened is a training whose completion comes late, perhaps
when another has had the incentive long since. The month is instructed after the incentive: both wait for the same
account and the same money, in order of age. It falls due once all is read that was sent before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import NamedTuple

import pytest

from tests.model.search import Outcome, search

MILESTONES = ("A completed", "A rated", "A voided", "B completed and rated")
DONE = {"A": {"A completed", "A rated"}, "B": {"B completed and rated"}}
EARLIER = "A"
"""The training that comes first by the times of its events, and may be voided."""
FIRST, MONTH = "the incentive", "the month"
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """Rules that the search can switch off one by one."""

    a_rating_decides: bool = True
    a_grant_stands: bool = True
    what_was_announced_binds: bool = True
    a_cancellation_binds: bool = True
    a_month_needs_its_first: bool = True


class Right(NamedTuple):
    """A benefit: the training that it has fallen due with, and others for which it was cancelled.

    Known of a past that was taken back: with which training it was `announced`, for which `lost`, and for which a
    partner was instructed (`sent`).
    """

    training: str = ""
    instructed: bool = False
    cancelled: frozenset[str] = NONE
    announced: str = ""
    lost: frozenset[str] = NONE
    sent: frozenset[str] = NONE

    def granted(self, training: str) -> Right:
        return self._replace(training=training, instructed=training in self.sent, announced="")

    def cancel(self) -> Right:
        return self._replace(training="", cancelled=self.cancelled | {self.training})

    def void(self, training: str) -> Right:
        """Cancel it, unless a partner was instructed; what was announced of it binds no more."""
        if training in self.sent or self.instructed:
            return self
        known = self.cancel() if self.training == training else self
        return known._replace(announced="" if known.announced == training else known.announced)

    def remembering(self, past: Right) -> Right:
        announced = past.training if past.training != self.training else ""
        lost, sent = past.cancelled - self.cancelled, past.sent | ({past.training} if past.instructed else NONE)
        return self._replace(announced=announced, lost=lost, sent=sent, instructed=self.training in sent)


class Database(NamedTuple):
    """Position in the milestones, the rights, and the trainings whose month is still to come."""

    read: int = 0
    first: Right = Right()
    month: Right = Right()
    months_due: frozenset[str] = NONE


class State(NamedTuple):
    """`emitted`: milestones so far, in the order of their topic; `copy`: a backup of the database."""

    emitted: tuple[str, ...] = ()
    database: Database = Database()
    copy: Database | None = None
    is_restored: bool = False
    instructed: frozenset[tuple[str, str]] = frozenset()


def successors(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    database, left = state.database, [one for one in MILESTONES if one not in state.emitted]
    all_is_read = database.read == len(state.emitted)
    # What is not read does nothing, so milestones are emitted only when they are read, one or more at once.
    for count in range(1, len(left) + 1) if all_is_read else ():
        for further in permutations(left, count):
            emitted = (*state.emitted, *further)
            after = decided(rules, emitted, database._replace(read=len(emitted)))
            yield " and ".join(further), noted(state._replace(emitted=emitted), after)
    for count in range(1, len(state.emitted) - database.read + 1):
        after = decided(rules, state.emitted, database._replace(read=database.read + count))
        yield f"{count} are read again", noted(state, after)
    for training in database.months_due if all_is_read else ():
        yield f"the month of {training} is over", noted(state, month_over(rules, state, training))
    if database.first.training and not database.first.instructed:
        yield "a partner is instructed", noted(state, database._replace(first=paid(rules, database.first)))
    if database.first.instructed and database.month.training and not database.month.instructed:
        yield (
            "a partner is instructed for the month",
            noted(state, database._replace(month=paid(rules, database.month))),
        )
    if state.copy is None:
        yield "a copy is made", state._replace(copy=database)
    elif not state.is_restored:
        first = state.copy.first.remembering(database.first)
        month = state.copy.month.remembering(database.month)
        yield "it is restored", state._replace(database=state.copy._replace(first=first, month=month), is_restored=True)


def noted(state: State, database: Database) -> State:
    """Return the state with this database, and with what partners were told by it."""
    told = {(name, right.training) for name, right in rights(database) if right.instructed}
    return state._replace(database=database, instructed=state.instructed | told)


def rights(database: Database) -> tuple[tuple[str, Right], ...]:
    return (FIRST, database.first), (MONTH, database.month)


def paid(rules: Rules, right: Right) -> Right:
    if rules.a_cancellation_binds and right.training in right.lost:
        return right.cancel()
    return right._replace(instructed=True)


def decided(rules: Rules, emitted: tuple[str, ...], database: Database) -> Database:
    """Decide as a batch is read: voids first, then what is earned by all milestones that are known."""
    known = emitted[: database.read]
    if f"{EARLIER} voided" in known:
        first, month = database.first.void(EARLIER), database.month.void(EARLIER)
        database = database._replace(first=first, month=month)
    right = database.first
    completed = [milestone[0] for milestone in known if "completed" in milestone]
    earned = earned_by(known)
    if not rules.a_rating_decides:
        earned = [training for training in earned if training == completed[0]]
    if rules.what_was_announced_binds and right.announced:
        earned = [training for training in earned if training == right.announced]
    standing = [one for one in earned if f"{one} voided" not in known or one in right.sent]
    free = [one for one in standing if one not in right.cancelled]
    moves = not rules.a_grant_stands and EARLIER in free and right.training not in ("", EARLIER)
    if not free or (right.training and not moves):
        return database
    granted = right._replace(instructed=False, training="").granted(EARLIER if moves else free[0])
    return database._replace(first=granted, months_due=database.months_due | {granted.training})


def earned_by(known: Sequence[str]) -> list[str]:
    """Return the trainings that are completed and rated, the earlier one first."""
    return [training for training, milestones in DONE.items() if milestones <= set(known)]


def month_over(rules: Rules, state: State, training: str) -> Database:
    """Let the month of a training fall due, if its series still stands."""
    database, known = state.database, state.emitted[: state.database.read]
    right, after = database.month, database._replace(months_due=database.months_due - {training})
    stands = database.first.training == training or not rules.a_month_needs_its_first
    is_had = bool(right.training) or training in right.cancelled
    is_annulled = f"{training} voided" in known and training not in right.sent and rules.a_month_needs_its_first
    is_anothers = rules.what_was_announced_binds and right.announced not in ("", training)
    if not stands or is_had or is_annulled or is_anothers:
        return after
    return after._replace(month=right.granted(training))


def breach(state: State, ended: bool) -> str | None:
    told = {name: [of for what, of in state.instructed if what == name] for name in (FIRST, MONTH)}
    for name, trainings in told.items():
        if len(trainings) > 1:
            return f"{name} is instructed twice"
    if not set(told[MONTH]) <= set(told[FIRST]):
        return "the month of another training is instructed"
    database = state.database
    read = state.emitted[: database.read]
    earned = [one for one in earned_by(read) if f"{one} voided" not in read]
    if len(read) == len(state.emitted) and earned and not (database.first.training or told[FIRST]):
        return "an incentive is lost"
    if ended and earned and not told[FIRST]:
        return "an incentive is never instructed"
    lasts = ended and any(f"{one} voided" not in read for one in told[FIRST])
    return "a month is never instructed" if lasts and not told[MONTH] else None


def searched(rules: Rules) -> Outcome[State]:
    return search(State(), partial(successors, rules), breach)


def test_completed_and_rated_training_gets_one_incentive_and_its_month() -> None:
    outcome = searched(Rules())
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 1000


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("a_rating_decides", "an incentive is lost"),
        ("a_grant_stands", "the incentive is instructed twice"),
        ("what_was_announced_binds", "the incentive is instructed twice"),
        ("a_cancellation_binds", "the incentive is instructed twice"),
        ("a_month_needs_its_first", "the month of another training is instructed"),
    ],
)
def test_each_rule_prevents_a_lost_or_double_incentive(rule: str, wrong: str) -> None:
    assert searched(replace(Rules(), **{rule: False})).breach == wrong
