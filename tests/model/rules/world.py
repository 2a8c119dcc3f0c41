"""Three services in memory, joined by their topics, and the schedules by which they read."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import NamedTuple

from services.completion.domain.enrollment import EnrollmentState
from services.enrollment.domain.forfeit import Forfeit
from services.enrollment.domain.purchase import PurchaseRejection
from services.payment.domain.disbursement import DisbursementKey
from tests.model.rules.completion import CompletionModel
from tests.model.rules.enrollment import EnrollmentModel
from tests.model.rules.facts import NOW, Fact
from tests.model.rules.journeys import Journey
from tests.model.rules.partners import Partners
from tests.model.rules.payment import PaymentModel
from tests.model.rules.payouts import Payouts
from tests.model.rules.reports import decide, receive

OF_ENROLLMENT = frozenset(
    {"wave", "approval", "admission", "erasure", "account", "block", "unblock", "purchase", "void"}
)


class Decisions(NamedTuple):
    """All that counts in the end: decisions that stand, and money that was paid and is not claimed back.

    Of a training that is voided or revoked it does not matter how far it had come, but its completion may have started
    a deadline for buying. A void starts another one, so only the sum of what is forfeited is the same then; after a
    revocation only a cut-off makes it so. `earned`: the benefits of trainings that stand. Of a participant who is
    blocked nothing is said of `kept`: a block meets what was paid before, or holds it. Of one who is erased nothing is
    said of either.
    """

    refusal: str
    confirmed: frozenset[str]
    voided: frozenset[str]
    rejected: dict[str, PurchaseRejection]
    forfeits: tuple[Forfeit, ...] | int | None
    completed: dict[str, datetime | None]
    rated: frozenset[str]
    earned: frozenset[DisbursementKey]
    kept: dict[DisbursementKey, int]


class World:
    """The services, and how far each of them has read the topics of the others."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.enrollment = EnrollmentModel(
            journey.versions, journey.wave, journey.applicant, journey.terms, journey.courses
        )
        self.completion = CompletionModel(journey.terms)
        self.payouts = Payouts(Partners(journey.ways))
        self.payment = PaymentModel(journey.terms, self.payouts)
        self.links: list[tuple[EnrollmentModel | CompletionModel, CompletionModel | EnrollmentModel | PaymentModel]] = [
            (self.enrollment, self.completion),
            (self.enrollment, self.payment),
            (self.completion, self.payment),
            (self.completion, self.enrollment),
        ]
        self.read = [0] * len(self.links)

    def send(self, batch: Iterable[Fact]) -> None:
        """Bring a batch of upstream's to the services that read it."""
        of_topic: defaultdict[bool, list[Fact]] = defaultdict(list)
        for fact in batch:
            of_topic[fact.kind in OF_ENROLLMENT].append(fact)
        self.enrollment.read(of_topic[True])
        self.completion.read(of_topic[False])

    def read_on(self, link: int, at_most: int) -> bool:
        """Let a service read on in the topic of another one; return True if there was something to read."""
        producer, reader = self.links[link]
        start = self.read[link]
        batch = producer.announced[start : start + at_most]
        self.read[link] += len(batch)
        if batch:
            reader.read(batch)
        return bool(batch)

    def drain(self) -> None:
        while sum(self.read_on(link, at_most=1_000) for link in range(len(self.links))):
            pass

    def end(self) -> None:
        """Read everything, and let all deadlines act that have waited for that; then comes the cut-off."""
        self.drain()
        # Twice: a training decided at its deadline may be completed by what waited for it, which starts another one.
        for service in (self.completion, self.enrollment, self.payment) * 2:
            service.sweep()
            self.drain()
        self.settle()
        if self.journey.wave.cut_off_at is not None:
            self.payouts.cut_off()
            self.settle()

    def settle(self) -> None:
        """Let partners and two persons say all that they have to say, and make all attempts that follow."""
        while self.answer() or self.payouts.retry() or decide(self.payouts):
            pass

    def answer(self, at: datetime = NOW, random: Random | None = None) -> bool:
        """Let partners report on their attempts, each as far as `random` draws; return True if they did."""
        said = False
        for attempt in list(self.payouts.attempts.values()):
            while (random is None or random.random() < 0.5) and (report := self.payouts.partners.answer(attempt, at)):
                said = True
                for _ in range(1 if random is None else random.choice((1, 2))):
                    receive(self.payouts, report)
        return said

    def decisions(self) -> Decisions:
        trainings = self.enrollment.trainings
        voided = frozenset(code for code, one in trainings.items() if one.voided_at is not None)
        completed = {
            code: trainings[code].completed_at
            for code, one in self.completion.known.items()
            if one.state is EnrollmentState.COMPLETED and code not in voided
        }
        payouts = self.payouts
        earned = {key for key in payouts.disbursements if not payouts.enrollments[key[0]].is_annulled}
        return Decisions(
            self.enrollment.refusal,
            frozenset(trainings),
            voided,
            self.enrollment.rejected,
            self._forfeits(),
            completed,
            frozenset(code for code in completed if trainings[code].rated_at is not None),
            frozenset() if payouts.is_erased else frozenset(earned),
            {} if payouts.is_erased or payouts.is_blocked else self.payment.kept(),
        )

    def _forfeits(self) -> tuple[Forfeit, ...] | int | None:
        forfeits = tuple(self.enrollment.participant.forfeits) if self.enrollment.participant else ()
        if not self.journey.is_annulled:
            return forfeits
        by_revocation = self.journey.is_revoked and self.journey.wave.cut_off_at is None
        return None if by_revocation else sum(one.amount for one in forfeits)


