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
    an_account_waits_for_reports: bool = True
    money_waits_for_reports: bool = True
    what_comes_between_ends_the_wait: bool = True
    an_approval_is_bound: bool = True
    approving_locks_the_lane: bool = True


@dataclass(frozen=True, slots=True)
class Right:
    """`said` is what the partner has said of the first attempt, `read` how much of it was read.

    `held` is the reason shown, empty while an attempt is under way. A handler that has loaded the approval and not yet
    saved is `busy` with what it saw. `put_off`: how much the partner had said when a cure was noticed, all of which is
    to be read before another attempt. `must_look`, `granted` and `able` are the truth that the rules have to keep;
    `able`: how much the partner had said when nothing stood in the way any more.
    """

    said: tuple[str, ...] = ()
    read: int = 0
    attempt: int = 1
    held: str = ""
    frozen: bool = False
    version: int = 1
    verified: bool = True
    money: bool = True
    over: bool = False
    put_off: int | None = None
    approval: Content | None = None
    busy: tuple[Content | None] | None = None
    must_look: bool = False
    granted: Content | None = None
    able: int | None = None
    wrong: str = ""

    @property
    def next(self) -> Content:
        return (self.attempt + 1, self.version)


def plan(right: Right, rules: Rules, *, waits: bool = True, heard: bool = False) -> Right:
    """Instruct, put off until all that was said is read, or hold for the first thing in the way."""
    if not right.held:
        return right
    look = right.frozen if rules.a_look_is_a_fact_of_the_attempt else right.held == "look"
    approved = right.approval == right.next if rules.an_approval_is_bound else right.approval is not None
    kept = None if rules.what_comes_between_ends_the_wait else right.put_off
    if not right.verified:
        return replace(right, held="account", put_off=kept)
    if look and not approved:
        return replace(right, held="look", put_off=kept)
    if right.held == "time" and not right.over:
        return right
    if right.held == "money" and not right.money and not heard:
        return right
    if waits and not heard:
        return replace(right, put_off=len(right.said) if right.put_off is None else right.put_off)
    if not right.money:
        return replace(right, held="money", put_off=kept, able=None)
    wrong = "an attempt nobody let go" if right.must_look and right.granted != right.next else ""
    if right.able is None or right.read < right.able:
        wrong = wrong or "an attempt overtook a word that was there to be read"
    after = replace(right, attempt=right.attempt + 1, held="", frozen=False, approval=None)
    return replace(after, must_look=False, granted=None, wrong=wrong)


def is_able(right: Right) -> bool:
    """Tell whether nothing is in the way: for money it has to be tried, and once there is some it is not in the way."""
    let_go = not right.must_look or right.granted == right.next
    money = right.held != "money" or right.money or right.able is not None
    return let_go and right.verified and money and (right.held != "time" or right.over)


def steps(right: Right, rules: Rules) -> Iterator[tuple[str, Right]]:
    if right.attempt > 1 or right.wrong:
        return
    for name, after in world_steps(right):
        yield name, note_able(after)
    if right.busy is not None:
        yield "handler saves", note_able(replace(right, approval=right.busy[0], busy=None))
    else:
        for name, after in lane_steps(right, rules):
            yield name, note_able(after)
    # Whoever saves without the lock writes back what was there when it loaded.
    at_the_desk = right.busy is None or not rules.approving_locks_the_lane
    if at_the_desk and right.held == "look" and right.granted is None:
        approved = replace(right, approval=right.next, granted=right.next)
        yield "operator approves", note_able(replace(approved, put_off=None))


def note_able(right: Right) -> Right:
    if not right.held or not is_able(right):
        return replace(right, able=None)
    return replace(right, able=len(right.said)) if right.able is None else right


def world_steps(right: Right) -> Iterator[tuple[str, Right]]:
    if len(right.said) < WORDS_SAID:
        for word in ("settled",) if right.said else ("later", "look"):
            yield f"partner says {word}", replace(right, said=(*right.said, word))
    if right.busy is None:
        yield "money comes or goes", replace(right, money=not right.money)
        if right.held == "time" and not right.over:
            yield "time passes", replace(right, over=True)


def lane_steps(right: Right, rules: Rules) -> Iterator[tuple[str, Right]]:
    if right.held == "look":
        yield "handler loads", replace(right, busy=(right.approval,))
    if right.read < len(right.said):
        yield f"lane reads {right.said[right.read]}", read(right, rules)
    if right.version <= LINKS:
        for verified in (False, True):
            linked = replace(right, version=right.version + 1, verified=verified)
            noted = note_able(linked)
            yield (
                f"participant links, verified {verified}",
                plan(noted, rules, waits=rules.an_account_waits_for_reports),
            )
    if right.held == "time" and right.over:
        yield "clock", plan(right, rules, waits=rules.the_clock_waits_for_reports)
    if right.held == "look":
        yield "sweep finds an approval", plan(right, rules, waits=rules.an_approval_waits_for_reports)
    if right.held == "money" and right.money:
        yield "sweep finds money", plan(right, rules, waits=rules.money_waits_for_reports)
    if right.put_off is not None and right.read >= right.put_off:
        yield "retry", plan(right, rules, heard=True)


def read(right: Right, rules: Rules) -> Right:
    word = right.said[right.read]
    after = replace(right, read=right.read + 1)
    if word == "settled":
        after = replace(after, must_look=True, granted=None, approval=None, put_off=None)
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
        ("the_clock_waits_for_reports", "an attempt overtook a word that was there to be read"),
        ("an_approval_waits_for_reports", "an attempt overtook a word that was there to be read"),
        ("an_account_waits_for_reports", "an attempt overtook a word that was there to be read"),
        ("money_waits_for_reports", "an attempt overtook a word that was there to be read"),
        ("what_comes_between_ends_the_wait", "an attempt overtook a word that was there to be read"),
        ("an_approval_is_bound", "an attempt nobody let go"),
        ("approving_locks_the_lane", "an approval was overwritten"),
    ],
)
def test_each_rule_is_needed(rule: str, failure: str) -> None:
    outcome = searched(replace(Rules(), **{rule: False}))
    assert outcome.breach == failure, outcome
