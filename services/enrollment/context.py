"""What the use cases need besides a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.enrollment.domain.scheme import Scheme
from shared.contracts.seals import BlindIndex, KeyRing


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
    deferred_seals: KeyRing
    for_payment: KeyRing
    index: BlindIndex
    schemes: Mapping[str, Scheme]
    wait_at_most: timedelta
