"""The use cases of enrollment, each over a batch: load, decide, save, announce."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.enrollment.domain.scheme import Scheme
from shared.contracts.sealed import BlindIndex, KeyRing

PARTICIPANT = "participant"
WAVE = "wave"
ENROLLMENT = "enrollment"
NIK = "nik"
REDEEM_CODE = "redeem_code"


@dataclass(frozen=True, slots=True)
class Context:
    """What the use cases need besides the transaction. `keys` open what upstream sealed; `index` is keyed."""

    keys: KeyRing
    index: BlindIndex
    schemes: Mapping[str, Scheme]
    wait_at_most: timedelta
