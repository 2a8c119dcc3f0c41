"""Payment of one participant in memory: the real domain, moved and seen from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.payment.domain import ledger
from services.payment.domain.attempt import Attempt, Report
from services.payment.domain.claim import ClaimState
from services.payment.domain.cures import Cure, reasons_cured_by
from services.payment.domain.disbursement import Disbursement, DisbursementKey, HoldReason, State
from services.payment.domain.eligibility import ALL_PARTNERS, PayeeAccount, account_hold_reason, needs_approval
from services.payment.domain.entitlement import Component, Entitlement, Payee
from tests.model.disbursement.known import RETRY_AFTER
from tests.model.disbursement.subject import Account, Instructed, Key, Moved, Said, Seen, Standing, Training
from tests.model.rules.facts import WAVE, Fact
from tests.model.rules.partners import Partners
from tests.model.rules.payment import PaymentModel
from tests.model.rules.payouts import Payouts
from tests.model.rules.reports import receive


class SilentPartners(Partners):
    """Partners that say nothing by themselves; a test reports for them."""

    def take(self, attempt: Attempt, key: DisbursementKey) -> None:
        pass


class Promised(NamedTuple):
    entitlements: Sequence[Entitlement]
    clawback_days: int = 60


def promised(training: Training) -> Promised:
    fee = Entitlement("fee", training.fee, Payee.PROVIDER, "completed", first_training_only=False)
    cash = Entitlement("incentive_1", training.incentive, Payee.PARTICIPANT, "rated", first_training_only=True)
    return Promised((fee, cash))


class InMemory:
    """Payment around its real domain, with a fund that is empty at first and a provider without an account."""

    def __init__(self, trainings: Sequence[Training], limit: int) -> None:
        self.payouts = Payouts(SilentPartners({}), appropriated=0, approval_above=limit, retry_after=RETRY_AFTER)
        self.payouts.provider_account = None
        self.payment = PaymentModel({one.code: promised(one) for one in trainings}, self.payouts)

    def tell_time(self, now: datetime) -> None:
        self.payouts.now = now

    def read(self, fact: Fact) -> None:
        self.payment.read([fact])

    def link(self, _person: str, account: Account, at: datetime) -> None:
        version = int(at.timestamp())
        self.payment.link(PayeeAccount(account.partner, account.number, version, account.fit, account.fit))

    def register(self, account: Account, version: int) -> None:
        self.payouts.provider_account = PayeeAccount(account.partner, account.number, version)

    def appropriate(self, component: str, amount: int) -> None:
        self.payouts.post(ledger.appropriate(WAVE, Component(component), amount))

    def report(self, said: Said) -> None:
        report = Report(said.reference, said.status, said.amount, said.reason, None, said.at)
        receive(self.payouts, report, said.partner)

    def approve(self, key: Key, people: Sequence[str]) -> bool:
        known = self.payouts.disbursements[key]
        ends = known.annulled is not None or self.payouts.is_cut_off
        approvable = reasons_cured_by(Cure.APPROVAL)
        if ends and known.frozen:
            approvable |= {HoldReason.PARTICIPANT_BLOCKED}
        account = self.payouts.account_of(known)
        if known.state is not State.HELD or known.reason not in approvable or account is None:
            return False
        if account_hold_reason(known, account, approved=True) and not ends:
            return False
        if needs_approval(known, self.payouts.approval_above) and len(set(people)) < 2:
            return False
        self.payouts.approve(known)
        return True

    def confirm(self, reference: str, people: Sequence[str]) -> bool:
        attempt = self.payouts.attempts[reference]
        known = self._disbursement(attempt)
        claim = self.payouts.standing_claim(reference)
        came_back = attempt.returned_at is not None or (claim is not None and claim.state is ClaimState.REPAID)
        if known.state is not State.HELD or not known.frozen or came_back or len(set(people)) < 2:
            return False
        self.payouts.confirm(known, attempt)
        return True

    def _disbursement(self, attempt: Attempt) -> Disbursement:
        return self.payouts.disbursements[str(attempt.redeem_code), str(attempt.benefit)]

    def repay(self, reference: str) -> bool:
        claim = self.payouts.standing_claim(reference)
        if claim is None or claim.state is not ClaimState.OPEN:
            return False
        self.payouts.repay(claim, "SSBP-1")
        return True

    def halt(self, scope: str | None) -> None:
        self.payouts.halts.add(scope or ALL_PARTNERS)

    def resume(self, scope: str | None) -> None:
        self.payouts.halts.discard(scope or ALL_PARTNERS)

    def sweep(self) -> None:
        self.payouts.pay(self.payouts.held)
        self.payouts.retry()
        self.payouts.return_unused()

    def cut_off(self) -> None:
        self.payouts.cut_off()

    def seen(self) -> Seen:
        payouts = self.payouts
        return Seen(
            [
                Instructed(one.reference, one.partner, one.amount, one.account, self._disbursement(one).key)
                for one in payouts.attempts.values()
            ],
            {key: Standing(d.state, d.reason, d.frozen, d.attempt) for key, d in payouts.disbursements.items()},
            [Moved(one.component, *one[3:]) for one in payouts.postings],
            payouts.told,
        )

    def breaches(self) -> list[str]:
        return []
