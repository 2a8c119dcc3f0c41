"""Decisions of operators on a held disbursement: approve another attempt, or confirm that it was paid."""

from dataclasses import asdict

from asyncpg import Connection

from services.payment.context import Context
from services.payment.domain import ledger
from services.payment.domain.attempt import Attempt, Contradiction
from services.payment.domain.claim import ClaimState, Payment
from services.payment.domain.cures import Cure, reasons_cured_by
from services.payment.domain.disbursement import Disbursement, HoldReason, State, confirm
from services.payment.domain.eligibility import (
    PayeeAccount,
    account_hold_reason,
    missing_account_reason,
    needs_approval,
    required_approval,
)
from services.payment.domain.entitlement import Annulment
from services.payment.payout.claims import claim_double_payments, claim_settled
from services.payment.payout.disbursements import save_confirmation
from services.payment.payout.events import emit_state
from services.payment.payout.funds import commit_confirmed
from services.payment.payout.ledger import post
from services.payment.payout.plan import load_payee_accounts, next_reference, payee_key
from services.payment.payout.versions import load_versions
from services.payment.store.approvals import insert_confirmation, load_approvals, save_approval, void_approvals
from services.payment.store.attempts import load_attempts, load_attempts_with_disbursements
from services.payment.store.claims import load_claims
from services.payment.store.contradictions import load_contradictions
from services.payment.store.cut_offs import load_past_cut_off
from services.payment.store.disbursements import AnnouncedAnswer, load_disbursement, postpone_retries
from shared.errors import NotFound, Refused, Stale
from shared.messaging.engine.operations import in_lane
from shared.messaging.engine.operator import Operator, Outcome, require_second_person
from shared.messaging.transaction.lane import lock
from shared.messaging.transaction.transaction import Transaction, TransactionTerms

APPROVABLE = reasons_cured_by(Cure.APPROVAL)
TAKES_TWO = (HoldReason.NEEDS_APPROVAL, HoldReason.SHARED_ACCOUNT)


async def approve(
    connection: Connection,
    operator: Operator,
    limit: int | None,
    redeem_code: str,
    benefit: str,
    version: str | None = None,
) -> Outcome:
    """Approve the next attempt exactly as it would be made now; the next sweep of its lane makes it.

    An amount above the limit (in rupiah, None: no limit), a frozen disbursement, or an account that too many share
    needs two persons. Raise Refused when it waits for no operator, or has no account, and Stale when `version` is no
    longer the one that `held` shows.
    """
    subject = f"{redeem_code} {benefit}"
    known = await _load_locked(connection, redeem_code, benefit)
    past_cut_off = known is not None and bool(await load_past_cut_off(connection, [known]))
    ends = known is not None and (known.annulled is not None or past_cut_off)
    # What a block covers is paid only after an unblock; to end it takes none.
    approvable = APPROVABLE | {HoldReason.PARTICIPANT_BLOCKED} if ends and known and known.frozen else APPROVABLE
    if known is None:
        raise NotFound(f"{subject} has never fallen due; it does not wait for an approval")
    if known.reason not in approvable:
        raise Refused(f"{subject} does not wait for an approval")
    if version is not None:
        await _refuse_changed(connection, known, version)
    approval = required_approval(known, await _load_account(connection, known, ends=ends))
    what = f"{subject}: {approval.amount} rupiah to {approval.partner}, attempt {approval.attempt}"
    by_two = known.reason in TAKES_TWO or needs_approval(known, limit)
    before = (await load_approvals(connection, [known])).get(known.key)
    if before and before.approval == approval and (before.by_two or not by_two):
        return Outcome(changed=False, sentence=f"{what}: approved already")
    content = asdict(approval) | {"redeem_code": redeem_code, "benefit": benefit}
    people: tuple[str, str | None] = (operator.who, None)
    if by_two:
        contradiction_count = len(await load_contradictions(connection, redeem_code, benefit))
        first = await require_second_person(
            connection, operator, "approve", subject, content | {"contradictions": contradiction_count}
        )
        if first is None:
            return _first_of_two(what, operator)
        people = (first, operator.who)
    await save_approval(connection, known.key, approval, *people, operator.now)
    if known.attempt > 0:
        await postpone_retries(connection, [known], operator.now)
    await operator.record(connection, "approve", **content, first=people[0])
    then = _after_approval(known, past_cut_off=past_cut_off)
    return Outcome(changed=True, sentence=f"{what}: approved, and {then} by the next sweep")


async def _refuse_changed(connection: Connection, known: Disbursement, version: str) -> None:
    current = (await load_versions(connection, [known]))[known.key]
    if version != current:
        raise Stale(f"{' '.join(known.key)} has changed since it was read: look at it again, and decide then", current)


def _after_approval(known: Disbursement, *, past_cut_off: bool) -> str:
    if known.annulled is not None:
        subject = "participant" if known.annulled is Annulment.ERASED else "training"
        return f"cancelled, since its {subject} was {known.annulled},"
    return "forfeited, since its wave is past its cut-off," if past_cut_off else "instructed"


async def _load_account(connection: Connection, known: Disbursement, *, ends: bool) -> PayeeAccount:
    """Load the account that the next attempt would go to; raise Refused if it cannot be paid.

    Any account will do if the approval `ends` the disbursement: one that is annulled, or past its cut-off.
    """
    account = (await load_payee_accounts(connection, [known])).get(payee_key(known))
    reason = account_hold_reason(known, account, approved=True) if account else missing_account_reason(known.payee)
    if account is None or (reason and not ends):
        raise Refused(f"{' '.join(known.key)} has no account that can be paid: {reason}")
    return account


