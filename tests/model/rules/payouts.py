"""Payouts of one participant in memory: what is paid, held, cancelled, forfeited and claimed, and the postings."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.payment.domain import ledger
from services.payment.domain.attempt import Attempt, Contradiction
from services.payment.domain.block import Block, blocked_since
from services.payment.domain.claim import (
    Claim,
    ClaimReason,
    ClaimState,
    DoublePayment,
    Payment,
    claim_on,
    claim_on_double,
    is_paid_while_blocked,
    repay,
    replaces,
    withdraw,
)
from services.payment.domain.disbursement import (
    FINAL,
    Disbursement,
    DisbursementKey,
    HoldReason,
    State,
    annul,
    cancel,
    confirm,
    forfeit,
    freeze,
    hold,
    instruct,
)
from services.payment.domain.eligibility import (
    Approval,
    PayeeAccount,
    PayoutConditions,
    hold_reason,
    missing_account_reason,
    required_approval,
)
from services.payment.domain.entitlement import Annulment, Component, Enrollment, Payee, annulment_of
from services.payment.domain.funds import affordable
from tests.model.rules.facts import NOW, PROVIDER_ACCOUNT, WAVE
from tests.model.rules.partners import Partners

OF_PROVIDER = PayeeAccount("bni", PROVIDER_ACCOUNT, 1)
APPROPRIATED = 10**9


@dataclass
class Payouts:
    """Disbursements, attempts, claims and postings, and all that decides about them.

    `books`: balances by component. `told`: the states that are announced, in order. `appropriated`: of each component.
    """

    partners: Partners
    appropriated: int = APPROPRIATED
    approval_above: int | None = None
    retry_after: timedelta = timedelta()
    now: datetime = NOW
    halts: set[str] = field(default_factory=set)
    enrollments: dict[str, Enrollment] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    account: PayeeAccount | None = None
    provider_account: PayeeAccount | None = OF_PROVIDER
    is_erased: bool = False
    is_cut_off: bool = False
    disbursements: dict[DisbursementKey, Disbursement] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    settled_at: dict[DisbursementKey, datetime] = field(default_factory=dict)
    approvals: defaultdict[DisbursementKey, dict[int, Approval]] = field(default_factory=lambda: defaultdict(dict))
    contradictions: list[Contradiction] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    books: Counter[tuple[Component, str]] = field(default_factory=Counter)
    postings: list[ledger.Posting] = field(default_factory=list)
    told: list[tuple[DisbursementKey, State]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for component in Component if self.appropriated else ():
            self.post(ledger.appropriate(WAVE, component, self.appropriated))

    @property
    def is_blocked(self) -> bool:
        return blocked_since(self.blocks) is not None

    @property
    def held(self) -> list[Disbursement]:
        return [d for d in self.disbursements.values() if d.state is State.HELD]

    @property
    def payments(self) -> list[Payment]:
        paid = [d for d in self.disbursements.values() if d.state is State.SETTLED]
        return [Payment(d, self.settled_at[d.key]) for d in paid]

    def pay(self, disbursements: Iterable[Disbursement], *, reports_are_read: bool = False) -> None:
        """Decide about disbursements, the oldest first; another attempt is made once all reports are read."""
        for known in sorted(disbursements, key=lambda d: d.age):
            assert known.state is not State.DUE or known.key not in self.disbursements, "a right falls due twice"
            marked = annul(known, Annulment.ERASED) if self.is_erased else known
            self.keep(self._decide(marked, reports_are_read=reports_are_read))

    def keep(self, known: Disbursement) -> None:
        """Store a disbursement, and announce its state if that has changed."""
        before = self.disbursements.get(known.key)
        if before is None:
            self.told.append((known.key, State.DUE))
        if before is None or (before.state, before.reason) != (known.state, known.reason):
            self.told.append((known.key, known.state))
        self.disbursements[known.key] = known

    def account_of(self, known: Disbursement) -> PayeeAccount | None:
        return self.provider_account if known.payee is Payee.PROVIDER else self.account

    def _decide(self, known: Disbursement, *, reports_are_read: bool) -> Disbursement:
        account = self.account_of(known)
        approval = self.approvals[known.key].get(known.attempt + 1)
        approved = account is not None and approval == required_approval(known, account)
        ends, needs_person = known.annulled is not None or self.is_cut_off, known.frozen and not approved
        if ends and not needs_person:
            return cancel(known) if known.annulled is not None else forfeit(known)
        if self.is_blocked:
            return hold(known, HoldReason.PARTICIPANT_BLOCKED)
        if ends:
            return hold(known, HoldReason.NEEDS_APPROVAL)
        if account is None:
            return hold(known, missing_account_reason(known.payee))
        conditions = PayoutConditions(self.now, self.halts, self.approval_above)
        if reason := hold_reason(known, account, conditions, approved=approved):
            paused = reason is HoldReason.PARTNER_PAUSED
            return hold(known, reason, next_check_at=known.next_check_at if paused else None)
        if known.reason is not None and known.attempt > 0 and not reports_are_read:
            return hold(known, known.reason, next_check_at=self.now)
        if not self._is_affordable(known):
            return hold(known, HoldReason.NO_FUNDS)
        return self._instruct(known, account)

    def _is_affordable(self, known: Disbursement) -> bool:
        """Return True if there is money for a disbursement, and for all older ones that wait for money."""
        waiting = [d for d in self.held if d.reason is HoldReason.NO_FUNDS and d.component is known.component]
        amounts = [*(d.amount for d in waiting if d.age < known.age), known.amount]
        return affordable(amounts, self.books[known.component, ledger.APPROPRIATION])[0] == len(amounts)

    def _instruct(self, known: Disbursement, account: PayeeAccount) -> Disbursement:
        assert not self.is_cut_off, "money goes out past the cut-off"
        reference = f"{known.redeem_code}-{known.benefit}-{known.attempt + 1}"
        now = instruct(known, reference, account.partner, account.version, self.now)
        times = (self.now, self.now)
        attempt = Attempt(reference, 0, account.partner, now.amount, account.sealed, *times, *now.key, now.attempt)
        self.attempts[reference] = attempt
        self.partners.take(attempt, now.key)
        self.post(self._allot(now), ledger.instruct(now))
        return now

    def retry(self) -> bool:
        """Make the attempts that waited until the reports on those before were read; return True if there were any."""
        queued = [d for d in self.held if d.retry_at is not None and d.retry_at <= self.now]
        self.pay(queued, reports_are_read=True)
        return bool(queued)

    def contradict(self, contradiction: Contradiction) -> None:
        """Freeze a disbursement whose partner contradicts itself, unless it is final."""
        self.contradictions.append(contradiction)
        known = self.disbursements[contradiction.disbursement_key]
        if known.state not in FINAL:
            self.freeze(known)

    def freeze(self, known: Disbursement) -> None:
        self.keep(freeze(known))
        self.approvals[known.key].pop(known.attempt + 1, None)

    def approve(self, known: Disbursement) -> None:
        """Approve another attempt of a frozen disbursement, and make it."""
        account = self.account_of(known)
        assert account is not None
        self.approvals[known.key][known.attempt + 1] = required_approval(known, account)
        self.pay([known], reports_are_read=True)

    def confirm(self, known: Disbursement, attempt: Attempt) -> None:
        """Post that a frozen disbursement was paid under a reference that its partner had rejected."""
        paid = confirm(known, attempt.reference, attempt.partner)
        self.approvals[known.key].pop(known.attempt + 1, None)
        self.post(self._allot(paid), ledger.instruct(paid), ledger.settle(paid))
        said = [one.report for one in self.contradictions if one.report[:3] == (paid.reference, "settled", paid.amount)]
        at = said[0].reported_at if said else self.now
        self.attempts[attempt.reference] = attempt._replace(settled_at=at)
        self.note_settled(paid, at)
        self.claim_doubles(known.key)

    def note_settled(self, paid: Disbursement, at: datetime) -> None:
        """Store a payment, and claim it if it was made in vain."""
        self.keep(paid)
        self.settled_at[paid.key] = at
        payment = Payment(paid, at)
        if paid.annulled is not None or is_paid_while_blocked(payment, self.blocks):
            self.claim([payment])

    def claim(self, payments: Sequence[Payment]) -> None:
        """Claim each payment that was made in vain, unless one on its reference is open that stays."""
        for payment in payments:
            d = payment.disbursement
            earlier = self._claims_on(str(d.reference))
            claim = claim_on(payment, self.enrollments[d.redeem_code], self.blocks, number=len(earlier) + 1)
            standing = [one for one in earlier if one.state is not ClaimState.WITHDRAWN]
            if claim is not None and all(replaces(claim, one) for one in standing):
                self.withdraw(standing)
                self.claims.append(claim)
                self.post(ledger.claim(d))

    def claim_doubles(self, key: DisbursementKey) -> None:
        """Claim what partners say they have paid of a settled disbursement under another reference as well.

        Two persons who approved an attempt since then have said that it was not paid.
        """
        known = self.disbursements[key]
        said = [one for one in self.contradictions if one.disbursement_key == key and one.report.status == "settled"]
        for one in said if known.state is State.SETTLED else ():
            attempt, earlier = self.attempts[one.report.reference], self._claims_on(one.report.reference)
            standing = [claim for claim in earlier if claim.state is not ClaimState.WITHDRAWN]
            misstated = one.report.amount != attempt.amount or one.partner != attempt.partner
            denied = any(approved > one.attempt for approved in self.approvals[key])
            settled = attempt.reference == known.reference or attempt.returned_at is not None or standing
            if settled or misstated or denied:
                continue
            paid = known._replace(reference=attempt.reference, partner=attempt.partner, attempt=attempt.number or 0)
            double = DoublePayment(Payment(paid, one.report.reported_at), self.settled_at[key])
            enrollment, number = self.enrollments[key[0]], len(earlier) + 1
            self.claims.append(claim_on_double(double, enrollment, number=number))
            self.post(self._allot(paid), ledger.instruct(paid), ledger.settle(paid), ledger.claim(paid))

    def withdraw(self, claims: Iterable[Claim]) -> None:
        """Withdraw claims; a double payment is booked back besides."""
        for claim in claims:
            self.claims[self.claims.index(claim)] = withdraw(claim)
            self.post(ledger.withdraw(claim.disbursement))
            if claim.reason is ClaimReason.CONTRADICTED:
                self.post(*ledger.book_back(claim.disbursement))
                self.give_back(claim.disbursement)

    def repay(self, known: Claim, document: str) -> None:
        """Post that an open claim was repaid to the treasury."""
        self.claims[self.claims.index(known)] = repay(known, document)
        self.post(ledger.repay(known.disbursement))

    def standing_claim(self, reference: str) -> Claim | None:
        return next((one for one in self._claims_on(reference) if one.state is not ClaimState.WITHDRAWN), None)

    def _claims_on(self, reference: str) -> list[Claim]:
        return [claim for claim in self.claims if claim.disbursement.reference == reference]

    def annulment(self, redeem_code: str) -> Annulment | None:
        """Return what ended the right of a training, or that its participant was erased."""
        found = annulment_of(self.enrollments[redeem_code])
        return found[0] if found else Annulment.ERASED if self.is_erased else None

    def cut_off(self) -> None:
        """Forfeit what is held, and return unused money to the treasury, but for what is frozen."""
        self.is_cut_off = True
        self.pay(self.held)
        self.return_unused()

    def return_unused(self) -> None:
        for component in Component if self.is_cut_off else ():
            frozen = sum(d.amount for d in self.held if d.component is component)
            unused = self.books[component, ledger.APPROPRIATION] - frozen
            if unused > 0:
                self.post(ledger.return_to_treasury(WAVE, component, unused))

    def _allot(self, d: Disbursement) -> ledger.Posting:
        return ledger.allot(0, WAVE, d.component, d.amount)

    def give_back(self, d: Disbursement) -> None:
        """Return the money of an attempt that failed to its fund."""
        self.post(ledger.return_to_fund(0, WAVE, d.component, d.amount))

    def post(self, *postings: ledger.Posting) -> None:
        self.postings += postings
        for posting in postings:
            self.books[posting.component, posting.debit] += posting.amount
            self.books[posting.component, posting.credit] -= posting.amount
