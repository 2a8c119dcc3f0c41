"""Model of one entitlement whose partner contradicts itself: no attempt is made without a necessary review."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.model.search import Outcome, search

REPORTS_SENT, LINKS = 2, 2
Content = tuple[int, int]
"""Subject of an approval: number of the attempt, and version of the account that it goes to."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that the search can switch off one by one; each prevents one failure."""

    a_review_is_stored_with_the_attempt: bool = True
    a_contradiction_freezes: bool = True
    the_clock_waits_for_reports: bool = True
    an_approval_waits_for_reports: bool = True
    an_account_waits_for_reports: bool = True
    money_waits_for_reports: bool = True
    another_hold_ends_the_wait: bool = True
    an_approval_is_bound: bool = True
    approving_locks_the_lane: bool = True


@dataclass(frozen=True, slots=True)
class Entitlement:
    """State of the entitlement, its partner and its handlers.

    `reported`: the partner's reports on the first attempt; `read`: how many of them were read. `held` is the hold
    reason, empty while an attempt is in progress. A handler that has loaded the approval and not yet saved is `busy`
    with what it saw. `put_off`: number of reports sent when a cure was noticed, all of which are to be read before
    another attempt. `needs_review`, `granted` and `able` are the truth that the rules must keep; `able`: number of
    reports sent when nothing stood in the way any more.
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
    needs_review: bool = False
    granted: Content | None = None
    able: int | None = None
    wrong: str = ""

    @property
    def next(self) -> Content:
        return (self.attempt + 1, self.version)


def plan(entitlement: Entitlement, rules: Rules, *, waits: bool = True, reports_read: bool = False) -> Entitlement:
    """Instruct, put off until all reports are read, or hold for the first reason."""
    if not entitlement.held:
        return entitlement
    review = entitlement.frozen if rules.a_review_is_stored_with_the_attempt else entitlement.held == "review"
    approved = (
        entitlement.approval == entitlement.next if rules.an_approval_is_bound else entitlement.approval is not None
    )
    kept = None if rules.another_hold_ends_the_wait else entitlement.put_off
    if not entitlement.verified:
        return replace(entitlement, held="account", put_off=kept)
    if review and not approved:
        return replace(entitlement, held="review", put_off=kept)
    if entitlement.held == "time" and not entitlement.over:
        return entitlement
    if entitlement.held == "money" and not entitlement.money and not reports_read:
        return entitlement
    if waits and not reports_read:
        return replace(
            entitlement, put_off=len(entitlement.reported) if entitlement.put_off is None else entitlement.put_off
        )
    if not entitlement.money:
        return replace(entitlement, held="money", put_off=kept, able=None)
    wrong = (
        "an attempt without its approval"
        if entitlement.needs_review and entitlement.granted != entitlement.next
        else ""
    )
    if entitlement.able is None or entitlement.read < entitlement.able:
        wrong = wrong or "an attempt before an earlier report was read"
    after = replace(entitlement, attempt=entitlement.attempt + 1, held="", frozen=False, approval=None)
    return replace(after, needs_review=False, granted=None, wrong=wrong)


def is_able(entitlement: Entitlement) -> bool:
    """Tell whether nothing stands in the way of an attempt.

    Lack of money is only known after an attempt to reserve it, and no longer a reason once there is some.
    """
    approved = not entitlement.needs_review or entitlement.granted == entitlement.next
    money = entitlement.held != "money" or entitlement.money or entitlement.able is not None
    return approved and entitlement.verified and money and (entitlement.held != "time" or entitlement.over)


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
    # A handler that saves without the lock writes back the approval that it had loaded.
    may_approve = entitlement.busy is None or not rules.approving_locks_the_lane
    if may_approve and entitlement.held == "review" and entitlement.granted is None:
        approved = replace(entitlement, approval=entitlement.next, granted=entitlement.next)
        yield "operator approves", note_able(replace(approved, put_off=None))


def note_able(entitlement: Entitlement) -> Entitlement:
    if not entitlement.held or not is_able(entitlement):
        return replace(entitlement, able=None)
    return replace(entitlement, able=len(entitlement.reported)) if entitlement.able is None else entitlement


def world_steps(entitlement: Entitlement) -> Iterator[tuple[str, Entitlement]]:
    if len(entitlement.reported) < REPORTS_SENT:
        for status in ("settled",) if entitlement.reported else ("later", "review"):
            yield f"partner reports {status}", replace(entitlement, reported=(*entitlement.reported, status))
    if entitlement.busy is None:
        yield "money comes or goes", replace(entitlement, money=not entitlement.money)
        if entitlement.held == "time" and not entitlement.over:
            yield "time passes", replace(entitlement, over=True)


def lane_steps(entitlement: Entitlement, rules: Rules) -> Iterator[tuple[str, Entitlement]]:
    if entitlement.held == "review":
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
    if entitlement.held == "review":
        yield "sweep finds an approval", plan(entitlement, rules, waits=rules.an_approval_waits_for_reports)
    if entitlement.held == "money" and entitlement.money:
        yield "sweep finds money", plan(entitlement, rules, waits=rules.money_waits_for_reports)
    if entitlement.put_off is not None and entitlement.read >= entitlement.put_off:
        yield "retry", plan(entitlement, rules, reports_read=True)


def read(entitlement: Entitlement, rules: Rules) -> Entitlement:
    status = entitlement.reported[entitlement.read]
    after = replace(entitlement, read=entitlement.read + 1)
    if status == "settled":
        after = replace(after, needs_review=True, granted=None, approval=None, put_off=None)
        return replace(after, frozen=True, held="review") if rules.a_contradiction_freezes else after
    review = status == "review"
    return replace(after, held="review" if review else "time", frozen=review, needs_review=review)


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
        ("a_review_is_stored_with_the_attempt", "an attempt without its approval"),
        ("a_contradiction_freezes", "an attempt without its approval"),
        ("the_clock_waits_for_reports", "an attempt before an earlier report was read"),
        ("an_approval_waits_for_reports", "an attempt before an earlier report was read"),
        ("an_account_waits_for_reports", "an attempt before an earlier report was read"),
        ("money_waits_for_reports", "an attempt before an earlier report was read"),
        ("another_hold_ends_the_wait", "an attempt before an earlier report was read"),
        ("an_approval_is_bound", "an attempt without its approval"),
        ("approving_locks_the_lane", "an approval was overwritten"),
    ],
)
def test_each_rule_is_needed(rule: str, failure: str) -> None:
    outcome = searched(replace(Rules(), **{rule: False}))
    assert outcome.breach == failure, outcome