async def confirm_payment(
    context: Context, terms: TransactionTerms, reference: str, connection: Connection, operator: Operator
) -> Outcome:
    """Post that a frozen disbursement was paid under a reference that its partner had rejected. It takes two persons.

    It is posted even if the wave has no money left, which is overdrawn then. Raise Refused also while the lane
    is catching up after a restore.
    """
    found = (await load_attempts_with_disbursements(connection, [reference])).get(reference)
    if found is None:
        raise Refused(f"{reference} was never instructed")

    async def confirm_in_lane(tx: Transaction) -> Outcome:
        return await _confirm(context, tx, operator, reference)

    return await in_lane(connection, operator, terms, found.attempt.lane, confirm_in_lane)


async def _confirm(context: Context, tx: Transaction, operator: Operator, reference: str) -> Outcome:
    attempt, known = (await load_attempts_with_disbursements(tx.connection, [reference]))[reference]
    if known is None or known.state is not State.HELD or not known.frozen:
        raise Refused(f"{reference} is not an attempt of a frozen disbursement, and cannot be confirmed")
    await _refuse_if_it_came_back(tx, attempt)
    await _refuse_unless_all_is_known(context, tx, known)
    contradictions = await load_contradictions(tx.connection, *known.key)
    what = f"{reference}: {known.amount} rupiah of {' '.join(known.key)} were paid by {attempt.partner}"
    content = {
        "redeem_code": known.redeem_code,
        "benefit": known.benefit,
        "reference": reference,
        "amount": known.amount,
        "partner": attempt.partner,
        "attempt": known.attempt,
        "contradictions": len(contradictions),
    }
    first = await require_second_person(tx.connection, operator, "confirm", reference, content)
    if first is None:
        return _first_of_two(what, operator)
    await insert_confirmation(tx.connection, attempt, first, operator.who, tx.now)
    overdrawn = await _post_confirmation(tx, known, attempt, contradictions)
    await operator.record(tx.connection, "confirm", **content, first=first, overdrawn=overdrawn)
    short = f"; wave {known.wave} is overdrawn by {overdrawn} rupiah now" if overdrawn else ""
    return Outcome(changed=True, sentence=f"{what}: it is settled{short}")


async def _refuse_if_it_came_back(tx: Transaction, attempt: Attempt) -> None:
    """Raise Refused for a payment whose money was returned by its partner, or repaid to the treasury."""
    if attempt.returned_at is not None:
        raise Refused(f"{attempt.reference} was returned: its money came back")
    for claim in await load_claims(tx.connection, [attempt.reference]):
        if claim.state is ClaimState.REPAID:
            raise Refused(f"{attempt.reference} was repaid by {claim.document}: its money came back")


async def _refuse_unless_all_is_known(context: Context, tx: Transaction, known: Disbursement) -> None:
    """Raise Refused while an instruction of before a restore may be unknown, or is not yet attached."""
    if tx.catching_up(known.lane):
        raise Refused(
            f"lane {known.lane} is catching up after a restore: wait until `lanes` no longer "
            "shows that, check the disbursement again, and decide then"
        )
    later = next_reference(context, known)
    if await load_attempts(tx.connection, [later]):
        raise Refused(
            f"attempt {known.attempt + 1} of {' '.join(known.key)}, {later}, was instructed before a restore and "
            "counts as soon as its lane has adopted it: wait for the report of its partner, and decide then"
        )


async def _post_confirmation(
    tx: Transaction, known: Disbursement, attempt: Attempt, contradictions: list[Contradiction]
) -> int:
    """Post the payment as instructed again and settled; return the rupiah by which the wave is overdrawn."""
    allotted, overdrawn = await commit_confirmed(tx, known)
    paid = confirm(known, attempt.reference, attempt.partner)
    confirmations = [
        c.report for c in contradictions if (c.report.reference, c.report.status) == (attempt.reference, "settled")
    ]
    confirmation = next((report for report in confirmations if report.amount == known.amount), None)
    settled_at = confirmation.reported_at if confirmation else tx.now
    number = emit_state(tx, paid._replace(attempt=attempt.number or known.attempt), {})
    announced = [] if number is None else [AnnouncedAnswer(known.lane, number, attempt.reference)]
    partner_reference = confirmation.partner_reference if confirmation else attempt.partner_reference
    await save_confirmation(tx, (known, paid), announced, settled_at, partner_reference)
    await void_approvals(tx.connection, [known])
    await post(tx, [*allotted, ledger.instruct(paid), ledger.settle(paid)])
    await claim_settled(tx, [Payment(paid, settled_at)], {})
    await claim_double_payments(tx, [paid.key], {})
    return overdrawn


async def _load_locked(connection: Connection, redeem_code: str, benefit: str) -> Disbursement | None:
    """Lock the lane of a disbursement and return it, so that no batch decides about it meanwhile."""
    found = await load_disbursement(connection, redeem_code, benefit)
    if found is None:
        return None
    await lock(connection, [found.lane])
    return await load_disbursement(connection, redeem_code, benefit)


def _first_of_two(what: str, operator: Operator) -> Outcome:
    sentence = f"{what}: {operator.who} has consented; a second person must"
    return Outcome(changed=True, sentence=sentence, awaits_second=True)
