"""A cohort of people with their personas; equal seeds make equal cohorts."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from deploy.simulation.regions import districts, regencies
from shared.contracts.topics import PARTNERS

WAVE, SEMI_BANSOS_WAVE, SMALL_WAVE = "48", "47", "49"
"""The wave of all but a few; one with the scheme of the pandemic; one with a place for each LAST_PLACE alone."""
OPENS_AT = datetime(2023, 2, 17, 12, tzinfo=UTC)
CLOSES_AT = datetime(2023, 2, 20, 12, tzinfo=UTC)
# The end of the 30th day after that, in Jakarta.
LAST_ADMISSION_BEFORE = datetime(2023, 3, 22, 17, tzinfo=UTC)
TIMELINE_ENDS_AT = datetime(2023, 3, 25, 3, tzinfo=UTC)
DEADLINES_PASSED_AT = datetime(2023, 4, 10, 3, tzinfo=UTC)
"""By then the time to buy is over, and that to complete; what a late step brings is not heard of before."""
MODES = ("online", "self_paced", "offline", "hybrid")
PLATFORMS = ("pintar", "karier", "siapkerja")
PROVIDERS = tuple(f"LP{number:04d}" for number in range(1, 25))
LATE_PROVIDER = PROVIDERS[-1]
SHARE_VILLAGE, SHARE_WOMEN, SHARE_DISABILITY = 0.56, 0.49, 0.03


class Persona(StrEnum):
    """A person's deviation from the ordinary course of events."""

    ORDINARY = "ordinary"
    RETAKES_THE_TEST = "retakes the test"
    NEVER_FINISHES = "never finishes"
    TOO_EARLY = "attends before the doors open"
    NEVER_RATES = "never rates"
    NO_ACCOUNT = "links no account"
    OTHER_NIK = "links somebody else's account"
    VERIFIED_LATE = "is verified late"
    SECOND_ACCOUNT = "links a second account"
    CLOSED_THEN_ANOTHER = "account closed, links another"
    CLOSED = "account closed"
    TOO_YOUNG = "too young"
    WRONG_BIRTH_DATE = "birth date does not agree with the NIK"
    SAME_NIK = "NIK of another"
    TOO_DEAR = "training dearer than the balance"
    TOO_SHORT = "training too short"
    WRONG_AMOUNT_FIRST = "partner reports a wrong amount first"
    REJECTED_AFTERWARDS = "partner rejects what it has settled"
    CONTRADICTED = "partner reports as settled what it has rejected"
    SECOND_TRAINING = "completes a second training and never rates it"
    ANSWERS_SURVEYS = "answers two surveys"
    COURSE_APPROVED = "buys an approved course at its highest price"
    ABOVE_APPROVED = "pays more than was approved"
    NOT_APPROVED = "buys what was approved for another provider"
    CLASS_TOO_LARGE = "class too large"
    BUYS_LATE = "buys the first training too late"
    BUYS_NEXT_LATE = "buys the second training too late"
    BUYS_TOO_SOON = "buys a second training before the first has ended"
    BUYS_WHILE_BLOCKED = "buys while blocked"
    ADMITTED_LATE = "admitted too long after the wave has closed"
    LAST_PLACE = "admitted to the last place of a wave"
    WAVE_FULL = "applies to a wave that is full"
    BLOCKED = "blocked before completing"
    UNBLOCKED = "blocked before completing, and unblocked"
    BLOCKED_AFTERWARDS = "blocked before being paid, as is known afterwards"
    VOIDED_FIRST = "class cancelled before it began, buys another"
    VOIDED_WHILE_HELD = "class cancelled while the incentive is held"
    VOIDED_AFTERWARDS = "class cancelled after payment"
    FRAUD_FOUND_FIRST = "attendance found false before completion"
    FRAUD_FOUND_AFTERWARDS = "attendance found false after payment"
    TEST_REVOKED = "one of two tests revoked after payment"
    NEVER_BUYS = "never buys"
    HEARD_TOO_LATE = "buys in time, as is heard after the balance is forfeited"
    NEXT_HEARD_TOO_LATE = "buys again in time, as is heard after the rest is forfeited"
    REOPENED = "test reported after the training has expired, and reopened"
    RETURNED = "account closed after payment, links another"
    ERASED_FIRST = "erased before buying"
    ERASED_WHILE_HELD = "erased while the incentive is held"
    ERASED_AFTERWARDS = "erased after payment"
    SEMI_BANSOS = "has the scheme of the pandemic"
    SEMI_BANSOS_VOIDED = "has the scheme of the pandemic, class cancelled after the first incentive"
    SEMI_BANSOS_OFFLINE = "buys offline under the scheme of the pandemic"
    ANSWERED_WHEN_ASKED = "partner pays and is silent until it is asked"
    INSTRUCTION_LOST = "partner loses the instruction"
    PAID_TWICE = "partner pays twice"


