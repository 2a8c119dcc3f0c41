"""Payment of one participant's benefits in memory: the real domain decides, and what comes too early waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.payment.domain import entitlement
from services.payment.domain.block import Block
from services.payment.domain.claim import ClaimState, is_block_over
from services.payment.domain.disbursement import FINAL, Disbursement, HoldReason, State, annul, fall_due
from services.payment.domain.eligibility import PayeeAccount
from services.payment.domain.entitlement import (
    Annulment,
    EarnedEntitlement,
    Enrollment,
    Entitlement,
    Grant,
    Payee,
    earned_once_per_participant,
    newly_earned,
)
from services.payment.domain.reason_codes import hold_again
from services.payment.domain.series import MonthlyDue, earned_by_month, monthly_dues
from tests.model.rules.facts import NOW, PERSON, PROVIDER, WAVE, Fact
from tests.model.rules.payouts import Payouts


class Promise(Protocol):
    """Benefits of a training, and the days after which a claim on what was paid for it is due."""

    @property
    def entitlements(self) -> Sequence[Entitlement]: ...

    @property
    def clawback_days(self) -> int: ...


CAUSES_FIRST = ("confirmed", "voided", "block", "unblock", "erasure", "account", "completed", "rated", "survey")


@dataclass
class PaymentModel:
    """Rights of one participant, and the payouts that follow from them."""

    terms: Mapping[str, Promise]
    payouts: Payouts
    dues: list[MonthlyDue] = field(default_factory=list)
    waiting: list[Fact] = field(default_factory=list)

    @property
    def enrollments(self) -> dict[str, Enrollment]:
        return self.payouts.enrollments

    def read(self, batch: Iterable[Fact]) -> None:
        """Take a batch as one moment, causes before effects; facts about an unknown training wait for it."""
        order = [*self.waiting, *batch]
        order.sort(key=lambda fact: CAUSES_FIRST.index(fact.kind) if fact.kind in CAUSES_FIRST else 99)
        self.waiting = []
        for fact in order:
            if fact.kind == "confirmed":
                self.enrollments.setdefault(fact.code, _enrollment(fact.code, self.terms[fact.code]))
        self._annul([fact for fact in order if fact.kind == "voided"])
        for fact in order:
            self._note(fact)
        self._reach([fact for fact in order if fact.kind in ("completed", "rated", "survey")])
        self._annul([fact for fact in order if fact.kind == "revoked"])

    def _note(self, fact: Fact) -> None:
        match fact.kind:
            case "block" | "unblock":
                self._block(Block(fact.at, fact.kind == "block"))
            case "erasure":
                self._erase()
            case "account":
                self.link(PayeeAccount("gopay", fact.id, int(fact.at.timestamp())))

    def link(self, account: PayeeAccount) -> None:
        known = self.payouts.account
        if known is None or account.version > known.version:
            self.payouts.account = account
            self.payouts.pay(d for d in self.payouts.held if d.payee is Payee.PARTICIPANT)

    def _erase(self) -> None:
        """Cancel what is held and mark what is at a partner; what was paid stays."""
        payouts = self.payouts
        payouts.is_erased = True
        self._mark(payouts.disbursements.values(), Annulment.ERASED)
        payouts.pay(payouts.held)

    def _block(self, new: Block) -> None:
        payouts = self.payouts
        if new in payouts.blocks:
            return
        payouts.blocks.append(new)
        held = payouts.held
        if not payouts.is_blocked:
            held = [self._freed(d) if d.reason is HoldReason.PARTICIPANT_BLOCKED else d for d in held]
        payouts.pay(held)
        if payouts.is_blocked:
            payouts.claim([p for p in payouts.payments if p.disbursement.payee is Payee.PARTICIPANT])
        standing = [one for one in payouts.claims if one.state is ClaimState.OPEN]
        payouts.withdraw([one for one in standing if is_block_over(one, payouts.blocks)])

    def _freed(self, known: Disbursement) -> Disbursement:
        attempt = self.payouts.attempts.get(str(known.reference))
        return hold_again(known, attempt.reason if attempt else None, self.payouts.now + self.payouts.retry_after)

    def _reach(self, facts: Sequence[Fact]) -> None:
        before = dict(self.enrollments)
        earned: list[EarnedEntitlement] = []
        for fact in facts:
            known = self.enrollments.get(fact.code)
            if known is None:
                self.waiting.append(fact)
                continue
            self.enrollments[fact.code] = reached = _with_milestone(known, fact)
            earned += [(reached, one) for one in newly_earned(known, reached)]
        if self.enrollments == before:
            return
        standing = [one for one in earned if not one[0].is_annulled]
        due = [one for one in standing if not one[1].first_training_only]
        self._fall_due(due + self._earned_once({one.benefit for _, one in standing if one.first_training_only}))

    def _earned_once(self, benefits: set[str]) -> list[EarnedEntitlement]:
        earned = earned_once_per_participant(self.enrollments.values(), self._grants(), {})
        return [one for one in earned if one[1].benefit in benefits]

    def _grants(self) -> list[Grant]:
        return [
            Grant(d.redeem_code, d.benefit, d.state is not State.CANCELLED or d.attempt > 0)
            for d in self.payouts.disbursements.values()
            if d.payee is Payee.PARTICIPANT
        ]

    def _fall_due(self, earned: Sequence[EarnedEntitlement]) -> None:
        self.dues += [due for one in earned for due in monthly_dues(one)]
        self.payouts.pay([fall_due(*one, self.payouts.now) for one in earned])

    def _annul(self, facts: Iterable[Fact]) -> None:
        annulled = set[str]()
        for fact in facts:
            known = self.enrollments.get(fact.code)
            if known is None:
                self.waiting.append(fact)
                continue
            change = entitlement.void if fact.kind == "voided" else entitlement.revoke
            self.enrollments[fact.code] = change(known, fact.at)
            if not known.is_annulled:
                annulled.add(fact.code)
        for code in annulled:
            self._end(code)

    def _end(self, code: str) -> None:
        """Cancel what is held of a training, claim what was paid, and let the once-only benefits go to another one."""
        payouts, annulment = self.payouts, self.payouts.annulment(code)
        assert annulment is not None
        self._mark([d for d in payouts.disbursements.values() if d.redeem_code == code], annulment)
        payouts.pay([d for d in payouts.held if d.redeem_code == code])
        payouts.claim([p for p in payouts.payments if p.disbursement.redeem_code == code])
        self._fall_due(
            self._earned_once({it.benefit for it in self.enrollments[code].entitlements if it.first_training_only})
        )

    def _mark(self, disbursements: Iterable[Disbursement], annulment: Annulment) -> None:
        unpaid = [d for d in disbursements if d.state not in FINAL]
        self.payouts.disbursements.update({d.key: annul(d, annulment) for d in unpaid})

    def sweep(self) -> None:
        """Let fall due what the clock brings: every month of every series is over."""
        dues, self.dues = self.dues, []
        for due in sorted(dues):
            one = earned_by_month(self.enrollments[due.redeem_code], due.benefit, self._grants(), {})
            if one is not None and not one[0].is_annulled:
                self._fall_due([one])

    def kept(self) -> dict[tuple[str, str], int]:
        """Return what was paid and is not claimed back, by benefit."""
        payouts = self.payouts
        paid = [payment.disbursement for payment in payouts.payments]
        return {d.key: d.amount for d in paid if payouts.standing_claim(str(d.reference)) is None}


def _with_milestone(enrollment: Enrollment, fact: Fact) -> Enrollment:
    match fact.kind:
        case "completed":
            return entitlement.complete(enrollment, fact.at, noted_at=NOW)
        case "rated":
            return entitlement.rate(enrollment, fact.at)
        case _:
            return entitlement.answer_survey(enrollment, f"survey_{fact.number}", fact.at)


def _enrollment(code: str, terms: Promise) -> Enrollment:
    return Enrollment(code, PERSON, 0, WAVE, PROVIDER, terms.entitlements, clawback_days=terms.clawback_days)