def in_order(journey: Journey) -> World:
    """Play a journey as it happens: each fact is read by everyone before the next one, and partners answer at once."""
    world = World(journey)
    for fact in _behind(journey, sorted(journey.facts, key=lambda fact: fact.at)):
        world.send([fact])
        world.drain()
        world.answer(fact.at)
        world.payouts.retry()
    world.end()
    return world


def shuffled(journey: Journey, seed: int, *, cuts_off: bool = False) -> World:
    """Play a journey in an order that the seed draws: repeated, in batches, each service as far behind as it likes.

    Partners answer between the batches, at times that are drawn as well. `cuts_off`: the cut-off comes at any moment.
    """
    random, world = Random(seed), World(journey)
    order = [fact for fact in journey.facts for _ in range(random.choice((1, 1, 2, 3)))]
    random.shuffle(order)
    pays_late = journey.is_annulled and not cuts_off
    accounts = [fact for fact in order if fact.kind == "account"] if pays_late else []
    for batch in _batches(_behind(journey, [fact for fact in order if fact not in accounts]), random):
        world.send(batch)
        for link in random.sample(range(len(world.links)), random.randrange(len(world.links) + 1)):
            world.read_on(link, random.choice((1, 2, 5)))
        world.answer(random.choice(journey.facts).at, random)
        if random.random() < 0.5:
            world.payouts.retry()
        if cuts_off and random.random() < 0.3:
            world.payouts.cut_off()
    world.drain()
    world.send(accounts)
    world.end()
    return world


def _behind(journey: Journey, order: Iterable[Fact]) -> list[Fact]:
    """Move each fact behind the first copies of all with which it competes."""
    missing: dict[str, set[str]] = defaultdict(set)
    for first, second in journey.behind:
        missing[second].add(first)
    read, held, moved = set[str](), list[Fact](), list[Fact]()
    for fact in order:
        held.append(fact)
        while ready := next((one for one in held if missing[one.id] <= read), None):
            held.remove(ready)
            moved.append(ready)
            read.add(ready.id)
    assert not held
    return moved


def _batches(order: Sequence[Fact], random: Random) -> list[Sequence[Fact]]:
    cuts = sorted(random.sample(range(len(order) + 1), min(len(order), random.randrange(8))))
    return [order[start:end] for start, end in pairwise([0, *cuts, len(order)])]