WEIGHTS = {
    Persona.RETAKES_THE_TEST: 30,
    Persona.NEVER_FINISHES: 60,
    Persona.TOO_EARLY: 5,
    Persona.NEVER_RATES: 30,
    Persona.NO_ACCOUNT: 25,
    Persona.OTHER_NIK: 15,
    Persona.VERIFIED_LATE: 20,
    Persona.SECOND_ACCOUNT: 20,
    Persona.CLOSED_THEN_ANOTHER: 20,
    Persona.CLOSED: 8,
    Persona.TOO_YOUNG: 6,
    Persona.WRONG_BIRTH_DATE: 6,
    Persona.SAME_NIK: 6,
    Persona.TOO_DEAR: 6,
    Persona.TOO_SHORT: 6,
    Persona.WRONG_AMOUNT_FIRST: 3,
    Persona.REJECTED_AFTERWARDS: 3,
    Persona.SECOND_TRAINING: 20,
    Persona.CONTRADICTED: 3,
    Persona.ANSWERS_SURVEYS: 12,
    Persona.COURSE_APPROVED: 4,
    Persona.ABOVE_APPROVED: 3,
    Persona.NOT_APPROVED: 3,
    Persona.CLASS_TOO_LARGE: 3,
    Persona.BUYS_LATE: 3,
    Persona.BUYS_NEXT_LATE: 3,
    Persona.BUYS_TOO_SOON: 3,
    Persona.BUYS_WHILE_BLOCKED: 3,
    Persona.ADMITTED_LATE: 3,
    Persona.LAST_PLACE: 1,
    Persona.WAVE_FULL: 2,
    Persona.BLOCKED: 5,
    Persona.UNBLOCKED: 5,
    Persona.BLOCKED_AFTERWARDS: 5,
    Persona.VOIDED_FIRST: 5,
    Persona.VOIDED_WHILE_HELD: 3,
    Persona.VOIDED_AFTERWARDS: 5,
    Persona.FRAUD_FOUND_FIRST: 5,
    Persona.FRAUD_FOUND_AFTERWARDS: 5,
    Persona.TEST_REVOKED: 3,
    Persona.NEVER_BUYS: 3,
    Persona.HEARD_TOO_LATE: 3,
    Persona.NEXT_HEARD_TOO_LATE: 3,
    Persona.REOPENED: 2,
    Persona.RETURNED: 4,
    Persona.ERASED_FIRST: 3,
    Persona.ERASED_WHILE_HELD: 3,
    Persona.ERASED_AFTERWARDS: 3,
    Persona.SEMI_BANSOS: 12,
    Persona.SEMI_BANSOS_VOIDED: 4,
    Persona.SEMI_BANSOS_OFFLINE: 2,
    Persona.ANSWERED_WHEN_ASKED: 4,
    Persona.INSTRUCTION_LOST: 4,
    Persona.PAID_TWICE: 2,
}
OUT_OF = 1000
FIRST_ORDINARY = 20
"""Number of people at the beginning of a cohort who are ordinary, so that a small one has some too."""

IN_SEMI_BANSOS = frozenset({Persona.SEMI_BANSOS, Persona.SEMI_BANSOS_VOIDED, Persona.SEMI_BANSOS_OFFLINE})
IN_SMALL_WAVE = frozenset({Persona.LAST_PLACE, Persona.WAVE_FULL})
FOUND_FALSE = frozenset({Persona.FRAUD_FOUND_FIRST, Persona.FRAUD_FOUND_AFTERWARDS})

