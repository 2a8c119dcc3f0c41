"""Context of the use cases: keys, schemes and settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.enrollment.domain.scheme import SchemeVersions
from shared.contracts.blind_index import BlindIndex
from shared.contracts.seals import KeyRing

DEFERRED_SEALS = "taken-in"
"""Label from which the key of `deferred_record_keys` is derived. Another label would lose what is sealed under it."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that use cases need besides the transaction.

    `identity_keys` and `account_keys` open what upstream may seal; `upstream_keys` has every key that a producer ever
    had. `own_keys` seals accounts that are kept, `deferred_record_keys` records that were deferred before the migration
    `own_seals`, and `linked_account_keys` accounts that are announced. `index` computes keyed digests.
    """

    identity_keys: KeyRing
    account_keys: KeyRing
    upstream_keys: KeyRing
    own_keys: KeyRing
    deferred_record_keys: KeyRing
    linked_account_keys: KeyRing
    index: BlindIndex
    schemes: Mapping[str, SchemeVersions]
    wait_at_most: timedelta

    @property
    def key_rings(self) -> tuple[KeyRing, ...]:
        """All rings, in one order."""
        return (
            self.identity_keys,
            self.account_keys,
            self.upstream_keys,
            self.own_keys,
            self.deferred_record_keys,
            self.linked_account_keys,
        )
