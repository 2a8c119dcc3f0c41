"""Context of the use cases: what they all need besides a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.payment.domain.partner_limits import PartnerLimits
from services.payment.domain.reference import reference_of
from services.payment.metrics import AnswerTimes
from shared.contracts.blind_index import BlindIndex
from shared.contracts.seals import KeyRing
from shared.contracts.signatures import SigningKey


@dataclass(frozen=True, slots=True)
class Context:
    """Keys and settings that all use cases share.

    `provider_keys` opens the accounts that the registry may seal, `linked_account_keys` those that enrollment sealed
    for payment; `own_keys` seals the accounts that are kept, `partner_keys` those in instructions. `upstream_keys` has
    every key that a producer ever had. `approval_above` in rupiah, None: no limit.
    `people_per_account`: the most participants who may link one account. `allotment_block`: the rupiah that a lane is
    allotted at once while there is plenty. `wait_at_most`: the longest that an event may be on its way.
    `partner_memory`: how long partners know for certain what they paid under a reference.
    """

    programme: str
    reference_key: bytes
    provider_keys: KeyRing
    linked_account_keys: KeyRing
    own_keys: KeyRing
    upstream_keys: KeyRing
    partner_keys: Mapping[str, KeyRing]
    index: BlindIndex
    signing_key: SigningKey
    answer_within: timedelta
    retry_after: timedelta
    partner_memory: timedelta
    wait_at_most: timedelta
    approval_above: int | None
    people_per_account: int
    allotment_block: int
    partner_limits: Mapping[str, PartnerLimits]
    answers: AnswerTimes

    @property
    def key_rings(self) -> tuple[KeyRing, ...]:
        """All rings, in one order."""
        partners = (self.partner_keys[partner] for partner in sorted(self.partner_keys))
        return (self.provider_keys, self.linked_account_keys, self.own_keys, self.upstream_keys, *partners)

    def attempt_reference(self, lane: int, participant_id: str, redeem_code: str, benefit: str, attempt: int) -> str:
        """Return the reference of an attempt, which is the same whenever and wherever it is derived."""
        return reference_of(
            self.reference_key,
            lane,
            programme=self.programme,
            participant_id=participant_id,
            redeem_code=redeem_code,
            benefit=benefit,
            attempt=attempt,
        )

    def references_of(self, lane: int, participant_id: str, redeem_code: str, benefit: str, attempts: int) -> list[str]:
        """Return the references of the first `attempts` attempts of a disbursement."""
        key = (lane, participant_id, redeem_code, benefit)
        return [self.attempt_reference(*key, number) for number in range(1, attempts + 1)]
