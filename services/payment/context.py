"""What the use cases need besides a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.payment.metrics import AnswerTimes
from shared.contracts.seals import BlindIndex, KeyRing


@dataclass(frozen=True, slots=True)
class Context:
    """What all use cases share.

    `providers` opens what the registry may seal, `linked` what enrollment sealed for payment; `own` seals what is kept,
    `partners` what each partner is told. `upstream` has every key that a producer ever had. `approval_above` in rupiah,
    None: no limit. `block`: how many rupiah a lane draws at once while there is plenty.
    """

    programme: str
    reference_key: bytes
    providers: KeyRing
    linked: KeyRing
    own: KeyRing
    upstream: KeyRing
    partners: Mapping[str, KeyRing]
    index: BlindIndex
    answer_within: timedelta
    retry_after: timedelta
    approval_above: int | None
    allotment_block: int
    answers: AnswerTimes
