"""States of a disbursement: the database accepts exactly the steps of the domain, also from the service itself."""

from collections.abc import Iterable
from itertools import product

import asyncpg
import pytest

from services.payment.domain.disbursement import TRANSITIONS, State
from tests.integration.payment.facts import CODE, completed, confirmed
from tests.integration.payment.harness import PaymentHarness

TRANSIENT = (State.REJECTED, State.RETURNED)
STORED = [state.value for state in State if state not in (State.DUE, *TRANSIENT)]
AT_PARTNERS = ("instructed", "accepted")
NEXT = "3Q2M9K4T1B8XW3ZA"
# A step, with the columns that the checks of the table tie to its state; $2 is 1 for another attempt.
STEP = """
    update disbursement set state = $1::state, attempt = attempt + $2::int, frozen = frozen and $1 <> 'settled'::state,
        reference = case when $2 > 0 then $3 else reference end,
        reason = case when $1 = 'held' then 'no_account'::hold_reason end,
        ask_at = case when $1 in ('instructed', 'accepted') then now() end,
        settled_at = case when $1 = 'settled' then now() end,
        cancelled_at = case when $1 = 'cancelled' then now() end,
        annulled = case when $1 = 'cancelled' then 'voided'::annulment end"""
REJECTED = "update attempt set rejected_at = now(), reason = 'AC04'"
RETURNED = "update attempt set settled_at = now(), returned_at = now(), reason = 'AC04'"
FROZEN = "update disbursement set frozen = true"
CONFIRMED = "insert into confirmation select reference, redeem_code, benefit, 'ani', 'budi', now() from disbursement"
# How each state is reached, by steps that are legal, from `instructed`.
PATHS: dict[str, list[str]] = {
    "instructed": [],
    "accepted": ["accepted"],
    "settled": ["settled"],
    "held": [REJECTED, "held"],
    "failed": [REJECTED, "failed"],
    "cancelled": [REJECTED, "held", "cancelled"],
    "forfeited": [REJECTED, "held", "forfeited"],
}


@pytest.fixture
async def service(harness: PaymentHarness) -> asyncpg.Connection:
    """Return a session of the service's own role, with one fee at a partner."""
    await harness.prepare()
    await harness.receive(confirmed(), completed())
    return harness.session.connection


async def _is_accepted(service: asyncpg.Connection, path: Iterable[str], step: str, *before: str) -> bool:
    """Walk a path, and return True if the database then accepts a step, alone or after these statements."""
    transaction = service.transaction()
    await transaction.start()
    try:
        for one in path:
            await _take(service, one)
        try:
            for statement in before:
                await service.execute(statement)
            await _take(service, step)
        except asyncpg.RestrictViolationError:
            return False
        return True
    finally:
        await transaction.rollback()


async def _take(service: asyncpg.Connection, step: str) -> None:
    state, _, again = step.partition("+")
    if state in STORED:
        await service.execute(STEP, state, len(again), NEXT)
    else:
        await service.execute(step)


def _stored(transitions: Iterable[tuple[State, State]], through: State | None = None) -> set[tuple[str, str]]:
    """Return the steps between stored states: directly, or through a state that is never stored."""
    known = set(transitions)
    if through is None:
        return {(before.value, after.value) for before, after in known if {before.value, after.value} <= {*STORED}}
    into = {before.value for before, after in known if after is through}
    return set(product(into, (after.value for before, after in known if before is through)))


async def test_without_a_verdict_only_the_direct_steps_are_accepted(service: asyncpg.Connection) -> None:
    accepted = {(b, a) for b, a in product(STORED, STORED) if await _is_accepted(service, PATHS[b], a)}
    # What is asked again, or marked, stays where it is; what is held is settled only when it is confirmed.
    assert accepted == _stored(TRANSITIONS) - {("held", "instructed"), ("held", "settled")} | {
        (state, state) for state in AT_PARTNERS
    }


@pytest.mark.parametrize(("through", "verdict"), [(State.REJECTED, REJECTED), (State.RETURNED, RETURNED)])
async def test_a_verdict_of_failure_opens_the_steps_that_follow_it(
    service: asyncpg.Connection, through: State, verdict: str
) -> None:
    ways = _stored(TRANSITIONS, through)
    for before, after in product(STORED, STORED):
        if before in (*AT_PARTNERS, "settled") and (before, after) not in _stored(TRANSITIONS):
            opened = await _is_accepted(service, PATHS[before], after, verdict)
            # A settlement that was not reported is passed through within the transaction that reads of the return.
            unreported = through is State.RETURNED and before in AT_PARTNERS and after in ("held", "failed")
            assert opened == ((before, after) in ways or unreported or before == after != "settled"), (before, after)


