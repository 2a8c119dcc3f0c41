"""Plan of the demo: the people, the records that upstream systems send, and the records that must be parked."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from deploy.simulation.delivery import OutgoingRecord, interleave, outgoing_record
from deploy.simulation.hostile import hostile_records
from deploy.simulation.people import LATE_PROVIDER, TIMELINE_ENDS_AT, Person, Persona, cohort
from deploy.simulation.scheme import INCENTIVE
from deploy.simulation.timeline import (
    Sealer,
    SimulatedEvent,
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


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Records to send and the figures to expect.

    `first` and `later`: two shuffled groups of records. `rogue_report`: a report with a reference that Salur never
    issued. `appropriated`: rupiah by component. `parked`: number of records that must be parked, by reason.
    """

    people: Sequence[Person]
    first: Sequence[OutgoingRecord]
    later: Sequence[OutgoingRecord]
    rogue_report: OutgoingRecord
    appropriated: dict[str, int]
    parked: Counter[str]


def make_plan(seed: int, people: int, keys: Sealer) -> DemoPlan:
    """Make the plan of a seed; equal seeds make equal plans, except for the random part of seals."""
    everybody = cohort(seed, people)
    late_people = [person for person in everybody if person.persona is Persona.SAME_NIK]
    first_people = [person for person in everybody if person.persona is not Persona.SAME_NIK]
    random.Random(f"script-{seed}").shuffle(first_people)
    funds = {
        "training": sum(one.price for person in everybody if person.completes for one in person.trainings)
        + SPARE_RUPIAH,
        "incentive": sum(INCENTIVE for person in everybody if person.rates) + SPARE_RUPIAH,
    }
    causes = [wave_opened(), *_providers(keys, late=False), *_instalments(funds, FIRST_INSTALMENT_PERCENT, "1")]
    first = interleave([causes, *(list(first_events(person, keys)) for person in first_people)], seed)
    later: list[SimulatedEvent] = [
        *_providers(keys, late=True),
        *_instalments(funds, 100 - FIRST_INSTALMENT_PERCENT, "2"),
        *chain.from_iterable(cures(person, keys) for person in first_people),
        *chain.from_iterable(timeline(person, keys) for person in late_people),
    ]
    later_records = [*interleave([later], seed + 1), *hostile_records(everybody, keys)]
    rogue_report = _rogue_report()
    parked = Counter(one.parked for one in (*first, *later_records, rogue_report) if one.parked)
    return DemoPlan(everybody, first, later_records, rogue_report, funds, parked + _reports_parked(everybody))


def _providers(keys: Sealer, *, late: bool) -> list[SimulatedEvent]:
    return [provider for provider in providers_registered(keys) if (provider.key == LATE_PROVIDER) is late]


def _instalments(funds: dict[str, int], percent: int, number: str) -> list[SimulatedEvent]:
    return [
        funds_appropriated(component, amount * percent // 100, f"SP2D-23-{component}-{number}")
        for component, amount in funds.items()
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


def _reports_parked(people: Sequence[Person]) -> Counter[str]:
    """Count the contradictory reports that the simulated partners will send, by the reason they are parked for."""
    paid = [person.persona for person in people if person.rates]
    return Counter(
        amount_mismatch=paid.count(Persona.WRONG_AMOUNT_FIRST),
        contradicts_final=paid.count(Persona.REJECTED_AFTERWARDS) + paid.count(Persona.CONTRADICTED),
    )
