"""State machine: what people, partners and operators may do to disbursements, in any order, and the oracle's judgement.

A new kind of report, halt or hold becomes a rule here, a request in `subject.py`, and what the oracle must know of it.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.disbursement.known import CURES, Approved, Attempt, Promise
from tests.model.disbursement.oracle import Oracle
from tests.model.disbursement.subject import ANI, BUDI, Account, Key, Said, Subject, Training
from tests.model.rules.facts import Fact

LIMIT = 2_000_000
PERSON = "4810000000000017"
TRAININGS = (
    Training("PRAT00000001", PERSON, 1_500_000, 600_000),
    Training("PRAT00000002", PERSON, LIMIT + 1, 600_000),
)
START = datetime.fromisoformat("2024-06-01T00:00:00+00:00")
CUT_OFF = START + timedelta(days=60)
OF_CASH, OF_PROVIDERS = ("gopay", "dana"), ("bni", "dana")
PARTNERS = ("gopay", "bni", "dana")
EVERYBODY = (ANI, BUDI)
LOTS = 10**8
ROUNDS = 20
A_WHILE = 8
"""Steps before anything ends that cannot be begun again."""

codes = st.sampled_from([one.code for one in TRAININGS])
numbers = st.integers(0, 20)
reasons = st.sampled_from(["AC04", "AC04", "AB05", "AB05", *CURES])
people = st.sampled_from([EVERYBODY, EVERYBODY, EVERYBODY, (ANI,), (ANI, ANI)])
scopes = st.sampled_from([None, *PARTNERS])
sometimes = st.sampled_from([False, False, True])
seldom = st.sampled_from([*[False] * 7, True])


class Disbursements(RuleBasedStateMachine):
    """Play with payment, and compare it with the oracle after each step. A subclass makes the subject."""

    trainings: Sequence[Training] = TRAININGS
    start = START
    cut_off_at = CUT_OFF

    def __init__(self) -> None:
        super().__init__()
        self.subject = self.make_subject()
        self.is_judged = False
        self.now = self.start
        self.oracle = Oracle(LIMIT, self.now)
        for training in self.trainings:
            self.oracle.promises[training.code] = Promise(training)
        self.reports: list[Said] = []
        self.versions = 0

    @abstractmethod
    def make_subject(self) -> Subject:
        """Return payment as it is before the first step."""

    @property
    def attempts(self) -> Sequence[Attempt]:
        return list(self.oracle.attempts.values())

    @initialize(ready=st.integers(0, 5), money=st.sampled_from([1_500_000, 4_000_000]))
    def begins(self, ready: int, money: int) -> None:
        """Begin with all that a payment takes, as a rule, and else with nothing."""
        if ready:
            for component, amount in (("training", money), ("incentive", 600_000)):
                self._appropriate(component, amount)
            self._register("bni")
            self._link("gopay")
            for code in [one.code for one in TRAININGS][: 1 + ready % 2]:
                for kind in ("confirmed", "completed", "rated"):
                    self._tell(kind, code)

    @rule(code=codes, kind=st.sampled_from(["confirmed", "completed", "rated"]))
    def earns(self, code: str, kind: str) -> None:
        self._tell(kind, code)

    @rule(partner=st.sampled_from(OF_CASH), fit=st.sampled_from([True, True, False]))
    def links(self, partner: str, fit: bool) -> None:
        self._link(partner, fit=fit)

    @rule(partner=st.sampled_from(OF_PROVIDERS))
    def registers(self, partner: str) -> None:
        self._register(partner)

    @rule(component=st.sampled_from(["training", "incentive"]), amount=st.sampled_from([600_000, 3_000_000]))
    def appropriates(self, component: str, amount: int) -> None:
        self._appropriate(component, amount)

    @rule(hours=st.sampled_from([0, 0, 2, 30]))
    def time_passes(self, hours: int) -> None:
        self._go_on(hours)
        self.subject.sweep()
        self._judge()

    @precondition(lambda self: self.oracle.attempts)
    @rule(number=numbers, status=st.sampled_from(["accepted", "settled"]))
    def is_paid(self, number: int, status: str) -> None:
        self._report(self._open_or_any(number), status)

    @precondition(lambda self: self.oracle.attempts)
    @rule(number=numbers, reason=reasons)
    def is_rejected(self, number: int, reason: str) -> None:
        self._report(self._open_or_any(number), "rejected", reason)

    @precondition(lambda self: self.oracle.attempts)
    @rule(number=numbers, reason=reasons)
    def is_returned(self, number: int, reason: str) -> None:
        self._report(self.attempts[number % len(self.attempts)], "returned", reason)

    @precondition(lambda self: self.oracle.attempts)
    @rule(
        number=numbers,
        status=st.sampled_from(["accepted", "settled", "rejected", "returned"]),
        reason=reasons,
        excess=st.sampled_from([0, 0, 1, -1]),
        partner=st.sampled_from([None, None, None, *PARTNERS]),
    )
    def is_lied_about(self, number: int, status: str, reason: str, excess: int, partner: str | None) -> None:
        about = self.attempts[number % len(self.attempts)]
        said = reason if status in ("rejected", "returned") else None
        self._report(about, status, said, excess=excess, partner=partner)

    @precondition(lambda self: any(one.answer == "rejected" for one in self.attempts))
    @rule(number=numbers)
    def is_paid_after_all(self, number: int) -> None:
        rejected = [one for one in self.attempts if one.answer == "rejected"]
        self._report(rejected[number % len(rejected)], "settled")

    @precondition(lambda self: self.oracle.attempts)
    @rule(by=people)
    def is_put_right(self, by: tuple[str, ...]) -> None:
        """Remove everything that may be in the way, but for an end."""
        self._make_peace()
        self.time_passes(2)
        self._approve_all(by)
        self.time_passes(0)

    @precondition(lambda self: self.reports)
    @rule(number=numbers)
    def is_repeated(self, number: int) -> None:
        self._say(self.reports[number % len(self.reports)])

    @rule(partner=st.sampled_from(OF_CASH))
    def a_stranger_is_paid(self, partner: str) -> None:
        self._say(Said(partner, "0000000000000000", "settled", 600_000, None, self._go_on()))

    @precondition(lambda self: self.oracle.last_told)
    @rule(number=numbers, by=people)
    def approve(self, number: int, by: tuple[str, ...]) -> None:
        held = [key for key, one in self.subject.seen().standing.items() if one.state == "held"]
        if held:
            self._approve(held[number % len(held)], by)

    @precondition(lambda self: self.oracle.attempts)
    @rule(number=numbers, by=people)
    def confirm(self, number: int, by: tuple[str, ...]) -> None:
        doubted = [one for one in self.attempts if one.instructed.key in self.oracle.doubts] or self.attempts
        reference = doubted[number % len(doubted)].instructed.reference
        self._go_on()
        if self.subject.confirm(reference, by):
            self.oracle.confirm(reference)
        self._judge()

    @precondition(lambda self: any(self.oracle.places[one]["claims"] for one in self.oracle.attempts))
    @rule(number=numbers)
    def is_repaid(self, number: int) -> None:
        claimed = [one for one in self.attempts if self.oracle.places[one.instructed.reference]["claims"]]
        known = claimed[number % len(claimed)]
        self._go_on()
        assert self.subject.repay(known.instructed.reference)
        known.repaid = True
        self._judge()

    @rule(scope=scopes)
    def halt(self, scope: str | None) -> None:
        self._go_on()
        self.subject.halt(scope)
        self.oracle.halted.add(scope or "all")
        self._judge()

    @precondition(lambda self: self.oracle.halted)
    @rule(number=numbers)
    def resume(self, number: int) -> None:
        halted = sorted(self.oracle.halted)
        self._resume(halted[number % len(halted)])

    @rule(blocked=st.booleans(), minutes=st.integers(0, 9))
    def is_blocked(self, blocked: bool, minutes: int) -> None:
        self._block(self._go_on() - timedelta(minutes=minutes, seconds=30), blocked)

    @precondition(lambda self: self.oracle.step > A_WHILE)
    @rule(code=codes, kind=st.sampled_from(["voided", "revoked"]), sure=sometimes)
    def ends(self, code: str, kind: str, sure: bool) -> None:
        if sure and self.oracle.promises[code].confirmed:
            self._tell(kind, code)

    @precondition(lambda self: self.oracle.step > A_WHILE)
    @rule(sure=seldom)
    def is_erased(self, sure: bool) -> None:
        if sure and any(one.confirmed for one in self.oracle.promises.values()):
            self.subject.read(Fact("erasure", PERSON, self._go_on()))
            self.oracle.people[PERSON].erased = True
            self._judge()

    @precondition(lambda self: self.oracle.step > 2 * A_WHILE and not self.oracle.cut_off)
    @rule(sure=seldom)
    def is_cut_off(self, sure: bool) -> None:
        if sure and any(one.confirmed for one in self.oracle.promises.values()):
            # What can be paid in time is paid first.
            self.now = max(self.now, self.cut_off_at - timedelta(days=1))
            self.time_passes(0)
            self._go_on(48)
            self.oracle.cut_off = True
            self.subject.cut_off()
            self._judge()

    def play(self, steps: Iterable[tuple[object, ...]]) -> None:
        """Play these steps, each a rule with its arguments, and then the end."""
        for name, *arguments in steps:
            getattr(self, str(name))(*arguments)
        self.teardown()

    def teardown(self) -> None:
        """Give everybody the time and the means to pay; then each right that stands is settled, and only those."""
        if self.is_judged:
            for component in ("training", "incentive"):
                self._appropriate(component, LOTS)
            self._make_peace()
            unpaid, rounds = ["nothing is known yet"], 0
            while unpaid:
                self._settle_all()
                unpaid, rounds = self.oracle.unpaid(self.subject.seen()), rounds + 1
                assert not unpaid or rounds < ROUNDS, unpaid

    def _make_peace(self) -> None:
        for scope in sorted(self.oracle.halted):
            self._resume(scope)
        self._block(self._go_on(), False)
        self._link("gopay")
        self._register("bni")

    def _settle_all(self) -> None:
        self.time_passes(2)
        for one in [attempt for attempt in self.attempts if attempt.is_open]:
            self._report(one, "settled")
        self._approve_all(EVERYBODY)

    def _approve_all(self, by: tuple[str, ...]) -> None:
        for key, standing in self.subject.seen().standing.items():
            if standing.reason == "needs_approval":
                self._approve(key, by)

    def _go_on(self, hours: int = 0) -> datetime:
        """Begin a step, some time after the last one."""
        self.is_judged = False
        self.oracle.step += 1
        self.now += timedelta(hours=hours, minutes=1)
        self.oracle.now = self.now
        self.subject.tell_time(self.now)
        return self.now

    def _judge(self) -> None:
        wrong = [*self.oracle.judge(self.subject.seen()), *self.subject.breaches()]
        assert not wrong, wrong
        self.is_judged = True

    def _tell(self, kind: str, code: str) -> None:
        at, known = self._go_on(), self.oracle.promises[code]
        self.subject.read(Fact(kind, code, at))
        if kind in ("voided", "revoked"):
            known.ended = True
        else:
            setattr(known, kind, True)
        self._judge()

    def _block(self, at: datetime, blocked: bool) -> None:
        self.subject.read(Fact("block" if blocked else "unblock", PERSON, at))
        self.oracle.people[PERSON].blocks.append((at, blocked))
        self._judge()

    def _link(self, partner: str, person: str = PERSON, *, fit: bool = True) -> None:
        at = self._go_on()
        account = Account(partner, self._number(), fit)
        self.subject.link(person, account, at)
        self.oracle.people[person].account = account
        self._judge()

    def _register(self, partner: str) -> None:
        self._go_on()
        self.oracle.provider = Account(partner, self._number())
        self.subject.register(self.oracle.provider, self.versions)
        self._judge()

    def _number(self) -> str:
        self.versions += 1
        return f"0812{self.versions:06}"

    def _appropriate(self, component: str, amount: int) -> None:
        self._go_on()
        self.oracle.given[component] += amount
        self.subject.appropriate(component, amount)
        self._judge()

    def _resume(self, scope: str) -> None:
        self._go_on()
        self.subject.resume(None if scope == "all" else scope)
        self.oracle.resume(scope)
        self._judge()

    def _approve(self, key: Key, by: tuple[str, ...]) -> None:
        self._go_on()
        if self.subject.approve(key, by):
            self.oracle.approvals[key] = Approved(len(set(by)), self.oracle.account(key), self.oracle.step)
        self._judge()

    def _open_or_any(self, number: int) -> Attempt:
        """Return an attempt that is not answered, if there is one."""
        known = [one for one in self.attempts if one.is_open] or self.attempts
        return known[number % len(known)]

    def _report(self, known: Attempt, status: str, reason: str | None = None, **lies: Any) -> None:
        one = known.instructed
        amount = one.amount + int(lies.get("excess", 0))
        self._say(Said(lies.get("partner") or one.partner, one.reference, status, amount, reason, self._go_on()))

    def _say(self, said: Said) -> None:
        self._go_on()
        self.reports.append(said)
        self.oracle.hear(said)
        self.subject.report(said)
        self._judge()
