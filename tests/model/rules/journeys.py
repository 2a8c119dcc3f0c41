"""Journeys of one participant: what is bought and proved, how partners pay, and who changes his mind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from services.completion.domain.rule import CompletionRule, RequiredSession
from services.enrollment.domain.admission import Applicant, Wave
from services.enrollment.domain.course import Course
from services.enrollment.domain.identity import Identity
from services.enrollment.domain.purchase import Purchase
from services.enrollment.domain.scheme import Mode, Scheme, SchemeVersions
from services.enrollment.schemes import load_schemes
from services.payment.domain.entitlement import Entitlement, Payee
from tests.model.rules.facts import DAY, HOUR, PERSON, PROVIDER, PROVIDER_ACCOUNT, WAVE, Fact, Terms
from tests.model.rules.partners import PAYING, REFUSING, WAYS


def _as_required(scheme: Scheme) -> Scheme:
    return replace(scheme, purchase=replace(scheme.purchase, catalogue="required"))


LATEST = [versions.latest for versions in load_schemes().values()]
SCHEMES = [SchemeVersions((scheme,)) for one in LATEST for scheme in (one, _as_required(one))]
OPENED_AT = datetime(2023, 3, 1, 3, tzinfo=UTC)
ADMITTED_AT = OPENED_AT + DAY
FIRST, SECOND = "PRAT00000001", "PRAT00000002"
STARTS = {FIRST: ADMITTED_AT + 3 * DAY, SECOND: ADMITTED_AT + 10 * DAY}
COURSES = {FIRST: "C-1", SECOND: "C-2"}
SESSIONS = 2
OFFERS = st.sampled_from(
    [
        *[(200_000, 20, 10_000_000)] * 20,
        *[(900_000, 20, 10_000_000)] * 4,
        (9_000_000, 20, 10_000_000),
        (200_000, 2, 10_000_000),
        (200_000, 20, 100_000),
    ]
)
"""Price and hours of a training, and the price that its course is approved for; the last three are refused."""


@dataclass(frozen=True)
class Journey:
    """All facts about one participant, and what each service is told of the trainings.

    `ways`: of partners, by account.
    `late`: evidence of the last training, dated in time, that comes after all deadlines.
    `behind`: pairs of ids of which the second competes with the first, and is read after it or together with it.
    `is_annulled`: a training is voided or revoked (`is_revoked`); then the incentive depends on what had been paid by
    then.
    """

    versions: SchemeVersions
    wave: Wave
    applicant: Applicant
    terms: dict[str, Terms]
    courses: dict[str, Course]
    ways: dict[str, str]
    facts: tuple[Fact, ...]
    late: tuple[Fact, ...]
    behind: frozenset[tuple[str, str]]
    is_annulled: bool
    is_revoked: bool

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Print the facts alone where a test fails; the rest follows from them."""
        printer.text(
            "\n".join(
                [
                    f"{self.versions.latest.name}, cut off {self.wave.cut_off_at}, {self.ways}",
                    *(f"{one.at:%d %b %H:%M} {one[:2]} {one[3:]}" for one in self.facts),
                ]
            )
        )


@dataclass
class Plot:
    """The facts of a journey while they are drawn."""

    scheme: Scheme
    facts: list[Fact]
    late: list[Fact]
    behind: set[tuple[str, str]]

    def add(self, kind: str, code: str, at: datetime, *, number: int = 0, detail: str = "", name: str = "") -> str:
        fact = Fact(kind, code, at, name or f"{kind} {code[-1:]} {number} {detail} {len(self.facts)}", number, detail)
        self.facts.append(fact)
        return fact.id


@st.composite
def journeys(draw: st.DrawFn, *, is_late: bool = False) -> Journey:
    """Draw a journey with up to two trainings, in any state of completion, and changes of mind about them.

    `is_late`: evidence of the last training comes after all deadlines.
    """
    versions = draw(st.sampled_from(SCHEMES))
    scheme = versions.latest
    codes = draw(st.sampled_from([[FIRST], [FIRST, SECOND]]))
    plot, terms, courses = Plot(scheme, [], [], set()), {}, {}
    plot.add("wave", "", OPENED_AT)
    plot.add("admission", "", ADMITTED_AT)
    ways = _bank(draw, plot)
    for code in codes:
        terms[code], courses[COURSES[code]] = _buy(draw, plot, code, draw(st.sampled_from(sorted(scheme.modes))))
    _train(draw, plot, terms, is_late=is_late)
    voided, revoked = _change_minds(draw, plot, codes)
    _order_what_competes(plot)
    youth = draw(st.sampled_from([*[0] * 19, 15]))
    born = date(1995 + youth, 5, 15)
    applicant = Applicant(PERSON, WAVE, Identity(f"3273011505{born:%y}0002", born), "male", ADMITTED_AT)
    cut_off_at = draw(st.sampled_from([None, *(ADMITTED_AT + days * DAY for days in (8, 13, 300))]))
    wave = Wave(WAVE, scheme.scheme, 10, OPENED_AT, OPENED_AT + 2 * DAY, cut_off_at)
    facts, late, behind = tuple(plot.facts), tuple(plot.late), frozenset(plot.behind)
    annulled = voided or revoked
    return Journey(versions, wave, applicant, terms, courses, ways, facts, late, behind, annulled, revoked)


