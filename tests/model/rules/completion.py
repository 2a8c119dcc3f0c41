"""Completion of one participant's trainings in memory: the real domain decides, and what comes too early waits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.completion.domain.completion import Completion, Incomplete, decide_completion
from services.completion.domain.enrollment import ConfirmedTerms, Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence, EvidenceKind, Origin, ReportedFact
from services.completion.domain.evidence_check import check_evidence, evidence_part, is_in_time
from services.completion.domain.reopening import decide_reopening
from services.completion.domain.revocation import Revocation, find_breaking, replace_revoked
from services.completion.domain.survey import survey_counts
from tests.model.rules.facts import NOW, PERSON, PROVIDER, Fact, Terms

CAUSES_FIRST = ("confirmed", "voided", "revocation")
PROVIDER_NAMED = (EvidenceKind.WORK_GRADED, EvidenceKind.CERTIFICATE_ISSUED)


@dataclass
class Known:
    """All that is stored about one enrollment."""

    enrollment: Enrollment
    evidence: list[Evidence] = field(default_factory=list)
    spares: list[Evidence] = field(default_factory=list)
    revoked: list[Origin] = field(default_factory=list)

    @property
    def state(self) -> EnrollmentState:
        return self.enrollment.state

    @state.setter
    def state(self, state: EnrollmentState) -> None:
        self.enrollment = self.enrollment._replace(state=state)

    def replace(self, ended: list[Evidence], promoted: list[Evidence]) -> None:
        self.evidence = [fact for fact in self.evidence if fact not in ended] + promoted
        self.spares = [fact for fact in self.spares if fact not in promoted] + ended


@dataclass
class CompletionModel:
    """Decisions about the evidence of one participant. `announced` is the service's topic."""

    terms: Mapping[str, Terms]
    known: dict[str, Known] = field(default_factory=dict)
    surveys: set[int] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    waiting: list[Fact] = field(default_factory=list)
    announced: list[Fact] = field(default_factory=list)

    def read(self, batch: Iterable[Fact]) -> None:
        """Take a batch as one moment, causes before effects; facts about an unknown enrollment wait for it.

        Revocations come before evidence, but after it where they are about a completion.
        """
        order = [*self.waiting, *batch]
        order.sort(key=lambda fact: CAUSES_FIRST.index(fact.kind) if fact.kind in CAUSES_FIRST else 99)
        of_completions = [fact for fact in order if fact.kind == "revocation" and self._is_completed(fact.code)]
        self.waiting = [fact for fact in order if fact not in of_completions and not self._take(fact)]
        for code, one in self.known.items():
            outcome = decide_completion(one.enrollment.rule, one.evidence)
            if one.state is EnrollmentState.OPEN and isinstance(outcome, Completion):
                self._complete(code, outcome)
        for fact in of_completions:
            self._take(fact)

    def _is_completed(self, code: str) -> bool:
        return code in self.known and self.known[code].state is EnrollmentState.COMPLETED

    def _take(self, fact: Fact) -> bool:
        """Take a fact; return False if it has to wait for its enrollment."""
        if fact.kind == "confirmed":
            terms = ConfirmedTerms(PROVIDER, "a scheme", 1, self.terms[fact.code].rule)
            enrollment = Enrollment(fact.code, PERSON, 0, EnrollmentState.OPEN, terms)
            self.known.setdefault(fact.code, Known(enrollment))
            return True
        one = self.known.get(fact.code)
        if one is None:
            return False
        match fact.kind:
            case "voided":
                one.state = EnrollmentState.VOIDED if one.state is EnrollmentState.OPEN else one.state
            case "revocation":
                self._revoke(one, Origin(bool(fact.number), "upstream", fact.detail), fact)
            case "survey":
                self._answer(one, fact)
            case _:
                self._accept(one, fact)
        return True

    def _accept(self, one: Known, fact: Fact) -> None:
        reported = _reported(fact)
        if check_evidence(one.enrollment, reported):
            self.refused.add(fact.id)
            return
        part = evidence_part(one.enrollment, reported)
        if part is None:
            return
        evidence = Evidence(reported.kind, part, reported.source, reported.id, reported.happened_at, NOW)
        holder = next((known for known in one.evidence if (known.kind, known.part) == (reported.kind, part)), None)
        if evidence.origin == (holder and holder.origin):
            return
        if holder is None and evidence.origin not in one.revoked and is_in_time(one.enrollment, reported.kind):
            one.evidence.append(evidence)
            if reported.kind is EvidenceKind.TRAINING_RATED:
                self.announced.append(Fact("rated", fact.code, fact.at))
        elif evidence not in one.spares:
            one.spares.append(evidence)

    def _revoke(self, one: Known, origin: Origin, fact: Fact) -> None:
        if origin in one.revoked:
            return
        facts, before = [*one.evidence, *one.spares], set(one.revoked)
        one.revoked.append(origin)
        revocation = Revocation(origin, "face_fraud", fact.at)
        if one.state is EnrollmentState.OPEN:
            one.replace(*replace_revoked(one.evidence, one.spares, one.revoked))
        breaks = find_breaking(one.enrollment.rule, facts, before, [revocation])
        if one.state is EnrollmentState.COMPLETED and breaks:
            one.state = EnrollmentState.REVOKED
            self.announced.append(Fact("revoked", fact.code, fact.at))

    def _answer(self, one: Known, fact: Fact) -> None:
        if survey_counts(one.enrollment) and fact.number not in self.surveys:
            self.surveys.add(fact.number)
            self.announced.append(fact)

    def _complete(self, code: str, completion: Completion) -> None:
        self.known[code].state = EnrollmentState.COMPLETED
        self.announced.append(Fact("completed", code, completion.completed_at))

    def sweep(self) -> None:
        """Give up what is open, since its time is over and all that was sent before has been read."""
        for one in self.known.values():
            if one.state is EnrollmentState.OPEN:
                assert isinstance(decide_completion(one.enrollment.rule, one.evidence), Incomplete)
                one.state = EnrollmentState.NOT_COMPLETED

    def reopen(self) -> None:
        """Reopen what was given up, where all kept evidence suffices."""
        for code, one in self.known.items():
            found = decide_reopening(one.enrollment.rule, one.evidence, one.spares, one.revoked)
            if one.state is EnrollmentState.NOT_COMPLETED and isinstance(found.outcome, Completion):
                one.replace(*found.replacement)
                self._complete(code, found.outcome)


def _reported(fact: Fact) -> ReportedFact:
    kind = EvidenceKind(fact.kind)
    return ReportedFact(
        kind,
        fact.code,
        PERSON,
        "upstream",
        fact.id,
        fact.at,
        sequence=fact.number if kind is EvidenceKind.SESSION_ATTENDED else None,
        proof=fact.detail if kind is EvidenceKind.SESSION_ATTENDED else None,
        passed=fact.detail != "failed" if kind is EvidenceKind.POST_TEST_TAKEN else None,
        provider_id=fact.detail or PROVIDER if kind in PROVIDER_NAMED else None,
    )
