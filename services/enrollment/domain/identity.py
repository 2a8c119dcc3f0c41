"""Identity of a person: the form of a NIK, which has no check digit, and the birth date in it."""

import re
from dataclasses import dataclass, field
from datetime import date

from services.enrollment.domain import region_codes

FORM = re.compile(r"[0-9]{16}")
ADDED_FOR_WOMEN = 40


@dataclass(frozen=True, slots=True)
class Identity:
    """The NIK and birth date that a person states; `repr` shows neither."""

    nik: str = field(repr=False)
    birth_date: date = field(repr=False)


def is_well_formed(identity: Identity, gender: str) -> bool:
    """Return True if the NIK fits the birth date and gender that are stated with it.

    Its 16 digits are the place of first registration (4), a district (2), the day of birth (2; plus 40 for women),
    month (2), year (2) and a running number (4). The place need not be that of residence: a NIK never changes.
    """
    nik, born = identity.nik, identity.birth_date
    if not FORM.fullmatch(nik) or not region_codes.is_region_code(nik[:4]):
        return False
    day = born.day + (ADDED_FOR_WOMEN if gender == "female" else 0)
    return nik[6:12] == f"{day:02d}{born.month:02d}{born.year % 100:02d}"
