"""Enrollment of one participant in memory: the real domain decides, and what comes before its cause waits.

An account that is linked after an erasure was read is not announced.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.enrollment.domain.admission import Admitted, Applicant, Wave, decide_admission
from services.enrollment.domain.block import Block
from services.enrollment.domain.course import Course
from services.enrollment.domain.purchase import (
    Confirmed,
    Participant,
    PurchaseRejection,
    Rejected,
    Training,
    Undecided,
    decide_purchase,
)
from services.enrollment.domain.purchase_deadline import forfeits_due
from services.enrollment.domain.scheme import SchemeVersions
from tests.model.rules.facts import NOW, Fact, Terms

CAUSES_FIRST = ("wave", "approval", "admission", "erasure", "account", "block", "unblock", "purchase", "void")
MILESTONES = {"completed": "completed_at", "rated": "rated_at", "revoked": "revoked_at"}


@dataclass
class EnrollmentModel:
    """Decisions about the purchases of one participant. `announced` is the service's topic."""

    versions: SchemeVersions
    wave: Wave
    applicant: Applicant
    terms: Mapping[str, Terms]
    courses: Mapping[str, Course]
    is_open: bool = False
    participant: Participant | None = None
    refusal: str = ""
    approved: dict[str, Course] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)
    rejected: dict[str, PurchaseRejection] = field(default_factory=dict)
    trainings: dict[str, Training] = field(default_factory=dict)
    voids: dict[str, Fact] = field(default_factory=dict)
    waiting: list[Fact] = field(default_factory=list)
    announced: list[Fact] = field(default_factory=list)
    linked: Fact | None = None
    is_erased: bool = False

    @property
    def has_applied(self) -> bool:
        return self.participant is not None or bool(self.refusal)

    def read(self, batch: Iterable[Fact]) -> None:
        """Take a batch as one moment, causes before effects, and then what its decisions release."""
        pending, left = [*self.waiting, *batch], -1
        pending.sort(key=lambda fact: CAUSES_FIRST.index(fact.kind) if fact.kind in CAUSES_FIRST else 99)
        while len(pending) != left:
            left = len(pending)
            pending = [fact for fact in pending if not self._take(fact)]
            self._decide()
        self.waiting = pending

    def _take(self, fact: Fact) -> bool:
        """Take a fact; return False if it has to wait for its cause."""
        match fact.kind:
            case "wave":
                self.is_open = True
            case "approval":
                self.approved[fact.code] = self.courses[fact.code]
            case "admission":
                return self._admit()
            case "erasure":
                return self._erase(fact)
            case "account":
                return self._link(fact)
            case "block" | "unblock":
                return self._note(fact)
            case "purchase":
                return self._buy(fact)
            case "void":
                return self._void(fact)
            case _:
                return self._reach(fact)
        return True

    def _admit(self) -> bool:
        if self.is_open and not self.has_applied:
            decision = decide_admission(self.applicant, self.wave, self.versions.latest, nik_is_free=True, places=1)
            if isinstance(decision, Admitted):
                regency, at = "3273", self.applicant.admitted_at
                self.participant = Participant(regency, at, decision.balance, cut_off_at=self.wave.cut_off_at)
            else:
                self.refusal = decision.reason
        return self.is_open

    def _erase(self, fact: Fact) -> bool:
        if self.has_applied and not self.is_erased:
            self.is_erased = True
            self.announced.append(fact)
        return self.has_applied

    def _link(self, fact: Fact) -> bool:
        is_later = self.linked is None or fact.at > self.linked.at
        if self.participant is not None and not self.is_erased and is_later:
            self.linked = fact
            self.announced.append(fact)
        return self.has_applied

    def _note(self, fact: Fact) -> bool:
        if self.participant is not None:
            block, known = Block(fact.at, fact.kind == "block"), self.participant.blocks
            if block not in known:
                self.participant = replace(self.participant, blocks=(*known, block))
                self.announced.append(fact)
        return self.has_applied

    def _buy(self, fact: Fact) -> bool:
        known = fact.code in self.undecided or fact.code in self.trainings or fact.code in self.rejected
        if self.has_applied and not known:
            self.undecided.append(fact.code)
        return self.has_applied

    def _void(self, fact: Fact) -> bool:
        if fact.code not in self.undecided and fact.code not in self.trainings:
            return fact.code in self.rejected
        if fact.code not in self.voids:
            self.voids[fact.code] = fact
            if fact.code in self.trainings:
                self._announce_void(fact)
        return True

    def _announce_void(self, fact: Fact) -> None:
        self.trainings[fact.code] = replace(self.trainings[fact.code], voided_at=fact.at)
        self.announced.append(fact._replace(kind="voided"))

    def _reach(self, fact: Fact) -> bool:
        known, name = self.trainings.get(fact.code), MILESTONES.get(fact.kind)
        if name is None:
            return True
        if known is not None and getattr(known, name) is None:
            self.trainings[fact.code] = replace(known, **{name: fact.at})  # type: ignore[arg-type]
        return known is not None

    def _decide(self, *, due: bool = False) -> None:
        """Decide in the order of purchase; what is `due` and still undecided is rejected."""
        queued = False
        for code in sorted(self.undecided, key=lambda code: self.terms[code].purchase.purchased_at):
            outcome = self._outcome(code, queued=queued)
            if isinstance(outcome, Undecided) and not due:
                queued = True
                continue
            self.undecided.remove(code)
            if isinstance(outcome, Confirmed):
                self._confirm(code)
            else:
                self.rejected[code] = outcome.reason

    def _outcome(self, code: str, *, queued: bool) -> Confirmed | Rejected | Undecided:
        terms = self.terms[code]
        if self.participant is None:
            return Rejected(PurchaseRejection.NOT_ADMITTED)
        trainings: Sequence[Training] = list(self.trainings.values())
        return decide_purchase(
            terms.purchase,
            self.participant,
            trainings,
            self.approved.get(terms.course),
            self.versions.latest,
            queued=queued,
        )

    def _confirm(self, code: str) -> None:
        bought = self.terms[code].purchase
        self.trainings[code] = Training(bought.price, bought.purchased_at, bought.ends_at, None, None)
        self.announced.append(Fact("confirmed", code, bought.purchased_at))
        if code in self.voids:
            self._announce_void(self.voids[code])

    def sweep(self) -> None:
        """Reject what is undecided and due, and forfeit what deadlines take: all that was sent before has been read."""
        self._decide(due=True)
        if self.participant is not None:
            due = forfeits_due(self.participant, list(self.trainings.values()), NOW, self.versions)
            self.participant = replace(self.participant, forfeits=[*self.participant.forfeits, *due])