def _bank(draw: st.DrawFn, plot: Plot) -> dict[str, str]:
    """Add accounts, and return the ways in which partners treat each, and that of the provider.

    The account that is tried competes with the next one, so no earlier one is better than the last: if nothing can be
    paid into that, nothing can into any other; and what the law forbids it forbids for all.
    """
    ways = {PROVIDER_ACCOUNT: draw(st.sampled_from(list(WAYS)))}
    last = draw(st.sampled_from(list(WAYS)))
    curable = [way for way in REFUSING if way != "may not pay"]
    earlier = [*PAYING, *curable] if last in PAYING else curable if last in curable else [last]
    number = draw(st.sampled_from([1, 2, 1, 2, 0]))
    for account in range(number):
        way = last if account == number - 1 else draw(st.sampled_from(earlier))
        ways[plot.add("account", "", ADMITTED_AT + account * HOUR, number=account)] = way
    return ways


def _buy(draw: st.DrawFn, plot: Plot, code: str, mode: Mode) -> tuple[Terms, Course]:
    """Add a purchase, sometimes one that a rule refuses, and perhaps the approval of its course."""
    starts = STARTS[code]
    lag = draw(st.sampled_from([1, 1, 1, 1, 40])) if code == SECOND else 1
    price, hours, price_at_most = draw(OFFERS)
    sessions = [starts + (lag - 1 + number) * DAY for number in range(SESSIONS)]
    bought_at, ends_at = sessions[0] - DAY, sessions[-1] + 3 * HOUR
    purchase = Purchase(PROVIDER, mode, price, hours, 30, bought_at, ends_at)
    plot.add("purchase", code, bought_at)
    if draw(st.integers(0, 7)) < 7:
        plot.add("approval", COURSES[code], OPENED_AT)
    allowed = frozenset(plot.scheme.modes)
    course = Course(COURSES[code], 1, PROVIDER, allowed, price_at_most, 20)
    rule = plot.scheme.modes[mode]
    terms = Terms(
        purchase,
        COURSES[code],
        CompletionRule(
            sessions=tuple(
                RequiredSession(number, rule.proof_of("online"), start, start + 3 * HOUR)
                for number, start in enumerate(sessions, 1)
            ),
            post_test=rule.post_test,
            graded=rule.graded,
            certificate=rule.certificate,
            whole_span=mode == "self_paced",
            evidence_days=plot.scheme.completion.evidence_days,
            complete_within_days=plot.scheme.completion.complete_within_days,
            sessions_at_least=draw(st.sampled_from([None, None, 1])),
        ),
        _entitlements(plot.scheme, price),
        plot.scheme.clawback_days,
    )
    return terms, course


def _entitlements(scheme: Scheme, price: int) -> tuple[Entitlement, ...]:
    return tuple(
        Entitlement(one.benefit, one.amount or price, Payee(one.payee), one.milestone, one.once, one.months_after)
        for one in scheme.benefits
    )


def _train(draw: st.DrawFn, plot: Plot, terms: dict[str, Terms], *, is_late: bool) -> None:
    """Add evidence: perhaps a piece is missing, or comes late, and much is reported that does not count."""
    for code, one in terms.items():
        needed, comes_late = list(_needed(one)), is_late and code == list(terms)[-1]
        missing = draw(st.sampled_from([*([] if comes_late else [None, None, None]), *range(len(needed))]))
        for number, (kind, at, session, detail) in enumerate(needed):
            if number != missing:
                plot.add(kind, code, at, number=session, detail=detail)
            elif comes_late and (kind != "session_attended" or one.rule.sessions_at_least is None):
                plot.late.append(Fact(kind, code, at, f"late {kind} {code}", session, detail))
        ends_at = one.rule.span.ends_at
        for kind, at, session, detail in draw(st.lists(st.sampled_from(_noise(one)), max_size=3)):
            plot.add(kind, code, at, number=session, detail=detail)
        if draw(st.integers(0, 3)) < 3:
            plot.add("training_rated", code, ends_at + 2 * HOUR)
    for survey in draw(st.sets(st.integers(1, 3), max_size=2)):
        plot.add("survey", draw(st.sampled_from(list(terms))), ADMITTED_AT + 60 * DAY, number=survey)


