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
TAKEN_IN = "taken-in"


@dataclass(frozen=True, slots=True)
class Context:
    """Hold what the use cases need besides the transaction.

    `identities` and `accounts` open what upstream may seal. `own` seals what is kept, `taken_in` what waits since
    before seals held all that they hold now, `for_payment` what payment is told. `upstream` has every key that a
    producer ever had. `index` is keyed.
    """

    identities: KeyRing
    accounts: KeyRing
    upstream: KeyRing
    own: KeyRing
    taken_in: KeyRing
    for_payment: KeyRing
    index: BlindIndex
    schemes: Mapping[str, Scheme]
    wait_at_most: timedelta
