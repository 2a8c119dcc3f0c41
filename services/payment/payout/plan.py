"""Plans: the account that each disbursement would be paid into, or the reason to hold it, funds excluded."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from asyncpg import Connection

from services.payment.context import Context
from services.payment.domain.attempt import Attempt
from services.payment.domain.block import blocked_since
from services.payment.domain.disbursement import Disbursement, DisbursementKey, HoldReason, State, annul
from services.payment.domain.eligibility import (
    APPROVED_WITH_ACCOUNT,
    PayeeAccount,
    PayoutConditions,
    hold_reason,
    is_shared,
    missing_account_reason,
    needs_approval,
    required_approval,
)
from services.payment.domain.entitlement import Annulment, Payee
from services.payment.payout.account_seals import OpenedAccounts
from services.payment.payout.announced_cancellations import forget_cancellations, load_announced_cancellations
from services.payment.payout.announced_forfeits import forget_forfeits, load_announced_forfeits
from services.payment.store.accounts import KeptAccount, load_accounts
from services.payment.store.approvals import load_approvals, void_approvals
from services.payment.store.attempts import load_attempts
from services.payment.store.disbursements import annul_disbursements
from services.payment.store.erasures import load_barred
from services.payment.store.halts import load_halts_and_cut_offs
from services.payment.store.providers import load_provider_accounts
from shared.contracts.secret import Secret
from shared.errors import InvariantBroken
from shared.messaging.transaction.transaction import Transaction

PayeeKey = tuple[Payee, str]


class Hold(NamedTuple):
    """Decision to hold a disbursement. `partner`: the one it would go to, when that is known."""

    reason: HoldReason
    partner: str | None = None


class Cancel(NamedTuple):
    """Decision to cancel an annulled disbursement."""

    partner: str | None = None


class Forfeit(NamedTuple):
    """Decision to forfeit a disbursement, since the cut-off of its wave has passed."""

    partner: str | None = None


class Route(NamedTuple):
    """Decision to pay into this account as soon as there is money."""

    partner: str
    account_version: int
    number: Secret


class AttemptPlan(NamedTuple):
    """Plan of the next attempt of a disbursement.

    An `Attempt` as decision: it was instructed before a restore, and is repeated with its partner, amount and account.
    `newest_version`: of the payee's accounts, then.
    """

    disbursement: Disbursement
    reference: str
    decision: Hold | Cancel | Forfeit | Route | Attempt
    newest_version: int = 0

    @property
    def partner(self) -> str | None:
        return self.decision.partner


async def plan_attempts(
    context: Context,
    tx: Transaction,
    disbursements: Sequence[Disbursement],
    with_room_at: str | None = None,
    beyond_money: Collection[DisbursementKey] = (),
) -> list[AttemptPlan]:
    """Return one plan for each disbursement, in the same order; those of erased participants are marked so.

    `with_room_at`: the limited partner at which there is room for all of them. `beyond_money`: as in PayoutConditions.
    """
    references = [next_reference(context, d) for d in disbursements]
    adopted = await load_attempts(tx.connection, references)
    accounts = await load_payee_accounts(tx.connection, disbursements)
    participants = {d.participant_id for d in disbursements}
    barred = await load_barred(tx.connection, participants)
    opened = OpenedAccounts(context.own_keys)
    lanes = {d.lane for d in disbursements}
    halts, past_cut_off = await load_halts_and_cut_offs(tx.connection, {d.wave for d in disbursements}, lanes)
    catching_up = set(filter(tx.catching_up, lanes))
    limited = context.partner_limits.keys() - {with_room_at} if context.partner_limits else ()
    conditions = PayoutConditions(
        tx.now, halts, context.approval_above, catching_up, context.people_per_account, limited, beyond_money
    )
    announced = await load_announced_forfeits(tx, participants)
    cancelled = await load_announced_cancellations(tx, participants)
    approved = await _approved(tx, disbursements, accounts, conditions)
    plans = []
    for known, reference in zip(disbursements, references, strict=True):
        disbursement = annul(known, Annulment.ERASED) if known.participant_id in barred.erased else known
        if known.key in cancelled:
            disbursement = annul(disbursement, cancelled[known.key])
        if reference in adopted:
            newest = accounts.get(payee_key(disbursement))
            plans.append(_repeat_adopted(disbursement, adopted[reference], newest.version if newest else 0))
        else:
            account, blocks = accounts.get(payee_key(disbursement)), barred.blocks.get(disbursement.participant_id, ())
            decision = _plan_fresh(
                account,
                disbursement,
                conditions,
                opened,
                approved=disbursement.key in approved,
                blocked=blocked_since(blocks) is not None,
                past_cut_off=(disbursement.wave, disbursement.lane) in past_cut_off or disbursement.key in announced,
                forfeited_before=disbursement.key in announced,
            )
            plans.append(AttemptPlan(disbursement, reference, decision))
    if cancelled:
        await _mark_cancelled(tx, [p.disbursement for p in plans if p.disbursement.key in cancelled])
    await forget_forfeits(tx, announced & {p.disbursement.key for p in plans if isinstance(p.decision, Forfeit)})
    return plans


async def _mark_cancelled(tx: Transaction, cancelled: Sequence[Disbursement]) -> None:
    """Store the marks of what was cancelled before a restore; what has just fallen due is stored with its mark."""
    held = [d for d in cancelled if d.state is State.HELD]
    await annul_disbursements(tx.connection, held, tx.now)
    await forget_cancellations(tx, [d.key for d in cancelled])


async def _approved(
    tx: Transaction,
    disbursements: Sequence[Disbursement],
    accounts: Mapping[PayeeKey, PayeeAccount],
    conditions: PayoutConditions,
) -> set[DisbursementKey]:
    """Return the disbursements whose next attempt is approved as it would be made now; void other approvals."""
    by_two = {d.key for d in disbursements if _takes_two(d, accounts.get(payee_key(d)), conditions)}
    waiting = {d.key: d for d in disbursements if d.state is State.HELD and _awaits_operator(d, by_two)}
    if not waiting:
        return set()
    approved = await load_approvals(tx.connection, waiting.values())
    wanted = {
        key: required_approval(waiting[key], account)
        for key in approved
        if (account := accounts.get(payee_key(waiting[key])))
    }
    void = {key for key, known in approved.items() if wanted.get(key) != known.approval}
    await void_approvals(tx.connection, [waiting[key] for key in void])
    by_too_few = {key for key, known in approved.items() if key in by_two and not known.by_two}
    return approved.keys() - void - by_too_few


def _awaits_operator(disbursement: Disbursement, by_two: Collection[DisbursementKey]) -> bool:
    return disbursement.reason in APPROVED_WITH_ACCOUNT or disbursement.key in by_two


def _takes_two(disbursement: Disbursement, account: PayeeAccount | None, conditions: PayoutConditions) -> bool:
    """Return True if the next attempt takes an approval by two persons."""
    shared = account is not None and is_shared(account, conditions.people_per_account)
    return shared or needs_approval(disbursement, conditions.approval_above)


def next_reference(context: Context, d: Disbursement) -> str:
    """Return the reference of the next attempt."""
    return context.attempt_reference(d.lane, d.participant_id, d.redeem_code, d.benefit, d.attempt + 1)


def payee_key(disbursement: Disbursement) -> PayeeKey:
    """Return the payee whose account a disbursement is paid into."""
    if disbursement.payee is Payee.PROVIDER:
        return (Payee.PROVIDER, disbursement.provider_id)
    return (Payee.PARTICIPANT, disbursement.participant_id)


async def load_payee_accounts(
    connection: Connection, disbursements: Sequence[Disbursement]
) -> dict[PayeeKey, PayeeAccount]:
    """Return the accounts of those payees who have one."""
    wanted = {payee_key(d) for d in disbursements}
    of_providers = await load_provider_accounts(connection, [i for payee, i in wanted if payee is Payee.PROVIDER])
    of_participants = await load_accounts(connection, [i for payee, i in wanted if payee is Payee.PARTICIPANT])
    return {(Payee.PROVIDER, i): account for i, account in of_providers.items()} | {
        (Payee.PARTICIPANT, i): account for i, account in of_participants.items()
    }


def _repeat_adopted(disbursement: Disbursement, attempt: Attempt, newest_version: int) -> AttemptPlan:
    if not attempt.is_only_adopted or attempt.amount != disbursement.amount:
        raise InvariantBroken(
            attempt.reference,
            f"it was instructed before a restore, and not for the next attempt of {' '.join(disbursement.key)}",
        )
    return AttemptPlan(disbursement, attempt.reference, attempt, newest_version)


def _plan_fresh(
    account: PayeeAccount | None,
    disbursement: Disbursement,
    conditions: PayoutConditions,
    opened: OpenedAccounts,
    *,
    approved: bool,
    blocked: bool,
    past_cut_off: bool,
    forfeited_before: bool,
) -> Hold | Cancel | Forfeit | Route:
    frozen, annulled = disbursement.frozen and not approved, disbursement.annulled is not None
    if annulled and not frozen and not forfeited_before:
        return Cancel(disbursement.partner)
    if past_cut_off and not frozen:
        return Forfeit(disbursement.partner)
    if blocked:
        return Hold(HoldReason.PARTICIPANT_BLOCKED, disbursement.partner)
    if annulled or past_cut_off:
        return Hold(HoldReason.NEEDS_APPROVAL, disbursement.partner)
    if account is None:
        return Hold(missing_account_reason(disbursement.payee))
    if reason := hold_reason(disbursement, account, conditions, approved=approved):
        return Hold(reason, account.partner)
    number = opened.number(KeptAccount(*payee_key(disbursement), account.partner, account.sealed))
    if number is None:
        return Hold(HoldReason.ACCOUNT_INVALID, account.partner)
    return Route(account.partner, account.version, number)
