"""A cohort: who the people are, and what is going to happen to each. Seeded; the same seed makes the same cohort."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from deploy.simulation.places import districts, regencies
from shared.contracts.topics import PARTNERS

WAVE = "48"
OPENS_AT = datetime(2023, 2, 17, 12, tzinfo=UTC)
CLOSES_AT = datetime(2023, 2, 20, 12, tzinfo=UTC)
STORY_ENDS_AT = datetime(2023, 3, 25, 3, tzinfo=UTC)
MODES = ("online", "self_paced", "offline", "hybrid")
PLATFORMS = ("pintar", "karier", "siapkerja")
PROVIDERS = tuple(f"LP{number:04d}" for number in range(1, 25))
LATE_PROVIDER = PROVIDERS[-1]
SHARE_VILLAGE, SHARE_WOMEN, SHARE_DISABILITY = 0.56, 0.49, 0.03


class Fate(StrEnum):
    """What is special about a person's story; most are ordinary."""

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
    Fate.RETAKES_THE_TEST: 30,
    Fate.NEVER_FINISHES: 60,
    Fate.TOO_EARLY: 5,
    Fate.NEVER_RATES: 30,
    Fate.NO_ACCOUNT: 25,
    Fate.OTHER_NIK: 15,
    Fate.VERIFIED_LATE: 20,
    Fate.SECOND_ACCOUNT: 20,
    Fate.CLOSED_THEN_ANOTHER: 20,
    Fate.CLOSED: 8,
    Fate.TOO_YOUNG: 6,
    Fate.WRONG_BIRTH_DATE: 6,
    Fate.SAME_NIK: 6,
    Fate.TOO_DEAR: 6,
    Fate.TOO_SHORT: 6,
    Fate.WRONG_AMOUNT_FIRST: 3,
    Fate.REJECTED_AFTERWARDS: 3,
    Fate.SECOND_TRAINING: 20,
    Fate.CONTRADICTED: 3,
}
OUT_OF = 1000

REFUSED = frozenset({Fate.TOO_YOUNG, Fate.WRONG_BIRTH_DATE, Fate.SAME_NIK})
REJECTED = frozenset({Fate.TOO_DEAR, Fate.TOO_SHORT})
UNFINISHED = frozenset({Fate.NEVER_FINISHES, Fate.TOO_EARLY})

BALANCE = 3_500_000
# When a first training of three sessions has long been completed and rated, and the next may still be bought.
SECOND_AFTER = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Person:
    """`nik`, `account` and what else is personal are of people who do not exist."""

    number: int
    participant_id: str
    nik: str
    birth_date: date
    gender: str
    regency: str
    dwelling: str
    disability: bool
    fate: Fate
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
        return self.fate not in REFUSED | REJECTED | UNFINISHED

    @property
    def rates(self) -> bool:
        return self.completes and self.fate is not Fate.NEVER_RATES

    @property
    def trainings(self) -> "tuple[Person, ...]":
        """The person as a learner in each training, the first one first; a second one takes what is left to spend."""
        if self.fate is not Fate.SECOND_TRAINING:
            return (self,)
        second = replace(
            self,
            fate=Fate.NEVER_RATES,
            redeem_code=f"NEXT{self.redeem_code[4:]}",
            price=BALANCE - self.price,
            admitted_at=self.admitted_at + SECOND_AFTER,
        )
        return (self, second)


def cohort(seed: int, people: int, first_number: int = 0, *, weights: Mapping[Fate, int] = WEIGHTS) -> list[Person]:
    """People of wave 48, with real places and the programme's shares, numbered from `first_number`.

    `weights`: how many of `OUT_OF` have which fate; all others are ordinary.
    """
    luck = random.Random(f"cohort-{seed}-{first_number}")
    born: list[Person] = []
    for number in range(first_number, first_number + people):
        fate = _fate(luck, number, weights)
        born.append(_person(luck, number, fate, born))
    return born


def _fate(luck: random.Random, number: int, weights: Mapping[Fate, int]) -> Fate:
    at = number % OUT_OF if number < OUT_OF else luck.randrange(OUT_OF)
    for fate, weight in weights.items():
        at -= weight
        if at < 0:
            return fate
    return Fate.ORDINARY


def _person(luck: random.Random, number: int, fate: Fate, born: list[Person]) -> Person:
    gender = "female" if luck.random() < SHARE_WOMEN else "male"
    birth_date = date(2006, 6, 1) if fate is Fate.TOO_YOUNG else date(1962, 1, 1) + timedelta(luck.randrange(15_000))
    district = luck.choice(districts())
    nik = _nik(district, birth_date, gender, number)
    if fate is Fate.WRONG_BIRTH_DATE:
        birth_date += timedelta(days=1)
    if fate is Fate.SAME_NIK and born:
        gender, birth_date, nik = born[0].gender, born[0].birth_date, born[0].nik
    return Person(
        number=number,
        participant_id=f"4810{number:012d}",
        nik=nik,
        birth_date=birth_date,
        gender=gender,
        regency=luck.choice(regencies()),
        dwelling="village" if luck.random() < SHARE_VILLAGE else "town",
        disability=luck.random() < SHARE_DISABILITY,
        fate=fate,
        partner=luck.choice(PARTNERS),
        account=_account(number, fate),
        second_account=f"08{number:08d}2000",
        redeem_code=_redeem_code(number),
        mode=MODES[number % len(MODES)],
        platform=PLATFORMS[number % len(PLATFORMS)],
        provider_id=luck.choice(PROVIDERS),
        price=_price(luck, fate),
        sessions=1 if fate is Fate.TOO_EARLY else luck.randrange(1, 4),
        admitted_at=OPENS_AT + timedelta(hours=80, seconds=luck.randrange(86_400)),
    )


def _price(luck: random.Random, fate: Fate) -> int:
    if fate is Fate.TOO_DEAR:
        return 4_000_000
    price = luck.randrange(400, 3500) * 1000
    return price // 2 if fate is Fate.SECOND_TRAINING else price


def _nik(district: str, born: date, gender: str, number: int) -> str:
    day = born.day + (40 if gender == "female" else 0)
    return f"{district}{day:02d}{born.month:02d}{born.year % 100:02d}{number % 10_000:04d}"


def _account(number: int, fate: Fate) -> str:
    """The last four digits tell the simulated partner how to behave; see deploy/simulation/partner.py."""
    ending = {
        Fate.CLOSED: "0404",
        Fate.CLOSED_THEN_ANOTHER: "0404",
        Fate.WRONG_AMOUNT_FIRST: "0777",
        Fate.REJECTED_AFTERWARDS: "0778",
        Fate.CONTRADICTED: "0779",
    }.get(fate, "1000")
    return f"08{number:08d}{ending}"


def _redeem_code(number: int) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    text = ""
    for _ in range(8):
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return f"PRAT{text}"
