"""Oracle: who is owed what, and where each rupiah must be, by what everybody has said.

It shares no rule with payment, but for the table of legal transitions.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.payment.domain.disbursement import TRANSITIONS
from tests.model.disbursement.known import (
    AT_THE_PARTNER,
    GRAVE,
    MOST_RETRIES,
    RETRY_AFTER,
    Approved,
    Attempt,
    Person,
    Promise,
    cure_of,
    is_graver,
)
from tests.model.disbursement.subject import Account, Instructed, Key, Moved, Said, Seen


@dataclass
class Oracle:
    """Everything that was said to payment, step by step, and the judgement of what it does. `limit` in rupiah."""

    limit: int
    now: datetime
    step: int = 0
    promises: dict[str, Promise] = field(default_factory=dict)
    people: defaultdict[str, Person] = field(default_factory=lambda: defaultdict(Person))
    provider: Account | None = None
    given: Counter[str] = field(default_factory=Counter)
    halted: set[str] = field(default_factory=set)
    resumed: dict[str, int] = field(default_factory=dict)
    cut_off: bool = False
    attempts: dict[str, Attempt] = field(default_factory=dict)
    doubts: dict[Key, int] = field(default_factory=dict)
    contradictions: set[tuple[object, ...]] = field(default_factory=set)
    approvals: dict[Key, Approved] = field(default_factory=dict)
    moved: int = 0
    told: int = 0
    last_told: dict[Key, str] = field(default_factory=dict)
    short: set[Key] = field(default_factory=set)
    order: list[Key] = field(default_factory=list)
    balances: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def of(self, key: Key) -> list[Attempt]:
        return [one for one in self.attempts.values() if one.instructed.key == key]

    def paid(self, key: Key) -> Attempt | None:
        return next((one for one in self.of(key) if one.is_paid), None)

    def account(self, key: Key) -> Account | None:
        if key[1] == "fee":
            return self.provider
        return self.people[self.promises[key[0]].training.person].account

    def hear(self, said: Said) -> None:
        """Note what a partner says."""
        known = self.attempts.get(said.reference)
        if known is None or known.instructed.partner != said.partner:
            self.halted.add(said.partner)
            if known is not None and said.status != "rejected":
                self._contradict(known, said)
        elif said.amount != known.instructed.amount:
            if said.status != "rejected" or cure_of(said.reason) in GRAVE:
                self._contradict(known, said)
        elif said.status == "settled":
            self._hear_settled(known, said)
        elif said.status == "rejected":
            self._hear_rejected(known, said)
        elif said.status == "returned":
            self._hear_returned(known, said)

    def _hear_settled(self, known: Attempt, said: Said) -> None:
        if known.is_open:
            known.answer, known.paid_at = "settled", said.at
        elif (
            known.answer == "rejected" and not known.confirmed and not known.returned and self._contradict(known, said)
        ):
            known.said_paid = said.at

    def _hear_rejected(self, known: Attempt, said: Said) -> None:
        if known.is_open:
            known.answer, known.reason = "rejected", said.reason
            self._fail(known, said)
        elif known.answer == "settled" or (not known.confirmed and not known.returned and is_graver(known, said)):
            self._contradict(known, said)

    def _hear_returned(self, known: Attempt, said: Said) -> None:
        if known.returned:
            if is_graver(known, said):
                self._contradict(known, said)
        elif known.repaid or (known.answer == "rejected" and not known.is_paid and not self._is_double(known)):
            self._contradict(known, said)
        elif known.answer == "rejected" and not known.confirmed:
            known.returned = True
        else:
            known.returned = True
            if known.answer != "rejected":
                known.answer, known.reason = "settled", said.reason
            self._fail(known, said)

    def _fail(self, known: Attempt, said: Said) -> None:
        known.fail(said.reason, self.step, self.now)
        if cure_of(said.reason) == "two persons":
            self.doubts[known.instructed.key] = self.step
        if cure_of(said.reason) == "resume":
            self.halted.add(said.partner)

    def _contradict(self, known: Attempt, said: Said) -> bool:
        """Note a contradiction; return False if it was said before."""
        content = said[:-1]
        if content in self.contradictions:
            return False
        self.contradictions.add(content)
        self.doubts[known.instructed.key] = self.step
        return True

    def _is_double(self, known: Attempt) -> bool:
        """Return True if a partner says that it has paid an attempt besides the one that counts."""
        return known.said_paid is not None and not known.is_paid and self.paid(known.instructed.key) is not None

    def confirm(self, reference: str) -> None:
        """Note that two persons confirm a payment."""
        known = self.attempts[reference]
        known.confirmed, known.paid_at = True, known.said_paid or self.now

    def resume(self, scope: str) -> None:
        self.halted.discard(scope)
        self.resumed[scope] = self.step

    def judge(self, seen: Seen) -> list[str]:
        """Return all that is wrong with what payment has done since the last step."""
        wrong = [*self._judge_states(seen), *self._judge_instructions(seen), *self._judge_books(seen)]
        self.short = {key for key, one in seen.standing.items() if one.reason == "no_funds"}
        return wrong

    def _judge_instructions(self, seen: Seen) -> Iterator[str]:
        for one in seen.instructed[len(self.attempts) :]:
            yield from (f"{one.reference} went out {why}" for why in self._faults(one, seen))
            if one.reference in self.attempts:
                yield f"{one.reference} was instructed twice"
            for earlier in self.of(one.key) if self._approval(one.key, one, self.doubts.get(one.key, 0)) else ():
                earlier.said_paid = None
            self.attempts[one.reference] = Attempt(one, self.step)

    def _faults(self, one: Instructed, seen: Seen) -> Iterator[str]:
        promise, account = self.promises[one.key[0]], self.account(one.key)
        person = self.people[promise.training.person]
        if not promise.earns(one.key[1]):
            yield "before it was earned"
        if one.amount != promise.training.amount(one.key[1]):
            yield "with another amount than was promised"
        if promise.ended or person.erased or self.cut_off or person.blocked_since is not None:
            yield "after it was ended, blocked or cut off"
        if account is None or not account.fit or (one.partner, one.number) != account[:2]:
            yield "to an account that is not the newest, or not fit"
        if {"all", one.partner} & self.halted:
            yield "while its partner was halted"
        if one.key[1] != "fee" and any(self._is_same_right(one.key, other) for other in self.attempts.values()):
            yield "though another incentive of this person did"
        older = [key for key in self.order[: self.order.index(one.key)] if same_fund(key, one.key)]
        if any(key in self.short and seen.standing[key].reason == "no_funds" for key in older):
            yield "before an older one that waits for money"
        yield from self._faults_of_attempts(one, self.of(one.key))

    def _faults_of_attempts(self, one: Instructed, earlier: Sequence[Attempt]) -> Iterator[str]:
        if not all(known.has_failed for known in earlier):
            yield "again, without a verdict of failure"
        elif earlier and not self._is_cured(one, earlier):
            yield f"again, without a cure of {earlier[-1].failure}"
        doubt, last = self.doubts.get(one.key), earlier[-1].step if earlier else 0
        doubted = doubt is not None and doubt >= last
        since = max(doubt or 0, last)
        if (doubted or one.amount > self.limit) and not self._approval(one.key, one, since):
            yield "without two persons"

    def _is_same_right(self, key: Key, other: Attempt) -> bool:
        code, benefit = other.instructed.key
        same_person = self.promises[code].training.person == self.promises[key[0]].training.person
        return benefit == key[1] and code != key[0] and same_person

    def _approval(self, key: Key, one: Instructed, since: int) -> bool:
        """Return True if two persons approved exactly this attempt after a step."""
        known = self.approvals.get(key)
        fits = known is not None and known.account is not None and known.account[:2] == (one.partner, one.number)
        return known is not None and fits and known.people > 1 and known.step > since

    def _is_cured(self, one: Instructed, earlier: Sequence[Attempt]) -> bool:
        last = earlier[-1]
        assert last.failed_at is not None
        (step, at), cure = last.failed_at, cure_of(last.failure)
        approval, moved = self.approvals.get(one.key), one.number != last.instructed.number
        people = approval.people if approval is not None and approval.step > step else 0
        since = [name for name, when in self.resumed.items() if when > step]
        if people > 1 or (moved and cure not in GRAVE):
            return True
        if cure == "time" and len(earlier) < MOST_RETRIES:
            return self.now >= at + RETRY_AFTER or bool({"all", one.partner} & set(since))
        if cure == "resume":
            return one.partner in since
        return cure in ("account or person", "time") and people > 0

    def _judge_states(self, seen: Seen) -> Iterator[str]:
        for key, state in seen.told[self.told :]:
            before = self.last_told.get(key)
            if key not in self.last_told:
                self.order.append(key)
                if state != "due":
                    yield f"{key} was not announced as due"
            elif before is not None and (before, state) not in TRANSITIONS:
                yield f"{key} went from {before} to {state}"
            self.last_told[key] = state
        self.told = len(seen.told)
        for promise in self.promises.values():
            key = (promise.training.code, "fee")
            if promise.earns("fee") and not promise.ended and key not in seen.standing:
                yield f"{key} is earned, and was lost"
        for name in {promise.training.person for promise in self.promises.values()}:
            yield from self._judge_incentive(name, seen)

    def _judge_incentive(self, person: str, seen: Seen) -> Iterator[str]:
        mine = [one for one in self.promises.values() if one.training.person == person]
        earning = [one for one in mine if one.earns("incentive_1") and not one.ended]
        used = any(self.of((one.training.code, "incentive_1")) for one in mine)
        keys = [(one.training.code, "incentive_1") for one in (mine if used else earning)]
        if earning and not any(key in seen.standing for key in keys) and not used:
            yield f"the incentive of {person} is earned, and was lost"

    def judge_standing(self, seen: Seen) -> Iterator[str]:
        """Compare the states with what was said of the attempts."""
        for key, standing in seen.standing.items():
            attempts, promise = self.of(key), self.promises[key[0]]
            last = attempts[-1] if attempts else None
            ended = promise.ended or self.people[promise.training.person].erased
            if any(one.is_open for one in attempts):
                fits = standing.state in AT_THE_PARTNER
            elif self.paid(key):
                fits = standing.state == "settled"
            elif standing.state == "failed":
                fits = last is not None and cure_of(last.failure) == "nothing"
            elif standing.state == "held":
                fits = standing.frozen or not (ended or self.cut_off)
            else:
                fits = (standing.state == "cancelled" and ended) or (standing.state == "forfeited" and self.cut_off)
            if not fits:
                yield f"{key} is {standing.state}"
            if standing.attempt != len(attempts):
                yield f"{key} counts {standing.attempt} attempts, and has {len(attempts)}"

    def _judge_books(self, seen: Seen) -> Iterator[str]:
        instructed = {one.instructed.key for one in self.attempts.values() if one.step == self.step}
        for one in seen.moved[self.moved :]:
            yield from self._post(one)
        self.moved = len(seen.moved)
        for (component, account), amount in self.balances.items():
            if amount < 0 and account not in ("treasury", "appropriation"):
                yield f"{component} {account} holds {amount}"
        for component, amount in self.given.items():
            if self.balances[component, "treasury"] != -amount:
                yield f"{amount} were appropriated to {component}, not {-self.balances[component, 'treasury']}"
        for component in {component_of(key) for key in instructed}:
            if self.balances[component, "appropriation"] + self.balances[component, f"reserved:{component}"] < 0:
                yield f"more {component} was instructed than appropriated"
        for reference, known in self.attempts.items():
            expected = self._place(known)
            found = {account: amount for account, amount in self.places[reference].items() if amount}
            if found != ({expected: known.instructed.amount} if expected else {}):
                yield f"the money of {reference} is at {found}, not at {expected}"
        yield from self.judge_standing(seen)

    def _post(self, one: Moved) -> Iterator[str]:
        if one.amount <= 0 or one.debit == one.credit:
            yield f"{one} is no transfer"
        for account, amount in ((one.debit, one.amount), (one.credit, -one.amount)):
            self.balances[one.component, account] += amount
            if one.reference is not None and not account.startswith("reserved"):
                self.places[one.reference][account] += amount

    def _place(self, known: Attempt) -> str:
        """Return the account in which the money of an attempt must be; empty if it came back, or never went."""
        code, benefit = known.instructed.key
        promise = self.promises[code]
        if known.is_open:
            return f"clearing:{known.instructed.partner}"
        if known.repaid:
            return "returned"
        if known.is_paid:
            since = self.people[promise.training.person].blocked_since if benefit != "fee" else None
            blocked = since is not None and known.paid_at is not None and known.paid_at >= since
            return "claims" if promise.ended or blocked else f"paid:{benefit.partition('_')[0]}"
        return "claims" if self._is_double(known) and not known.returned else ""

    def unpaid(self, seen: Seen) -> list[str]:
        """Return what is owed, and not settled. Ask once everybody has been given the time and the means to pay."""
        owed = [(code, "fee") for code, one in self.promises.items() if one.earns("fee") and self._stands(one)]
        for person in {one.training.person for one in self.promises.values() if self._stands(one)}:
            mine = [code for code, one in self.promises.items() if one.training.person == person]
            used = [code for code in mine if self.of((code, "incentive_1"))]
            earning = [code for code in mine if self.promises[code].earns("incentive_1")]
            keys = [(code, "incentive_1") for code in used or earning if self._stands(self.promises[code])]
            owed += [key for key in keys if key in seen.standing]
        failed = [key for key in owed if seen.standing[key].state == "failed"]
        left = [key for key in owed if seen.standing[key].state != "settled" and key not in failed]
        held = [key for key, one in seen.standing.items() if one.state in ("held", *AT_THE_PARTNER)]
        return [f"{key} is owed, and {seen.standing[key]}" for key in left] + [f"{key} is not decided" for key in held]

    def _stands(self, promise: Promise) -> bool:
        return not promise.ended and not self.people[promise.training.person].erased and not self.cut_off


def component_of(key: Key) -> str:
    return "training" if key[1] == "fee" else "incentive"


def same_fund(one: Key, other: Key) -> bool:
    return component_of(one) == component_of(other)
