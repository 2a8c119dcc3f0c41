"""What is going to happen in the demo: who comes, what upstream systems send, and what must become of it."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from deploy.simulation.hostile import hostile_records
from deploy.simulation.people import LATE_PROVIDER, STORY_ENDS_AT, Fate, Person, cohort
from deploy.simulation.scheme import INCENTIVE
from deploy.simulation.sending import Letter, interwoven, letter
from deploy.simulation.story import Sealer, Sent, cures, rupiah, story, the_money, the_providers, the_wave, told_first
from shared.times import write_time

# The treasury sends the rest only later: until then some of what is due has to wait for money.
FIRST_INSTALMENT_PERCENT = 70
SPARE_RUPIAH = 250_000_000
STRANGER, NOBODYS_REFERENCE = "dana", "0ZZZZZZZZZZZZZZZ"


@dataclass(frozen=True, slots=True)
class Script:
    """`first` and `later`: two heaps of letters, each mixed up; `stranger`: a report about a payment of nobody's.

    `appropriated`: rupiah by component. `parked`: how many records must be parked, by reason.
    """

    people: Sequence[Person]
    first: Sequence[Letter]
    later: Sequence[Letter]
    stranger: Letter
    appropriated: dict[str, int]
    parked: Counter[str]


def write_script(seed: int, people: int, keys: Sealer) -> Script:
    """The same seed gives the same script, seals apart."""
    everybody = cohort(seed, people)
    late_people = [person for person in everybody if person.fate is Fate.SAME_NIK]
    first_people = [person for person in everybody if person.fate is not Fate.SAME_NIK]
    random.Random(f"script-{seed}").shuffle(first_people)
    funds = {
        "training": sum(one.price for person in everybody if person.completes for one in person.trainings)
        + SPARE_RUPIAH,
        "incentive": sum(INCENTIVE for person in everybody if person.rates) + SPARE_RUPIAH,
    }
    causes = [the_wave(), *_providers(keys, late=False), *_instalments(funds, FIRST_INSTALMENT_PERCENT, "1")]
    first = interwoven([causes, *(list(told_first(person, keys)) for person in first_people)], seed)
    later: list[Sent] = [
        *_providers(keys, late=True),
        *_instalments(funds, 100 - FIRST_INSTALMENT_PERCENT, "2"),
        *chain.from_iterable(cures(person, keys) for person in first_people),
        *chain.from_iterable(story(person, keys) for person in late_people),
    ]
    later_letters = [*interwoven([later], seed + 1), *hostile_records(everybody, keys)]
    stranger = _report_of_a_stranger()
    parked = Counter(one.parked for one in (*first, *later_letters, stranger) if one.parked)
    return Script(everybody, first, later_letters, stranger, funds, parked + _reports_parked(everybody))


def _providers(keys: Sealer, *, late: bool) -> list[Sent]:
    return [provider for provider in the_providers(keys) if (provider.key == LATE_PROVIDER) is late]


def _instalments(funds: dict[str, int], percent: int, number: str) -> list[Sent]:
    return [
        the_money(component, amount * percent // 100, f"SP2D-23-{component}-{number}")
        for component, amount in funds.items()
    ]


def _report_of_a_stranger() -> Letter:
    data = {
        "reference": NOBODYS_REFERENCE,
        "status": "settled",
        "amount": rupiah(INCENTIVE),
        "reason": None,
        "partner_reference": "stranger",
        "reported_at": write_time(STORY_ENDS_AT),
    }
    topic, kind = f"disbursement-reports.{STRANGER}", "salur.partner.disbursement_reported.v1"
    report = Sent(topic, f"/partners/{STRANGER}", kind, NOBODYS_REFERENCE, data, STORY_ENDS_AT, "unknown_reference")
    return letter(report)


def _reports_parked(people: Sequence[Person]) -> Counter[str]:
    """What the simulated partners will say that must not be believed."""
    paid = [person.fate for person in people if person.rates]
    return Counter(
        amount_mismatch=paid.count(Fate.WRONG_AMOUNT_FIRST),
        contradicts_final=paid.count(Fate.REJECTED_AFTERWARDS) + paid.count(Fate.CONTRADICTED),
    )
