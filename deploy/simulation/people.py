"""A cohort of people with their personas; equal seeds make equal cohorts."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from deploy.simulation.regions import districts, regencies
from shared.contracts.topics import PARTNERS

WAVE = "48"
OPENS_AT = datetime(2023, 2, 17, 12, tzinfo=UTC)
CLOSES_AT = datetime(2023, 2, 20, 12, tzinfo=UTC)
TIMELINE_ENDS_AT = datetime(2023, 3, 25, 3, tzinfo=UTC)
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
}
OUT_OF = 1000

REFUSED = frozenset({Persona.TOO_YOUNG, Persona.WRONG_BIRTH_DATE, Persona.SAME_NIK})
REJECTED = frozenset({Persona.TOO_DEAR, Persona.TOO_SHORT})
UNFINISHED = frozenset({Persona.NEVER_FINISHES, Persona.TOO_EARLY})

BALANCE = 3_500_000
# Late enough for a first training of three sessions to be completed and rated, early enough to buy another.
SECOND_AFTER = timedelta(days=10)


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
    def completes(self) -> bool:
        return self.persona not in REFUSED | REJECTED | UNFINISHED

    @property
    def rates(self) -> bool:
        return self.completes and self.persona is not Persona.NEVER_RATES

    @property
    def trainings(self) -> "tuple[Person, ...]":
        """The person once per training, the first one first; a second training costs the balance that is left."""
        if self.persona is not Persona.SECOND_TRAINING:
            return (self,)
        second = replace(
            self,
            persona=Persona.NEVER_RATES,
            redeem_code=f"NEXT{self.redeem_code[4:]}",
            price=BALANCE - self.price,
            admitted_at=self.admitted_at + SECOND_AFTER,
        )
        return (self, second)


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
    at = number % OUT_OF if number < OUT_OF else rng.randrange(OUT_OF)
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
        mode=MODES[number % len(MODES)],
        platform=PLATFORMS[number % len(PLATFORMS)],
        provider_id=rng.choice(PROVIDERS),
        price=_price(rng, persona),
        sessions=1 if persona is Persona.TOO_EARLY else rng.randrange(1, 4),
        admitted_at=OPENS_AT + timedelta(hours=80, seconds=rng.randrange(86_400)),
    )


def _price(rng: random.Random, persona: Persona) -> int:
    if persona is Persona.TOO_DEAR:
        return 4_000_000
    price = rng.randrange(400, 3500) * 1000
    return price // 2 if persona is Persona.SECOND_TRAINING else price


def _nik(district: str, born: date, gender: str, number: int) -> str:
    day = born.day + (40 if gender == "female" else 0)
    return f"{district}{day:02d}{born.month:02d}{born.year % 100:02d}{number % 10_000:04d}"


def _account(number: int, persona: Persona) -> str:
    """Return an account number whose last four digits decide the partner's behaviour (deploy/simulation/partner.py)."""
    ending = {
        Persona.CLOSED: "0404",
        Persona.CLOSED_THEN_ANOTHER: "0404",
        Persona.WRONG_AMOUNT_FIRST: "0777",
        Persona.REJECTED_AFTERWARDS: "0778",
        Persona.CONTRADICTED: "0779",
    }.get(persona, "1000")
    return f"08{number:08d}{ending}"


def _redeem_code(number: int) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    text = ""
    for _ in range(8):
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return f"PRAT{text}"
