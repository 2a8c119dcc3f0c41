"""Plan of the demo: the people, the records that upstream systems send, and the records that must be parked."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from deploy.demo.audit import Fund, expected_entitlements
from deploy.demo.follow_ups import FollowUps
from deploy.demo.observer import Observed
from deploy.simulation.delivery import OutgoingRecord, interleave, outgoing_record
from deploy.simulation.hostile import hostile_records
from deploy.simulation.outcome import expected_outcome
from deploy.simulation.people import (
    DEADLINES_PASSED_AT,
    LATE_PROVIDER,
    SEMI_BANSOS_WAVE,
    SMALL_WAVE,
    TIMELINE_ENDS_AT,
    Person,
    Persona,
    cohort,
)
from deploy.simulation.scheme import INCENTIVE, cut_off_at
from deploy.simulation.timeline import (
    Sealer,
    SimulatedEvent,
    courses_approved,
    cures,
    first_events,
    funds_appropriated,
    providers_registered,
    rupiah,
    timeline,
    wave_opened,
)
from shared.times import write_time

# The treasury sends the rest later; until then some payments are held for lack of funds.
FIRST_INSTALMENT_PERCENT = 70
SPARE_RUPIAH = 250_000_000
ROGUE_PARTNER, UNKNOWN_REFERENCE = "dana", "0ZZZZZZZZZZZZZZZ"
# Those whom only what others did before them keeps out.
COME_LATER = frozenset({Persona.SAME_NIK, Persona.WAVE_FULL})
# In the first leap what was not finished expires, and balances are forfeited; after each of them a monthly incentive is
# due. In the last one the year is over, and with it the cut-off of the waves of the normal scheme.
LEAPS = (DEADLINES_PASSED_AT, datetime(2023, 5, 10, 3, tzinfo=UTC), datetime(2024, 1, 2, 3, tzinfo=UTC))

Funds = dict[Fund, int]
"""Rupiah by fund."""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Records to send and the figures to expect.

    `first` and `later`: two groups of records, shuffled. `follow_ups`: the further steps of people. `rogue_report`: a
    report with a reference that Salur never issued. `parked`: number of records that must be parked, by reason.
    """

    people: Sequence[Person]
    first: Sequence[OutgoingRecord]
    later: Sequence[OutgoingRecord]
    follow_ups: FollowUps
    rogue_report: OutgoingRecord
    appropriated: Funds
    parked: Counter[str]

    def unspent(self, seen: Observed) -> Funds:
        """Return the rupiah of each fund past its cut-off that were not paid, and are not held."""
        wave_of = {training.redeem_code: person.wave for person in self.people for training in person.trainings}
        kept = Counter[Fund]()
        for key, state in seen.states.items():
            if state in ("settled", "held"):
                kept[wave_of[key[0]], component_of(key[1])] += seen.amounts[key]
        passed = {wave for wave, _ in self.appropriated if (at := cut_off_at(wave)) is not None and at <= LEAPS[-1]}
        return {fund: given - kept[fund] for fund, given in self.appropriated.items() if fund[0] in passed}


def make_plan(seed: int, people: int, keys: Sealer) -> DemoPlan:
    """Make the plan of a seed; equal seeds make equal plans, except for the random part of seals."""
    everybody = cohort(seed, people)
    late_people = [person for person in everybody if person.persona in COME_LATER]
    first_people = [person for person in everybody if person.persona not in COME_LATER]
    random.Random(f"script-{seed}").shuffle(first_people)
    funds = _funds(everybody)
    causes = [*_waves(everybody), *_providers(keys, late=False), *_instalments(funds, FIRST_INSTALMENT_PERCENT, "1")]
    # No purchase is decided before its wave is known; courses approved before that are known to all of them.
    first = interleave([list(courses_approved())], seed)
    first += interleave([causes, *(list(first_events(person, keys)) for person in first_people)], seed)
    later: list[SimulatedEvent] = [
        *_providers(keys, late=True),
        *_instalments(funds, 100 - FIRST_INSTALMENT_PERCENT, "2"),
        *chain.from_iterable(cures(person, keys) for person in first_people),
        *chain.from_iterable(timeline(person, keys) for person in late_people),
    ]
    later_records = [*interleave([later], seed + 1), *hostile_records(everybody, keys)]
    follow_ups = FollowUps()
    follow_ups.add(everybody, keys)
    rogue_report = _rogue_report()
    parked = Counter(one.parked for one in (*first, *later_records, rogue_report) if one.parked)
    parked += reports_parked(everybody)
    return DemoPlan(everybody, first, later_records, follow_ups, rogue_report, funds, parked)


def component_of(benefit: str) -> str:
    """Return the part of its wave's money that a benefit is paid from."""
    kind = benefit.partition("_")[0]
    return "training" if kind == "fee" else kind


def _waves(people: Sequence[Person]) -> list[SimulatedEvent]:
    last_places = sum(person.persona is Persona.LAST_PLACE for person in people)
    return [wave_opened(), wave_opened(wave=SEMI_BANSOS_WAVE), wave_opened(max(last_places, 1), SMALL_WAVE)]


def _funds(people: Sequence[Person]) -> Funds:
    """Return what all benefits cost that ever fall due, and some more."""
    funds = Counter[tuple[str, str]]()
    for person in people:
        for (_, benefit), payment in expected_entitlements([person], LEAPS[-1]).items():
            funds[person.wave, component_of(benefit)] += payment.amount
    return {key: needed + SPARE_RUPIAH for key, needed in funds.items()}


def _providers(keys: Sealer, *, late: bool) -> list[SimulatedEvent]:
    return [provider for provider in providers_registered(keys) if (provider.key == LATE_PROVIDER) is late]


def _instalments(funds: Funds, percent: int, number: str) -> list[SimulatedEvent]:
    return [
        funds_appropriated(component, amount * percent // 100, f"SP2D-23-{wave}-{component}-{number}", wave)
        for (wave, component), amount in funds.items()
    ]


def _rogue_report() -> OutgoingRecord:
    data = {
        "reference": UNKNOWN_REFERENCE,
        "status": "settled",
        "amount": rupiah(INCENTIVE),
        "reason": None,
        "partner_reference": "stranger",
        "reported_at": write_time(TIMELINE_ENDS_AT),
    }
    topic, kind = f"disbursement-reports.{ROGUE_PARTNER}", "salur.partner.disbursement_reported.v1"
    report = SimulatedEvent(
        topic, f"/partners/{ROGUE_PARTNER}", kind, UNKNOWN_REFERENCE, data, TIMELINE_ENDS_AT, "unknown_reference"
    )
    return outgoing_record(report)


def reports_parked(people: Sequence[Person]) -> Counter[str]:
    """Count the contradictory reports that the simulated partners will send, by the reason they are parked for."""
    paid = Counter(
        person.persona
        for person in people
        if any("incentive_1" in training.payments for training in expected_outcome(person).trainings)
    )
    return Counter(
        amount_mismatch=paid[Persona.WRONG_AMOUNT_FIRST],
        contradicts_final=paid[Persona.REJECTED_AFTERWARDS] + paid[Persona.CONTRADICTED],
    )
