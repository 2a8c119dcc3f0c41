"""Model one entitlement whose partner changes its mind: no attempt goes that a person should have looked at."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.model.search import Outcome, search

REPORTS_SENT, LINKS = 2, 2
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
class Entitlement:
    """`reported` is what the partner has reported of the first attempt, `read` how much of it was read.

    `held` is the reason shown, empty while an attempt is under way. A handler that has loaded the approval and not yet
    saved is `busy` with what it saw. `put_off`: how much the partner had reported when a cure was noticed, all of which
    is to be read before another attempt. `must_look`, `granted` and `able` are the truth that the rules have to keep;
    `able`: how much the partner had reported when nothing stood in the way any more.
    """

    reported: tuple[str, ...] = ()
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


def plan(entitlement: Entitlement, rules: Rules, *, waits: bool = True, heard: bool = False) -> Entitlement:
    """Instruct, put off until all that was reported is read, or hold for the first thing in the way."""
    if not entitlement.held:
        return entitlement
    look = entitlement.frozen if rules.a_look_is_a_fact_of_the_attempt else entitlement.held == "look"
    approved = (
        entitlement.approval == entitlement.next if rules.an_approval_is_bound else entitlement.approval is not None
    )
    kept = None if rules.what_comes_between_ends_the_wait else entitlement.put_off
    if not entitlement.verified:
        return replace(entitlement, held="account", put_off=kept)
    if look and not approved:
        return replace(entitlement, held="look", put_off=kept)
    if entitlement.held == "time" and not entitlement.over:
        return entitlement
    if entitlement.held == "money" and not entitlement.money and not heard:
        return entitlement
    if waits and not heard:
        return replace(
            entitlement, put_off=len(entitlement.reported) if entitlement.put_off is None else entitlement.put_off
        )
    if not entitlement.money:
        return replace(entitlement, held="money", put_off=kept, able=None)
    wrong = "an attempt nobody let go" if entitlement.must_look and entitlement.granted != entitlement.next else ""
    if entitlement.able is None or entitlement.read < entitlement.able:
        wrong = wrong or "an attempt overtook a word that was there to be read"
    after = replace(entitlement, attempt=entitlement.attempt + 1, held="", frozen=False, approval=None)
    return replace(after, must_look=False, granted=None, wrong=wrong)


def is_able(entitlement: Entitlement) -> bool:
    """Tell whether nothing is in the way: for money it has to be tried, and once there is some it is not in the way."""
    let_go = not entitlement.must_look or entitlement.granted == entitlement.next
    money = entitlement.held != "money" or entitlement.money or entitlement.able is not None
    return let_go and entitlement.verified and money and (entitlement.held != "time" or entitlement.over)


def steps(entitlement: Entitlement, rules: Rules) -> Iterator[tuple[str, Entitlement]]:
    if entitlement.attempt > 1 or entitlement.wrong:
        return
    for name, after in world_steps(entitlement):
        yield name, note_able(after)
    if entitlement.busy is not None:
        yield "handler saves", note_able(replace(entitlement, approval=entitlement.busy[0], busy=None))
    else:
        for name, after in lane_steps(entitlement, rules):
            yield name, note_able(after)
    # Whoever saves without the lock writes back what was there when it loaded.
    at_the_desk = entitlement.busy is None or not rules.approving_locks_the_lane
    if at_the_desk and entitlement.held == "look" and entitlement.granted is None:
        approved = replace(entitlement, approval=entitlement.next, granted=entitlement.next)
        yield "operator approves", note_able(replace(approved, put_off=None))


def note_able(entitlement: Entitlement) -> Entitlement:
    if not entitlement.held or not is_able(entitlement):
        return replace(entitlement, able=None)
    return replace(entitlement, able=len(entitlement.reported)) if entitlement.able is None else entitlement


def world_steps(entitlement: Entitlement) -> Iterator[tuple[str, Entitlement]]:
    if len(entitlement.reported) < REPORTS_SENT:
        for word in ("settled",) if entitlement.reported else ("later", "look"):
            yield f"partner says {word}", replace(entitlement, reported=(*entitlement.reported, word))
    if entitlement.busy is None:
        yield "money comes or goes", replace(entitlement, money=not entitlement.money)
        if entitlement.held == "time" and not entitlement.over:
            yield "time passes", replace(entitlement, over=True)


def lane_steps(entitlement: Entitlement, rules: Rules) -> Iterator[tuple[str, Entitlement]]:
    if entitlement.held == "look":
        yield "handler loads", replace(entitlement, busy=(entitlement.approval,))
    if entitlement.read < len(entitlement.reported):
        yield f"lane reads {entitlement.reported[entitlement.read]}", read(entitlement, rules)
    if entitlement.version <= LINKS:
        for verified in (False, True):
            linked = replace(entitlement, version=entitlement.version + 1, verified=verified)
            noted = note_able(linked)
            yield (
                f"participant links, verified {verified}",
                plan(noted, rules, waits=rules.an_account_waits_for_reports),
            )
    if entitlement.held == "time" and entitlement.over:
        yield "clock", plan(entitlement, rules, waits=rules.the_clock_waits_for_reports)
    if entitlement.held == "look":
        yield "sweep finds an approval", plan(entitlement, rules, waits=rules.an_approval_waits_for_reports)
    if entitlement.held == "money" and entitlement.money:
        yield "sweep finds money", plan(entitlement, rules, waits=rules.money_waits_for_reports)
    if entitlement.put_off is not None and entitlement.read >= entitlement.put_off:
        yield "retry", plan(entitlement, rules, heard=True)


def read(entitlement: Entitlement, rules: Rules) -> Entitlement:
    word = entitlement.reported[entitlement.read]
    after = replace(entitlement, read=entitlement.read + 1)
    if word == "settled":
        after = replace(after, must_look=True, granted=None, approval=None, put_off=None)
        return replace(after, frozen=True, held="look") if rules.a_contradiction_freezes else after
    look = word == "look"
    return replace(after, held="look" if look else "time", frozen=look, must_look=look)


def breach(entitlement: Entitlement, _ended: bool) -> str | None:
    if entitlement.wrong:
        return entitlement.wrong
    if (
        entitlement.busy is None
        and entitlement.granted == entitlement.next
        and entitlement.approval != entitlement.granted
    ):
        return "an approval was overwritten"
    return None


def searched(rules: Rules) -> Outcome[Entitlement]:
    return search(Entitlement(), lambda entitlement: steps(entitlement, rules), breach)


def test_no_attempt_is_made_without_a_necessary_review() -> None:
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
