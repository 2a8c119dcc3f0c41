"""What persons decide about a right that waits for them: another attempt may go, or the money did go out."""

from asyncpg import Connection

from services.payment.domain import books
from services.payment.domain.attempt import Attempt, Contradiction
from services.payment.domain.disbursement import Disbursement, HoldReason, State, confirm
from services.payment.domain.fitness import missing, next_attempt, takes_approval, unfit
from services.payment.handlers import Context
from services.payment.handlers.announcing import announce
from services.payment.handlers.bookkeeping import write_down
from services.payment.handlers.changing import save_confirmation
from services.payment.handlers.planning import load_payees, next_reference, payee_of
from services.payment.handlers.spending import spend_confirmed
from services.payment.store.approvals import insert_confirmation, load_approvals, save_approval, void_approvals
from services.payment.store.attempts import load_attempts, load_told
from services.payment.store.contradictions import load_contradictions
from services.payment.store.disbursements import load_disbursement, put_off
from shared.messaging.lane import lock
from shared.messaging.operations import Operator, Outcome, Refused, in_lane, second_person
from shared.messaging.transaction import Terms, Transaction

APPROVABLE = (HoldReason.NEEDS_APPROVAL, HoldReason.PARTNER_REJECTED)


async def approve(
    connection: Connection, operator: Operator, limit: int | None, redeem_code: str, benefit: str
) -> Outcome:
    """Let the next attempt of a right go, exactly as it would be made now; it goes with its lane's next sweep.

    Above the limit (in rupiah, None: no limit), or frozen, it takes two persons. Raises Refused.
    """
    subject = f"{redeem_code} {benefit}"
    known = await _load_locked(connection, redeem_code, benefit)
    if known is None or known.reason not in APPROVABLE:
        raise Refused(f"{subject} does not wait for an operator")
    account = (await load_payees(connection, [known])).get(payee_of(known))
    wrong = unfit(known, account, approved=True) if account else missing(known.payee)
    if account is None or wrong:
        raise Refused(f"{subject} has no account that it could go to: {wrong}")
    approval = next_attempt(known, account)
    what = f"{subject}: {approval.amount} rupiah to {approval.partner}, attempt {approval.attempt}"
    by_two = known.reason is HoldReason.NEEDS_APPROVAL or takes_approval(known, limit)
    before = (await load_approvals(connection, [known])).get(known.right)
    if before and before.approval == approval and (before.by_two or not by_two):
        return Outcome(changed=False, sentence=f"{what}: approved already")
    content = approval._asdict() | {"redeem_code": redeem_code, "benefit": benefit}
    people: tuple[str, str | None] = (operator.who, None)
    if by_two:
        said = len(await load_contradictions(connection, redeem_code, benefit))
        first = await second_person(connection, operator, "approve", subject, content | {"contradictions": said})
        if first is None:
            return _first(what, operator)
        people = (first, operator.who)
    await save_approval(connection, known.right, approval, *people, operator.now)
    if known.attempt > 0:
        await put_off(connection, [known], operator.now)
    await operator.record(connection, "approve", **content, first=people[0])
    return Outcome(changed=True, sentence=f"{what}: it goes with the next sweep")


async def confirm_payment(
    context: Context, terms: Terms, reference: str, connection: Connection, operator: Operator
) -> Outcome:
    """Book that a frozen right was paid under a reference that its partner had rejected. It takes two persons.

    Where the wave has no money left it is booked all the same, and the wave is overdrawn. Raises Refused, also while
    what was said before a restore is not all known again.
    """
    told = (await load_told(connection, [reference])).get(reference)
    if told is None:
        raise Refused(f"{reference} was never instructed")

    async def confirm_in_lane(tx: Transaction) -> Outcome:
        return await _confirm(context, tx, operator, reference)

    return await in_lane(connection, operator, terms, told.attempt.lane, confirm_in_lane)


async def _confirm(context: Context, tx: Transaction, operator: Operator, reference: str) -> Outcome:
    attempt, known = (await load_told(tx.connection, [reference]))[reference]
    if known is None or known.state is not State.HELD or not known.frozen:
        raise Refused(f"{reference} is no attempt of a frozen right")
    await _refuse_unless_all_is_known(context, tx, known)
    said = await load_contradictions(tx.connection, *known.right)
    what = f"{reference}: {known.amount} rupiah of {' '.join(known.right)} did go out through {attempt.partner}"
    content = {
        "redeem_code": known.redeem_code,
        "benefit": known.benefit,
        "reference": reference,
        "amount": known.amount,
        "partner": attempt.partner,
        "attempt": known.attempt,
        "contradictions": len(said),
    }
    first = await second_person(tx.connection, operator, "confirm", reference, content)
    if first is None:
        return _first(what, operator)
    await insert_confirmation(tx.connection, attempt, first, operator.who, tx.now)
    overdrawn = await _book(tx, known, attempt, said)
    await operator.record(tx.connection, "confirm", **content, first=first, overdrawn=overdrawn)
    short = f"; wave {known.wave} is overdrawn by {overdrawn} rupiah now" if overdrawn else ""
    return Outcome(changed=True, sentence=f"{what}: it is settled{short}")


async def _refuse_unless_all_is_known(context: Context, tx: Transaction, known: Disbursement) -> None:
    """Raise Refused where a partner was told more of this right before a restore, or may have been."""
    if tx.catching_up(known.lane):
        raise Refused(
            f"lane {known.lane} is still reading again what it knew before a restore: wait until `lanes` no longer "
            "shows it as catching up, look at the right again, and decide then"
        )
    later = next_reference(context, known)
    if await load_attempts(tx.connection, [later]):
        raise Refused(
            f"attempt {known.attempt + 1} of {' '.join(known.right)}, {later}, was told before a restore and counts "
            "as soon as its lane has taken it up: wait for what its partner says of it, and decide then"
        )


async def _book(tx: Transaction, known: Disbursement, attempt: Attempt, said: list[Contradiction]) -> int:
    """Move the money as if it had been instructed again and settled; return by how much the wave is overdrawn."""
    drawn, overdrawn = await spend_confirmed(tx, known)
    paid = confirm(known, attempt.reference, attempt.partner)
    words = [c.report for c in said if (c.report.reference, c.report.status) == (attempt.reference, "settled")]
    word = next((report for report in words if report.amount == known.amount), None)
    settled_at = word.reported_at if word else tx.now
    await save_confirmation(
        tx, (known, paid), settled_at, word.partner_reference if word else attempt.partner_reference
    )
    await void_approvals(tx.connection, [known])
    await write_down(tx, [*drawn, books.instruct(paid), books.settle(paid)])
    announce(tx, paid._replace(attempt=attempt.number or known.attempt), {})
    return overdrawn


async def _load_locked(connection: Connection, redeem_code: str, benefit: str) -> Disbursement | None:
    """Return a right with its lane locked, so that nobody else is just deciding about it."""
    found = await load_disbursement(connection, redeem_code, benefit)
    if found is None:
        return None
    await lock(connection, [found.lane])
    return await load_disbursement(connection, redeem_code, benefit)


def _first(what: str, operator: Operator) -> Outcome:
    return Outcome(changed=True, sentence=f"{what}: {operator.who} is the first to say so, and it takes two persons")
