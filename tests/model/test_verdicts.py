"""One right to money whose partner changes its mind: no attempt goes that a person should have looked at first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.model.search import Outcome, search

WORDS_SAID, LINKS = 2, 2
Content = tuple[int, int]
"""What is approved: the number of the attempt, and the version of the account that it goes to."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the protocol does; each rule alone keeps one failure away."""

    a_look_is_a_fact_of_the_attempt: bool = True
    a_contradiction_freezes: bool = True
    the_clock_waits_for_reports: bool = True
    an_approval_waits_for_reports: bool = True
    an_approval_is_bound: bool = True
    approving_locks_the_lane: bool = True


@dataclass(frozen=True, slots=True)
class Right:
    """`said` is what the partner has said of the first attempt, `read` how much of it was read.

    `held` is the reason shown, empty while an attempt is under way. A handler that has loaded the approval and not yet
    saved is `busy` with what it saw. `must_look` and `granted` are the truth that the rules have to keep; `unread`: how
    much the partner had said when it was granted.
    """

    said: tuple[str, ...] = ()
    read: int = 0
    attempt: int = 1
    held: str = ""
    frozen: bool = False
    version: int = 1
    verified: bool = True
    money: bool = True
    approval: Content | None = None
    busy: tuple[Content | None] | None = None
    must_look: bool = False
    granted: Content | None = None
    unread: int = 0
    wrong: str = ""

    @property
    def next(self) -> Content:
        return (self.attempt + 1, self.version)


def plan(right: Right, rules: Rules, *, waited: bool = False) -> Right:
    """Instruct, or hold for the first thing in the way."""
    if not right.held:
        return right
    look = right.frozen if rules.a_look_is_a_fact_of_the_attempt else right.held == "look"
    approved = right.approval == right.next if rules.an_approval_is_bound else right.approval is not None
    if not right.verified:
        return replace(right, held="account")
    if look and not approved:
        return replace(right, held="look")
    if right.held == "time" and not waited:
        return right
    if not right.money:
        return replace(right, held="money")
    wrong = "an attempt nobody let go" if right.must_look and right.granted != right.next else ""
    if waited and right.read < len(right.said):
        wrong = "the clock overtook a word that was there to be read"
    if look and right.read < right.unread:
        wrong = "an approval overtook a word that was there to be read"
    after = replace(right, attempt=right.attempt + 1, held="", frozen=False, approval=None)
    return replace(after, must_look=False, granted=None, wrong=wrong)


def steps(right: Right, rules: Rules) -> Iterator[tuple[str, Right]]:
    if right.attempt > 1 or right.wrong:
        return
    if len(right.said) < WORDS_SAID:
        for word in ("settled",) if right.said else ("later", "look"):
            yield f"partner says {word}", replace(right, said=(*right.said, word))
    if right.busy is not None:
        yield "handler saves", replace(right, approval=right.busy[0], busy=None)
    elif right.held == "look":
        yield "handler loads", replace(right, busy=(right.approval,))
    # Whoever saves without the lock writes back what was there when it loaded.
    at_the_desk = right.busy is None or not rules.approving_locks_the_lane
    if at_the_desk and right.held == "look" and right.granted is None:
        yield "operator approves", replace(right, approval=right.next, granted=right.next, unread=len(right.said))
    if right.busy is None:
        yield from lane_steps(right, rules)


def lane_steps(right: Right, rules: Rules) -> Iterator[tuple[str, Right]]:
    if right.read < len(right.said):
        yield f"lane reads {right.said[right.read]}", read(right, rules)
    if right.version <= LINKS:
        for verified in (False, True):
            linked = replace(right, version=right.version + 1, verified=verified)
            yield f"participant links, verified {verified}", plan(linked, rules)
    if right.held == "time" and (right.read == len(right.said) or not rules.the_clock_waits_for_reports):
        yield "clock", plan(right, rules, waited=True)
    if right.held == "look" and (right.read >= right.unread or not rules.an_approval_waits_for_reports):
        yield "sweep", plan(right, rules)
    if right.held == "money":
        yield "sweep", plan(right, rules)
    yield "money comes or goes", replace(right, money=not right.money)


def read(right: Right, rules: Rules) -> Right:
    word = right.said[right.read]
    after = replace(right, read=right.read + 1)
    if word == "settled":
        after = replace(after, must_look=True, granted=None, approval=None)
        return replace(after, frozen=True, held="look") if rules.a_contradiction_freezes else after
    look = word == "look"
    return replace(after, held="look" if look else "time", frozen=look, must_look=look)


def breach(right: Right, _ended: bool) -> str | None:
    if right.wrong:
        return right.wrong
    if right.busy is None and right.granted == right.next and right.approval != right.granted:
        return "an approval was overwritten"
    return None


def searched(rules: Rules) -> Outcome[Right]:
    return search(Right(), lambda right: steps(right, rules), breach)


def test_no_attempt_goes_that_a_person_should_have_looked_at() -> None:
    assert searched(Rules()).breach is None


@pytest.mark.parametrize(
    ("rule", "failure"),
    [
        ("a_look_is_a_fact_of_the_attempt", "an attempt nobody let go"),
        ("a_contradiction_freezes", "an attempt nobody let go"),
        ("the_clock_waits_for_reports", "the clock overtook a word that was there to be read"),
        ("an_approval_waits_for_reports", "an approval overtook a word that was there to be read"),
        ("an_approval_is_bound", "an attempt nobody let go"),
        ("approving_locks_the_lane", "an approval was overwritten"),
    ],
)
def test_each_rule_is_needed(rule: str, failure: str) -> None:
    outcome = searched(replace(Rules(), **{rule: False}))
    assert outcome.breach == failure, outcome