BALANCE = 3_500_000
APPROVED_PRICE = 2_000_000
"""Highest price of the approved courses, one of each provider."""
PRICES = {
    Persona.TOO_DEAR: 4_000_000,
    # Nothing is left to forfeit, whenever its completion is heard of.
    Persona.REOPENED: BALANCE,
    Persona.COURSE_APPROVED: APPROVED_PRICE,
    Persona.ABOVE_APPROVED: APPROVED_PRICE + 1,
    Persona.NOT_APPROVED: APPROVED_PRICE,
}
BUYS_ANOTHER = {
    # Late enough for a first training of three sessions to be completed and rated, early enough to buy another.
    Persona.SECOND_TRAINING: timedelta(days=10),
    Persona.NEXT_HEARD_TOO_LATE: timedelta(days=10),
    Persona.VOIDED_FIRST: timedelta(days=10),
    Persona.BUYS_TOO_SOON: timedelta(hours=1),
    Persona.BUYS_NEXT_LATE: timedelta(days=24),
}
"""Time from the purchase of the first training to that of the second."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person with one training; NIK, accounts and all other personal data are invented."""

    number: int
    participant_id: str
    nik: str
    birth_date: date
    gender: str
    regency: str
    dwelling: str
    disability: bool
    persona: Persona
    partner: str
    account: str
    second_account: str
    redeem_code: str
    mode: str
    platform: str
    provider_id: str
    price: int
    sessions: int
    admitted_at: datetime

    @property
    def trainings(self) -> "tuple[Person, ...]":
        """The person once per training, the first one first.

        A second training costs the balance that is left, or more than was left before the first one was cancelled.
        """
        after = BUYS_ANOTHER.get(self.persona)
        if after is None:
            return (self,)
        replaces_first = self.persona is Persona.VOIDED_FIRST
        second = replace(
            self,
            persona=Persona.ORDINARY if replaces_first else Persona.NEVER_RATES,
            redeem_code=f"NEXT{self.redeem_code[4:]}",
            price=BALANCE - (self.price // 2 if replaces_first else self.price),
            admitted_at=self.admitted_at + after,
        )
        return (self, second)

    @property
    def wave(self) -> str:
        if self.persona in IN_SEMI_BANSOS:
            return SEMI_BANSOS_WAVE
        return SMALL_WAVE if self.persona in IN_SMALL_WAVE else WAVE


def cohort(seed: int, people: int, first_number: int = 0, *, weights: Mapping[Persona, int] = WEIGHTS) -> list[Person]:
    """Make people of wave 48 with real places and the programme's shares, numbered from `first_number`.

    `weights`: how many of `OUT_OF` have each persona; all others are ordinary.
    """
    rng = random.Random(f"cohort-{seed}-{first_number}")
    born: list[Person] = []
    for number in range(first_number, first_number + people):
        persona = _persona(rng, number, weights)
        born.append(_person(rng, number, persona, born))
    return born


def _persona(rng: random.Random, number: int, weights: Mapping[Persona, int]) -> Persona:
    at = number - FIRST_ORDINARY if number < OUT_OF else rng.randrange(OUT_OF)
    if at < 0:
        return Persona.ORDINARY
    for persona, weight in weights.items():
        at -= weight
        if at < 0:
            return persona
    return Persona.ORDINARY


def _person(rng: random.Random, number: int, persona: Persona, born: list[Person]) -> Person:
    gender = "female" if rng.random() < SHARE_WOMEN else "male"
    birth_date = (
        date(2006, 6, 1) if persona is Persona.TOO_YOUNG else date(1962, 1, 1) + timedelta(rng.randrange(15_000))
    )
    district = rng.choice(districts())
    nik = _nik(district, birth_date, gender, number)
    if persona is Persona.WRONG_BIRTH_DATE:
        birth_date += timedelta(days=1)
    if persona is Persona.SAME_NIK and born:
        gender, birth_date, nik = born[0].gender, born[0].birth_date, born[0].nik
    return Person(
        number=number,
        participant_id=f"4810{number:012d}",
        nik=nik,
        birth_date=birth_date,
        gender=gender,
        regency=rng.choice(regencies()),
        dwelling="village" if rng.random() < SHARE_VILLAGE else "town",
        disability=rng.random() < SHARE_DISABILITY,
        persona=persona,
        partner=rng.choice(PARTNERS),
        account=_account(number, persona),
        second_account=f"08{number:08d}2000",
        redeem_code=_redeem_code(number),
        mode=_mode(number, persona),
        platform=PLATFORMS[number % len(PLATFORMS)],
        provider_id=rng.choice(PROVIDERS),
        price=_price(rng, persona),
        sessions=1 if persona is Persona.TOO_EARLY else rng.randrange(1, 4),
        admitted_at=_admitted_at(rng, persona),
    )


def _mode(number: int, persona: Persona) -> str:
    if persona in (Persona.CLASS_TOO_LARGE, Persona.SEMI_BANSOS_OFFLINE):
        return "offline"
    if persona in FOUND_FALSE:
        return "online"
    return MODES[number % (2 if persona in IN_SEMI_BANSOS else len(MODES))]


def _price(rng: random.Random, persona: Persona) -> int:
    price = rng.randrange(400, 3500) * 1000
    if persona in IN_SEMI_BANSOS:
        return price // 4
    halved = persona in BUYS_ANOTHER and persona is not Persona.VOIDED_FIRST
    return price // 2 if halved else PRICES.get(persona, price)


def _admitted_at(rng: random.Random, persona: Persona) -> datetime:
    if persona is Persona.ADMITTED_LATE:
        return LAST_ADMISSION_BEFORE + timedelta(hours=1)
    return OPENS_AT + timedelta(hours=80, seconds=rng.randrange(86_400))


def _nik(district: str, born: date, gender: str, number: int) -> str:
    day = born.day + (40 if gender == "female" else 0)
    return f"{district}{day:02d}{born.month:02d}{born.year % 100:02d}{number % 10_000:04d}"


def _account(number: int, persona: Persona) -> str:
    """Return an account number whose last four digits decide the partner's behaviour (magic_numbers.py)."""
    ending = {
        Persona.CLOSED: "0404",
        Persona.CLOSED_THEN_ANOTHER: "0404",
        Persona.WRONG_AMOUNT_FIRST: "0777",
        Persona.REJECTED_AFTERWARDS: "0778",
        Persona.CONTRADICTED: "0779",
        Persona.RETURNED: "0780",
        Persona.ANSWERED_WHEN_ASKED: "0010",
        Persona.INSTRUCTION_LOST: "0013",
        Persona.PAID_TWICE: "0014",
    }.get(persona, "1000")
    return f"08{number:08d}{ending}"


def _redeem_code(number: int) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    text = ""
    for _ in range(8):
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return f"PRAT{text}"
