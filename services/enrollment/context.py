"""Context of the use cases: keys, schemes and settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.enrollment.domain.scheme import Scheme
from shared.contracts.blind_index import BlindIndex
from shared.contracts.seals import KeyRing

DEFERRED_SEALS = "taken-in"
"""Label from which the key of `deferred_seals` is derived. Another label would lose what is sealed under it."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that use cases need besides the transaction.

    `identities` and `accounts` open what upstream may seal; `upstream` has every key that a producer ever had. `own`
    seals accounts that are kept, `deferred_seals` records that were deferred before the migration `own_seals`, and
    `for_payment` accounts that are announced. `index` computes keyed digests.
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