@pytest.mark.parametrize("before", STORED)
async def test_another_attempt_follows_only_a_verdict_of_failure(service: asyncpg.Connection, before: str) -> None:
    assert await _is_accepted(service, PATHS[before], "instructed+1") == (before == "held")
    assert not await _is_accepted(service, PATHS[before], "instructed+22")
    assert not await _is_accepted(service, PATHS[before], "accepted+1")


async def test_no_reference_changes_but_with_another_attempt(service: asyncpg.Connection) -> None:
    changes = ("reference = '3Q2M9K4T1B8XW3ZA'", "attempt = attempt + 1")
    for before, change in product(("instructed", "accepted", "held"), changes):
        assert not await _is_accepted(service, PATHS[before], f"update disbursement set {change}")
    assert not await _is_accepted(service, [], "update disbursement set partner = 'dana'")


async def test_what_is_held_is_settled_only_frozen_and_confirmed(service: asyncpg.Connection) -> None:
    assert not await _is_accepted(service, [*PATHS["held"], FROZEN], "settled")
    assert not await _is_accepted(service, PATHS["held"], "settled", CONFIRMED)
    assert await _is_accepted(service, [*PATHS["held"], FROZEN], "settled", CONFIRMED)


async def test_a_right_begins_where_no_partner_has_answered(service: asyncpg.Connection) -> None:
    columns = "redeem_code, participant_id, lane, wave, component, payee, provider_id, amount, due_at, tried_version"
    new = """
        insert into disbursement ({0}, benefit, changed_at, state, attempt, reference, partner, reason, ask_at,
                                  settled_at, cancelled_at, annulled)
        select {0}, 'fee_2', now(), '{1}', {2}, case when {2} > 0 then '3Q2M9K4T1B8XW3ZA' end, 'bni',
            case when '{1}' = 'held' then 'no_account'::hold_reason end,
            case when '{1}' in ('instructed', 'accepted') then now() end, case when '{1}' = 'settled' then now() end,
            case when '{1}' = 'cancelled' then now() end, case when '{1}' = 'cancelled' then 'voided'::annulment end
        from disbursement"""
    begun = {
        (state, attempt)
        for state, attempt in product(STORED, (0, 1, 2))
        if attempt or state not in (*AT_PARTNERS, "settled", "failed")
        if await _is_accepted(service, [], new.format(columns, state, attempt))
    }
    direct = {after.value for before, after in TRANSITIONS if before is State.DUE}
    assert begun == {(state, int(state == "instructed")) for state in direct}


async def test_an_attempt_stays_with_its_disbursement_and_its_verdict(service: asyncpg.Connection) -> None:
    await service.execute("update attempt set accepted_at = now()")
    moved = (
        "redeem_code = 'PRAT00000002'",
        "benefit = 'fee_2'",
        "number = 2",
        "redeem_code = null, benefit = null, number = null",
    )
    for change in moved:
        assert not await _is_accepted(service, [], f"update attempt set {change}")
    for verdict, times in ((REJECTED, ["rejected_at"]), (RETURNED, ["settled_at, returned_at"])):
        for changed in (*times, "reason"):
            cleared = ", ".join(f"{column} = null" for column in changed.split(", "))
            later = f"{changed.split(', ')[0]} = " + ("'AC01'" if changed == "reason" else "now() + interval '1 day'")
            for change in (cleared, later):
                assert not await _is_accepted(service, [verdict], f"update attempt set {change}"), (verdict, change)


APPROVED = (
    "insert into approval (redeem_code, benefit, attempt, amount, partner, account_version, who, second, at)"
    " select redeem_code, benefit, 2, amount, partner, 1, 'ani', 'budi', now() from disbursement"
)


@pytest.mark.parametrize(
    ("forged", "breach"),
    [
        (APPROVED, f"{CODE} fee: the approval of attempt 2 is not in the log"),
        (CONFIRMED, "its confirmation is not in the log"),
    ],
)
async def test_decision_that_no_person_made_is_named(harness: PaymentHarness, forged: str, breach: str) -> None:
    await harness.prepare()
    await harness.receive(confirmed(), completed())
    await harness.report(harness.instructions_for("fee")[0].reference, "rejected", "AM05")
    service = harness.session.connection
    transaction = service.transaction()
    await transaction.start()
    await service.execute(forged)
    found = [one for i in harness.definition.invariants for one in await i.check(service)]
    await transaction.rollback()
    assert [one for one in found if one.endswith(breach)]
