"""Changes of mind, in every state of a payment: the rule book, row by row."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.builders import LATER, Event, a_provider
from tests.integration.payment.facts import (
    CODE,
    COMPLETED_AT,
    PARTICIPANT,
    a_number,
    blocked,
    completed,
    confirmed,
    erased,
    in_one_lane,
    journey,
    linked,
    rated,
    revoked,
    unblocked,
    voided,
)
from tests.integration.payment.harness import Instruction, PaymentHarness
from tests.integration.payment.test_cut_off import CUT_OFF, pass_cut_off

# What becomes of fee and incentive. A frozen one at a partner has `!`; a claim stands behind its payment.
RULE_BOOK = """
change       | payment is | and then  | fee                          | incentive
-------------+------------+-----------+------------------------------+----------------------------------
void         | due        |           | none                         | none
void         | held       |           | cancelled                    | cancelled
void         | held       | cured     | cancelled                    | cancelled
void         | frozen     |           | held(needs_approval)         | held(needs_approval)
void         | frozen     | approved  | cancelled                    | cancelled
void         | frozen     | confirmed | settled, open(voided)        | settled, open(voided)
void         | instructed |           | instructed                   | instructed
void         | instructed | rejected  | cancelled                    | cancelled
void         | instructed | settled   | settled, open(voided)        | settled, open(voided)
void         | instructed | returned  | cancelled                    | cancelled
void         | accepted   |           | accepted                     | accepted
void         | accepted   | rejected  | cancelled                    | cancelled
void         | accepted   | settled   | settled, open(voided)        | settled, open(voided)
void         | settled    |           | settled, open(voided)        | settled, open(voided)
void         | settled    | returned  | cancelled, withdrawn(voided) | cancelled, withdrawn(voided)
revoke       | due        |           | none                         | none
revoke       | held       |           | cancelled                    | cancelled
revoke       | frozen     | approved  | cancelled                    | cancelled
revoke       | frozen     | confirmed | settled, open(revoked)       | settled, open(revoked)
revoke       | instructed | rejected  | cancelled                    | cancelled
revoke       | instructed | settled   | settled, open(revoked)       | settled, open(revoked)
revoke       | accepted   | rejected  | cancelled                    | cancelled
revoke       | accepted   | settled   | settled, open(revoked)       | settled, open(revoked)
revoke       | settled    |           | settled, open(revoked)       | settled, open(revoked)
revoke       | settled    | returned  | cancelled, withdrawn(revoked) | cancelled, withdrawn(revoked)
block        | due        |           | held(participant_blocked)    | held(participant_blocked)
block        | held       |           | held(participant_blocked)    | held(participant_blocked)
block        | held       | cured     | held(participant_blocked)    | held(participant_blocked)
block        | held       | unblocked | held(no_provider_account)    | held(no_account)
block        | frozen     |           | held(participant_blocked)    | held(participant_blocked)
block        | frozen     | unblocked | held(needs_approval)         | held(needs_approval)
block        | frozen     | confirmed | settled                      | settled, open(blocked)
block        | instructed |           | instructed                   | instructed
block        | instructed | rejected  | held(participant_blocked)    | held(participant_blocked)
block        | instructed | settled   | settled                      | settled, open(blocked)
block        | accepted   | rejected  | held(participant_blocked)    | held(participant_blocked)
block        | accepted   | settled   | settled                      | settled, open(blocked)
block        | settled    |           | settled                      | settled, open(blocked)
block        | settled    | unblocked | settled                      | settled, withdrawn(blocked)
block        | settled    | returned  | held(participant_blocked)    | held(participant_blocked), withdrawn(blocked)
late block   | settled    |           | settled                      | settled
erase        | due        |           | cancelled                    | cancelled
erase        | held       |           | cancelled                    | cancelled
erase        | held       | cured     | cancelled                    | cancelled
erase        | frozen     |           | held(needs_approval)         | held(needs_approval)
erase        | frozen     | approved  | cancelled                    | cancelled
erase        | frozen     | confirmed | settled                      | settled
erase        | instructed |           | instructed                   | instructed
erase        | instructed | rejected  | cancelled                    | cancelled
erase        | instructed | settled   | settled                      | settled
erase        | accepted   | rejected  | cancelled                    | cancelled
erase        | accepted   | settled   | settled                      | settled
erase        | settled    |           | settled                      | settled
erase        | settled    | returned  | cancelled                    | cancelled
erase        | settled    | void      | settled, open(voided)        | settled, open(voided)
cut-off      | due        |           | forfeited                    | forfeited
cut-off      | held       |           | forfeited                    | forfeited
cut-off      | held       | cured     | forfeited                    | forfeited
cut-off      | frozen     |           | held(needs_approval)         | held(needs_approval)
cut-off      | frozen     | approved  | forfeited                    | forfeited
cut-off      | frozen     | confirmed | settled                      | settled
cut-off      | instructed |           | instructed                   | instructed
cut-off      | instructed | rejected  | forfeited                    | forfeited
cut-off      | instructed | settled   | settled                      | settled
cut-off      | instructed | returned  | forfeited                    | forfeited
cut-off      | accepted   | rejected  | forfeited                    | forfeited
cut-off      | accepted   | settled   | settled                      | settled
cut-off      | settled    |           | settled                      | settled
cut-off      | settled    | void      | settled, open(voided)        | settled, open(voided)
cut-off      | settled    | returned  | forfeited                    | forfeited
return       | held again |           | held(needs_approval)         | held(needs_approval)
return       | instructed |           | held(account_closed)         | held(account_closed)
return       | accepted   |           | held(account_closed)         | held(account_closed)
return       | settled    |           | held(account_closed)         | held(account_closed)
return       | settled    | cured     | instructed                   | instructed
return       | settled    | void      | cancelled                    | cancelled
return       | settled    | block     | held(participant_blocked)    | held(participant_blocked)
return       | settled    | settled   | held(account_closed)         | held(account_closed)
return       | settled    | rejected  | held(needs_approval)         | held(needs_approval)
return half  | instructed |           | instructed!                  | instructed!
return half  | settled    |           | settled                      | settled
return half  | settled    | returned  | held(needs_approval)         | held(needs_approval)
contradict   | held again |           | held(needs_approval)         | held(needs_approval)
contradict   | held again | cured     | held(needs_approval)         | held(needs_approval)
contradict   | held again | confirmed | settled                      | settled
contradict   | instructed |           | instructed!                  | instructed!
contradict   | instructed | rejected  | held(needs_approval)         | held(needs_approval)
contradict   | instructed | settled   | settled                      | settled
contradict   | accepted   |           | accepted!                    | accepted!
contradict   | accepted   | rejected  | held(needs_approval)         | held(needs_approval)
contradict   | settled    |           | settled                      | settled
contradict   | settled    | returned  | held(needs_approval)         | held(needs_approval)
void         | shared     |           | cancelled                    | cancelled
revoke       | shared     |           | cancelled                    | cancelled
block        | shared     |           | held(participant_blocked)    | held(participant_blocked)
block        | shared     | unblocked | held(no_provider_account)    | held(shared_account)
erase        | shared     |           | cancelled                    | cancelled
cut-off      | shared     |           | forfeited                    | forfeited
share        | due        |           | held(no_provider_account)    | held(no_account)
share        | held       |           | held(no_provider_account)    | held(no_account)
share        | held       | cured     | held(no_funds)               | held(no_funds)
share        | frozen     |           | held(needs_approval)         | held(needs_approval)
share        | frozen     | approved  | instructed                   | instructed
share        | frozen     | confirmed | settled                      | settled
share        | instructed |           | instructed                   | instructed
share        | instructed | rejected  | held(account_closed)         | held(shared_account)
share        | instructed | settled   | settled                      | settled
share        | accepted   |           | accepted                     | accepted
share        | accepted   | rejected  | held(account_closed)         | held(shared_account)
share        | settled    |           | settled                      | settled
share        | settled    | returned  | held(account_closed)         | held(shared_account)
"""
ROWS = [[cell.strip() for cell in row.split("|")] for row in RULE_BOOK.strip().splitlines()[2:]]
EARLY = COMPLETED_AT - timedelta(hours=1)
Step = Callable[[PaymentHarness], Awaitable[object]]


def reports(status: str, reason: str | None = None, **changes: int) -> Step:
    """Return the step in which partners report this on the first attempt of both payments."""

    async def report(harness: PaymentHarness) -> None:
        await harness.receive(*(harness.answer(one.reference, status, reason, **changes) for one in firsts(harness)))

    return report


def firsts(harness: PaymentHarness) -> list[Instruction]:
    """Return the first instruction of each payment."""
    return harness.instructions[:2]


def reads(*events: Event) -> Step:
    async def read(harness: PaymentHarness) -> None:
        await harness.receive(*events)

    return read


async def falls_due(harness: PaymentHarness) -> None:
    await harness.receive(completed(), rated())


async def is_held(harness: PaymentHarness) -> None:
    await harness.receive(confirmed(cut_off_at=CUT_OFF), completed(), rated())
    assert [await harness.state(one) for one in BENEFITS] == ["held(no_provider_account)", "held(no_account)"]


async def is_linked_by_others(harness: PaymentHarness) -> None:
    """Let three others link the account of the participant."""
    await harness.receive(*(linked(person, number=a_number(PARTICIPANT)) for person in in_one_lane(4)[1:]))


async def is_shared(harness: PaymentHarness) -> None:
    await is_linked_by_others(harness)
    await harness.receive(*journey(cut_off_at=CUT_OFF))
    assert [await harness.state(one) for one in BENEFITS] == ["held(no_provider_account)", "held(shared_account)"]


async def is_instructed(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey(cut_off_at=CUT_OFF))


async def is_approved(harness: PaymentHarness) -> None:
    for benefit in BENEFITS:
        await harness.approve(CODE, benefit)
    await harness.sweep()


async def is_confirmed(harness: PaymentHarness) -> None:
    for one in firsts(harness):
        await harness.confirm(one.reference)


async def is_cured(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(number="8800555", version=2), linked(day=5, partner="dana"))
    await harness.sweep()


BENEFITS = ("fee", "incentive_1")
STATES: dict[str, tuple[Step, ...]] = {
    "due": (falls_due,),
    "held": (is_held,),
    "shared": (is_shared,),
    "frozen": (is_instructed, reports("rejected", "FR01")),
    "held again": (is_instructed, reports("rejected", "AC04")),
    "instructed": (is_instructed,),
    "accepted": (is_instructed, reports("accepted")),
    "settled": (is_instructed, reports("settled")),
}
CHANGES: dict[str, Step] = {
    "void": reads(voided()),
    "revoke": reads(revoked()),
    "block": reads(blocked(at=EARLY)),
    "erase": reads(erased()),
    "cut-off": pass_cut_off,
    "share": is_linked_by_others,
    "late block": reads(blocked(at=LATER)),
    "return": reports("returned", "AC04"),
    "return half": reports("returned", "AC04", amount=300_000),
}
CONTRADICTIONS: dict[str, Step] = {
    "held again": reports("settled"),
    "instructed": reports("settled", amount=300_000),
    "accepted": reports("settled", amount=300_000),
    "settled": reports("rejected", "AC04"),
}
AFTERWARDS: dict[str, Step] = CHANGES | {
    "rejected": reports("rejected", "AC04"),
    "settled": reports("settled"),
    "returned": reports("returned", "AC04"),
    "approved": is_approved,
    "confirmed": is_confirmed,
    "cured": is_cured,
    "unblocked": reads(unblocked(at=LATER)),
}
PARKED = {
    ("return", "held again"): "contradicts_final",
    ("return", "rejected"): "contradicts_final",
    ("return half", "instructed"): "amount_mismatch",
    ("return half", "settled"): "amount_mismatch",
    ("contradict", "held again"): "contradicts_final",
    ("contradict", "instructed"): "amount_mismatch",
    ("contradict", "accepted"): "amount_mismatch",
    ("contradict", "settled"): "contradicts_final",
}


@pytest.mark.parametrize(("change", "payment", "then", "fee", "incentive"), ROWS, ids=[" ".join(r[:3]) for r in ROWS])
async def test_rule_book(
    harness: PaymentHarness, change: str, payment: str, then: str, fee: str, incentive: str
) -> None:
    step = CONTRADICTIONS[payment] if change == "contradict" else CHANGES[change]
    if payment == "due":
        await harness.receive(confirmed(cut_off_at=CUT_OFF))
        await step(harness)
    for before in STATES[payment]:
        await before(harness)
    if payment != "due":
        await step(harness)
    if then:
        await AFTERWARDS[then](harness)
    outcomes = [await outcome(harness, benefit) for benefit in BENEFITS]
    assert outcomes == [fee, incentive]
    parked = PARKED.get((change, payment)) or PARKED.get((change, then))
    assert await harness.parked() == ([parked] * 2 if parked else [])
    await step(harness)
    await harness.sweep()
    assert [await outcome(harness, benefit) for benefit in BENEFITS] == outcomes


async def outcome(harness: PaymentHarness, benefit: str) -> str:
    """Return the state of a payment, `!` if it is frozen at a partner, and its claims."""
    row = await harness.connection.fetchrow("select * from disbursement where benefit = $1", benefit)
    if row is None:
        return "none"
    claims = await harness.connection.fetch(
        "select state, reason from money_claim where benefit = $1 order by number", benefit
    )
    frozen = "!" if row["frozen"] and row["reason"] is None else ""
    return ", ".join([f"{await harness.state(benefit)}{frozen}", *(f"{c['state']}({c['reason']})" for c in claims)])