def _needed(terms: Terms) -> Iterable[tuple[str, datetime, int, str]]:
    rule, ends_at = terms.rule, terms.rule.span.ends_at
    for session in rule.sessions:
        yield "session_attended", session.starts_at, session.sequence, session.proof
    if rule.post_test:
        yield "post_test_taken", ends_at, 0, ""
    if rule.graded:
        yield "work_graded", ends_at + HOUR, 0, ""
    if rule.certificate:
        yield "certificate_issued", ends_at + HOUR, 0, ""


def _noise(terms: Terms) -> list[tuple[str, datetime, int, str]]:
    """Return facts that change nothing. A second test that is passed would: the earliest known one is named."""
    first, ends_at = terms.rule.sessions[0], terms.rule.span.ends_at
    return [
        ("session_attended", first.starts_at, 1, "venue_qr" if first.proof == "face" else "face"),
        ("session_attended", first.starts_at, SESSIONS + 1, first.proof),
        ("session_attended", first.starts_at - 3 * HOUR, 1, first.proof),
        ("session_attended", first.starts_at, 1, first.proof),
        ("post_test_taken", ends_at - HOUR, 0, "failed"),
        ("work_graded", ends_at + HOUR, 0, "LP0002"),
        ("work_graded", ends_at + 60 * DAY, 0, ""),
        ("certificate_issued", ends_at + HOUR, 0, ""),
    ]


def _change_minds(draw: st.DrawFn, plot: Plot, codes: Sequence[str]) -> tuple[bool, bool]:
    """Add blocks, an erasure, a void, and revocations; return whether a training is voided, and whether one is revoked.

    What annuls a training competes with its completion, and so with the next purchase: it is of the last training, or a
    void from before the next purchase.
    """
    for number in range(draw(st.sampled_from([0, 0, 1, 2, 3, 4]))):
        at = ADMITTED_AT + draw(st.sampled_from([4, 7, 11, 20, 40, 90, 1])) * DAY
        plot.add(draw(st.sampled_from(["unblock", "block"])), "", at, number=number)
    if draw(st.integers(0, 7)) == 7:
        plot.add("erasure", "", ADMITTED_AT + 30 * DAY)
    voided = draw(st.sampled_from([None, None, *codes]))
    if voided is not None:
        after = draw(st.sampled_from([HOUR, 20 * DAY])) if voided == codes[-1] else HOUR
        plot.add("void", voided, STARTS[voided] + after)
    return voided is not None, _revoke(draw, plot, codes)


def _revoke(draw: st.DrawFn, plot: Plot, codes: Sequence[str]) -> bool:
    """Revoke some evidence that another event stands in for, or, and then return True, some of the last training."""
    evidence = [fact for fact in plot.facts if "_" in fact.kind and fact.kind != "training_rated"]
    for fact in draw(st.lists(st.sampled_from(evidence), max_size=2, unique=True)) if evidence else []:
        spare = plot.add(fact.kind, fact.code, fact.at, number=fact.number, detail=fact.detail, name=f"{fact.id} again")
        plot.behind.add((spare, _revocation(plot, fact)))
    last = [fact for fact in evidence if fact.code == codes[-1]]
    if last and draw(st.integers(0, 3)) == 3:
        of_kind = draw(st.sampled_from(last)).kind
        for fact in [one for one in plot.facts if (one.kind, one.code) == (of_kind, codes[-1])]:
            _revocation(plot, fact)
        return True
    return False


def _revocation(plot: Plot, fact: Fact) -> str:
    on_attendance = fact.kind == "session_attended"
    return plot.add("revocation", fact.code, fact.at + 50 * DAY, number=on_attendance, detail=fact.id)


def _order_what_competes(plot: Plot) -> None:
    """Purchases compete with all that was earlier: other purchases, voids, blocks.

    An approval is waited for only where the scheme requires it; else it counts as far as it is known.
    """
    required = plot.scheme.purchase.catalogue == "required"
    for fact in [one for one in plot.facts if one.kind == "purchase"]:
        for one in plot.facts:
            competes = one.kind in ("purchase", "void", "block", "unblock", "approval") and one is not fact
            if competes and one.at <= fact.at and not (one.kind == "approval" and required):
                plot.behind.add((one.id, fact.id))
