"""What stands in the way of each disbursement, money apart, and to which account it would go."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from asyncpg import Connection

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, HoldReason, State
from services.payment.domain.fitness import Account, Terms, missing, next_attempt, obstacle, takes_approval
from services.payment.domain.reference import reference_of
from services.payment.domain.right import Payee
from services.payment.handlers import Context
from services.payment.handlers.sealing import Accounts
from services.payment.store.accounts import Kept, load_accounts
from services.payment.store.approvals import load_approvals, void_approvals
from services.payment.store.attempts import load_attempts
from services.payment.store.halts import load_halts
from services.payment.store.providers import load_provider_accounts
from shared.contracts.sealed import Secret
from shared.messaging.transaction import Transaction

PayeeKey = tuple[Payee, str]


class Obstacle(NamedTuple):
    """It is held. `partner`: where it would go, when that is known."""

    reason: HoldReason
    partner: str | None = None


class Route(NamedTuple):
    """Nothing but money stands between it and this account."""

    partner: str
    account_version: int
    number: Secret


class Plan(NamedTuple):
    """The next attempt of a disbursement. An `Attempt` for a way: our own topics hold this very reference already, and
    it goes exactly as it was said then, whatever has changed since. `newest_version`: of the payee's accounts, then."""

    disbursement: Disbursement
    reference: str
    way: Obstacle | Route | Attempt
    newest_version: int = 0

    @property
    def partner(self) -> str | None:
        return self.way.partner


async def plan(context: Context, tx: Transaction, disbursements: Sequence[Disbursement]) -> list[Plan]:
    """One plan for each, in the same order."""
    references = [next_reference(context, d) for d in disbursements]
    adopted = await load_attempts(tx.connection, references)
    accounts = await load_payees(tx.connection, disbursements)
    opened = Accounts(context.own)
    terms = Terms(tx.now, await load_halts(tx.connection), context.approval_above)
    approved = await _approved(tx, disbursements, accounts, terms)
    plans = []
    for disbursement, reference in zip(disbursements, references, strict=True):
        if reference in adopted:
            newest = accounts.get(payee_of(disbursement))
            plans.append(_as_it_was_said(disbursement, adopted[reference], newest.version if newest else 0))
        else:
            account, let_go = accounts.get(payee_of(disbursement)), disbursement.right in approved
            plans.append(Plan(disbursement, reference, _afresh(account, disbursement, terms, opened, let_go)))
    return plans


async def _approved(
    tx: Transaction, disbursements: Sequence[Disbursement], accounts: Mapping[PayeeKey, Account], terms: Terms
) -> set[tuple[str, str]]:
    """Return the rights whose next attempt was approved as it would be made now; of others the approval is void."""
    limit = terms.approval_above
    waiting = {d.right: d for d in disbursements if d.state is State.HELD and _is_an_operators(d, limit)}
    if not waiting:
        return set()
    approved = await load_approvals(tx.connection, waiting.values())
    wanted = {
        right: next_attempt(waiting[right], account)
        for right in approved
        if (account := accounts.get(payee_of(waiting[right])))
    }
    void = {right for right, known in approved.items() if wanted.get(right) != known.approval}
    await void_approvals(tx.connection, [waiting[right] for right in void])
    by_too_few = {r for r, known in approved.items() if takes_approval(waiting[r], limit) and not known.by_two}
    return approved.keys() - void - by_too_few


def _is_an_operators(disbursement: Disbursement, limit: int | None) -> bool:
    return disbursement.reason is HoldReason.PARTNER_REJECTED or takes_approval(disbursement, limit)


def next_reference(context: Context, disbursement: Disbursement) -> str:
    """Return the reference under which its next attempt goes."""
    return reference_of(
        context.reference_key,
        disbursement.lane,
        programme=context.programme,
        participant_id=disbursement.participant_id,
        redeem_code=disbursement.redeem_code,
        benefit=disbursement.benefit,
        attempt=disbursement.attempt + 1,
    )


def payee_of(disbursement: Disbursement) -> PayeeKey:
    """Return whose account pays it in."""
    if disbursement.payee is Payee.PROVIDER:
        return (Payee.PROVIDER, disbursement.provider_id)
    return (Payee.PARTICIPANT, disbursement.participant_id)


async def load_payees(connection: Connection, disbursements: Sequence[Disbursement]) -> dict[PayeeKey, Account]:
    """Return the accounts of the payees who have one."""
    wanted = {payee_of(d) for d in disbursements}
    of_providers = await load_provider_accounts(connection, [i for payee, i in wanted if payee is Payee.PROVIDER])
    of_participants = await load_accounts(connection, [i for payee, i in wanted if payee is Payee.PARTICIPANT])
    return {(Payee.PROVIDER, i): account for i, account in of_providers.items()} | {
        (Payee.PARTICIPANT, i): account for i, account in of_participants.items()
    }


def _as_it_was_said(disbursement: Disbursement, attempt: Attempt, newest_version: int) -> Plan:
    if not attempt.is_only_adopted or attempt.amount != disbursement.amount:
        raise ValueError(f"{attempt.reference} was not said for the next attempt of {disbursement.right}")
    return Plan(disbursement, attempt.reference, attempt, newest_version)


def _afresh(
    account: Account | None, disbursement: Disbursement, terms: Terms, opened: Accounts, approved: bool
) -> Obstacle | Route:
    if account is None:
        return Obstacle(missing(disbursement.payee))
    if reason := obstacle(disbursement, account, terms, approved=approved):
        return Obstacle(reason, account.partner)
    number = opened.number(Kept(*payee_of(disbursement), account.partner, account.sealed))
    if number is None:
        return Obstacle(HoldReason.ACCOUNT_INVALID, account.partner)
    return Route(account.partner, account.version, number)
