"""Payment of one participant's benefits in memory: the real domain decides, and what comes too early waits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.payment.domain import entitlement, ledger
from services.payment.domain.block import Block, blocked_since
from services.payment.domain.claim import (
    Claim,
    ClaimState,
    Payment,
    claim_on,
    is_block_over,
    is_paid_while_blocked,
    replaces,
    withdraw,
)
from services.payment.domain.disbursement import (
    AT_THE_PARTNER,
    Disbursement,
    DisbursementKey,
    HoldReason,
    State,
    annul,
    cancel,
    fall_due,
    hold,
    instruct,
    settle,
)
from services.payment.domain.eligibility import PayeeAccount, PayoutConditions, hold_reason, missing_account_reason
from services.payment.domain.entitlement import (
    EarnedEntitlement,
    Enrollment,
    Grant,
    Payee,
    annulment_of,
    earned_once_per_participant,
    newly_earned,
)
from services.payment.domain.reason_codes import hold_again
from services.payment.domain.series import MonthlyDue, earned_by_month, monthly_dues
from tests.model.rules.facts import NOW, PERSON, PROVIDER, WAVE, Fact, Terms

CAUSES_FIRST = ("confirmed", "account", "block", "unblock", "voided")
ANNULLING = ("voided", "revoked")
CONDITIONS = PayoutConditions(NOW, (), None)
PROVIDER_ACCOUNT = PayeeAccount("bni", "sealed", 1)


@dataclass
class PaymentModel:
    """Disbursements, claims and postings of one participant."""

    terms: Mapping[str, Terms]
    enrollments: dict[str, Enrollment] = field(default_factory=dict)
    disbursements: dict[DisbursementKey, Disbursement] = field(default_factory=dict)
    paid: dict[DisbursementKey, Payment] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    dues: list[MonthlyDue] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    account: PayeeAccount | None = None
    waiting: list[Fact] = field(default_factory=list)
    books: Counter[str] = field(default_factory=Counter)

    def read(self, batch: Iterable[Fact]) -> None:
        """Take a batch as one moment, causes before effects; facts about an unknown training wait for it."""
        order = [*self.waiting, *batch]
        order.sort(key=lambda fact: CAUSES_FIRST.index(fact.kind) if fact.kind in CAUSES_FIRST else 99)
        self.waiting = []
        for fact in order:
            if fact.kind in ("confirmed", "account", "block", "unblock"):
                self._note(fact)
        self._annul([fact for fact in order if fact.kind == "voided"])
        self._reach([fact for fact in order if fact.kind in ("completed", "rated", "survey")])
        self._annul([fact for fact in order if fact.kind == "revoked"])

    def _note(self, fact: Fact) -> None:
        match fact.kind:
            case "confirmed":
                self.enrollments.setdefault(fact.code, _enrollment(fact.code, self.terms[fact.code]))
            case "account":
                version = int(fact.at.timestamp())
                if self.account is None or version > self.account.version:
                    self.account = PayeeAccount("gopay", "sealed", version)
                    self._pay(self._held())
            case "block" | "unblock":
                self._block(Block(fact.at, fact.kind == "block"))

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
            for d in self.disbursements.values()
            if d.payee is Payee.PARTICIPANT
        ]

    def _fall_due(self, earned: Sequence[EarnedEntitlement]) -> None:
        self.dues += [due for one in earned for due in monthly_dues(one)]
        self._pay([fall_due(*one, NOW) for one in earned])

    def _pay(self, disbursements: Iterable[Disbursement]) -> None:
        for known in sorted(disbursements, key=lambda d: d.age):
            assert known.state is not State.DUE or known.key not in self.disbursements, "a right falls due twice"
            self.disbursements[known.key] = self._attempt(known)

    def _attempt(self, known: Disbursement) -> Disbursement:
        account = PROVIDER_ACCOUNT if known.payee is Payee.PROVIDER else self.account
        if known.annulled is not None:
            return cancel(known if known.state is State.HELD else hold(known, HoldReason.NO_ACCOUNT))
        if self.is_blocked:
            return hold(known, HoldReason.PARTICIPANT_BLOCKED)
        if account is None:
            return hold(known, missing_account_reason(known.payee))
        if reason := hold_reason(known, account, CONDITIONS):
            return hold(known, reason)
        reference = f"{known.redeem_code}-{known.benefit}-{known.attempt + 1}"
        instructed = instruct(known, reference, account.partner, account.version, NOW)
        self._post(ledger.allot(0, WAVE, known.component, known.amount), ledger.instruct(instructed))
        return instructed

    def _held(self) -> list[Disbursement]:
        return [d for d in self.disbursements.values() if d.state is State.HELD]

    def _annul(self, facts: Iterable[Fact]) -> None:
        annulled = dict[str, Enrollment]()
        for fact in facts:
            known = self.enrollments.get(fact.code)
            if known is None:
                self.waiting.append(fact)
                continue
            change = entitlement.void if fact.kind == "voided" else entitlement.revoke
            self.enrollments[fact.code] = change(known, fact.at)
            if not known.is_annulled:
                annulled[fact.code] = self.enrollments[fact.code]
        for code, one in annulled.items():
            self._end(code, one)

    def _end(self, code: str, enrollment: Enrollment) -> None:
        annulment = annulment_of(enrollment)
        assert annulment is not None
        for key, known in self.disbursements.items():
            if known.redeem_code == code:
                self.disbursements[key] = annul(known, annulment[0])
        self._pay([d for d in self._held() if d.redeem_code == code])
        self._claim([p for p in self.paid.values() if p.disbursement.redeem_code == code])
        lost = {one.benefit for one in enrollment.entitlements if one.first_training_only}
        self._fall_due(self._earned_once(lost))

    @property
    def is_blocked(self) -> bool:
        return blocked_since(self.blocks) is not None

    def _block(self, new: Block) -> None:
        if new in self.blocks:
            return
        self.blocks.append(new)
        held = self._held()
        if not self.is_blocked:
            held = [hold_again(d, None, NOW) if d.reason is HoldReason.PARTICIPANT_BLOCKED else d for d in held]
        self._pay(held)
        if self.is_blocked:
            self._claim([p for p in self.paid.values() if p.disbursement.payee is Payee.PARTICIPANT])
        for number, claim in enumerate(self.claims):
            if claim.state is ClaimState.OPEN and is_block_over(claim, self.blocks):
                self.claims[number] = withdraw(claim)
                self._post(ledger.withdraw(claim.disbursement))

    def _claim(self, payments: Iterable[Payment]) -> None:
        for payment in payments:
            d = payment.disbursement
            earlier = [one for one in self.claims if one.disbursement.reference == d.reference]
            claim = claim_on(payment, self.enrollments[d.redeem_code], self.blocks, number=len(earlier) + 1)
            standing = [one for one in earlier if one.state is not ClaimState.WITHDRAWN]
            if claim is None or not all(replaces(claim, one) for one in standing):
                continue
            for one in standing:
                self.claims[self.claims.index(one)] = withdraw(one)
                self._post(ledger.withdraw(d))
            self.claims.append(claim)
            self._post(ledger.claim(d))

    def settle(self) -> None:
        """Let the partners pay all that they were instructed to, at the time at which everything is read."""
        for key, known in list(self.disbursements.items()):
            if known.state in AT_THE_PARTNER:
                self.disbursements[key] = settled = settle(known)
                self.paid[key] = payment = Payment(settled, NOW)
                self._post(ledger.settle(known))
                if settled.annulled is not None or is_paid_while_blocked(payment, self.blocks):
                    self._claim([payment])

    def sweep(self) -> None:
        """Let fall due what the clock brings: every month of every series is over."""
        dues, self.dues = self.dues, []
        for due in sorted(dues):
            one = earned_by_month(self.enrollments[due.redeem_code], due.benefit, self._grants(), {})
            if one is not None and not one[0].is_annulled:
                self._fall_due([one])

    def kept(self) -> dict[DisbursementKey, int]:
        """Return what was paid and is not claimed back, by benefit."""
        back = {one.disbursement.key for one in self.claims if one.state is ClaimState.OPEN}
        return {key: p.disbursement.amount for key, p in self.paid.items() if key not in back}

    def _post(self, *postings: ledger.Posting) -> None:
        for posting in postings:
            self.books[posting.debit] += posting.amount
            self.books[posting.credit] -= posting.amount


def _with_milestone(enrollment: Enrollment, fact: Fact) -> Enrollment:
    match fact.kind:
        case "completed":
            return entitlement.complete(enrollment, fact.at, noted_at=NOW)
        case "rated":
            return entitlement.rate(enrollment, fact.at)
        case _:
            return entitlement.answer_survey(enrollment, f"survey_{fact.number}", fact.at)


def _enrollment(code: str, terms: Terms) -> Enrollment:
    return Enrollment(code, PERSON, 0, WAVE, PROVIDER, terms.entitlements, clawback_days=terms.clawback_days)
