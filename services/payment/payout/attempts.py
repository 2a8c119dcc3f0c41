"""Attempts: made from plans, saved, and attached where they had been instructed before a restore."""

from collections.abc import Collection, Sequence

from services.payment.context import Context
from services.payment.domain.attempt import Attempt
from services.payment.domain.deferral_kinds import REFERENCE
from services.payment.domain.disbursement import Disbursement, instruct
from services.payment.domain.eligibility import tried_account_version
from services.payment.domain.funds import Fund, fund_of
from services.payment.domain.ledger import Posting
from services.payment.payout.account_seals import seal_for_partner
from services.payment.payout.funds import commit_adopted
from services.payment.payout.plan import AttemptPlan, Cancel, Forfeit, Hold, Route
from services.payment.store.attempts import (
    AnnouncedAttempt,
    attach_adopted_attempts,
    insert_attempts,
    update_announced_attempts,
)
from services.payment.store.disbursements import NumbersByKey
from services.payment.store.funds import lock_funds, open_funds
from shared.errors import InvariantBroken
from shared.messaging.transaction.transaction import Transaction


def make_attempt(context: Context, tx: Transaction, p: AttemptPlan) -> tuple[Disbursement, Attempt]:
    """Return the disbursement as instructed, and its attempt with the account sealed for the partner.

    Raise InvariantBroken for a plan that holds or ends the disbursement.
    """
    answer_by = tx.now + context.answer_within
    decision = p.decision
    if isinstance(decision, Hold):
        raise InvariantBroken(p.reference, f"it cannot be instructed, since it is held for {decision.reason}")
    if isinstance(decision, Cancel | Forfeit):
        raise InvariantBroken(p.reference, "it cannot be instructed, since it is cancelled or forfeited")
    if isinstance(decision, Route):
        account = seal_for_partner(context.partner_keys[decision.partner], decision.number, p.reference)
        version = decision.account_version
    else:
        account, version = decision.account, tried_account_version(decision, p.disbursement.payee, p.newest_version)
    adopted = isinstance(decision, Attempt)
    disbursement = instruct(p.disbursement, p.reference, decision.partner, version, answer_by, adopted=adopted)
    return disbursement, Attempt(
        reference=p.reference,
        lane=disbursement.lane,
        partner=decision.partner,
        amount=disbursement.amount,
        account=account,
        instructed_at=tx.now,
        answer_by=answer_by,
        redeem_code=disbursement.redeem_code,
        benefit=disbursement.benefit,
        number=disbursement.attempt,
    )


async def save_attempts(
    tx: Transaction, plans: Sequence[AttemptPlan], attempts: Sequence[Attempt], numbers: NumbersByKey
) -> None:
    """Store new attempts; attach adopted ones to their disbursements, and release the reports deferred for them."""
    adopted = {p.reference for p in plans if isinstance(p.decision, Attempt)}
    if fresh := [attempt for attempt in attempts if attempt.reference not in adopted]:
        await insert_attempts(tx.connection, fresh, numbers)
    if again := [attempt for attempt in attempts if attempt.reference in adopted]:
        await attach_adopted_attempts(tx.connection, again)
        for attempt in again:
            tx.release(REFERENCE, attempt.reference)


async def commit_adopted_attempts(
    tx: Transaction, plans: Sequence[AttemptPlan], leaving: Collection[Fund]
) -> list[Posting]:
    """Commit the money of adopted attempts whether their waves have it or not: the partner may have paid already.

    Return the postings of the money that was allotted for it.
    """
    adopted = [p for p in plans if isinstance(p.decision, Attempt)]
    # Every transaction locks funds in one order, so those that other plans and `leaving` need are locked here too.
    funds = {fund_of(p.disbursement) for p in plans if isinstance(p.decision, Route | Attempt)}.union(leaving)
    await open_funds(tx.connection, funds)
    await lock_funds(tx.connection, funds)
    await update_announced_attempts(tx.connection, [_without_kept_money(p) for p in adopted])
    return await commit_adopted(tx, [p.disbursement for p in adopted])


def _without_kept_money(p: AttemptPlan) -> AnnouncedAttempt:
    return AnnouncedAttempt(
        p.reference, p.disbursement.wave, p.disbursement.component, keeps_money=False, account_version=None
    )
