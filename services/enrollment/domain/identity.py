"""What a NIK must look like. It has no check digit: a well-formed NIK proves nothing, a malformed one is refused."""

import re
from dataclasses import dataclass, field
from datetime import date

from services.enrollment.domain import region_codes

FORM = re.compile(r"[0-9]{16}")
ADDED_FOR_WOMEN = 40


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody says to be. Its fields never appear in its own description."""

    nik: str = field(repr=False)
    birth_date: date = field(repr=False)


def is_well_formed(identity: Identity, gender: str) -> bool:
    """Place of first registration, day of birth (women: plus 40), month, year of two digits, a running number.

    The stated birth date gives the century. The place is not the home: people move, their NIK does not.
    """
    nik, born = identity.nik, identity.birth_date
    if not FORM.fullmatch(nik) or not region_codes.is_region_code(nik[:4]):
        return False
    day = born.day + (ADDED_FOR_WOMEN if gender == "female" else 0)
    return nik[6:12] == f"{day:02d}{born.month:02d}{born.year % 100:02d}"
