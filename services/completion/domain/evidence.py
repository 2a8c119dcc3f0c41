"""Evidence: a fact about one enrollment, first as somebody states it, then as it was accepted."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class EvidenceKind(StrEnum):
    """What kind of fact it is."""

    SESSION_ATTENDED = "session_attended"
    POST_TEST_TAKEN = "post_test_taken"
    WORK_GRADED = "work_graded"
    CERTIFICATE_ISSUED = "certificate_issued"
    TRAINING_RATED = "training_rated"


class ReportedFact(NamedTuple):
    """What a producer says happened. The last four are None where the kind of fact does not have them."""

    kind: EvidenceKind
    redeem_code: str
    participant_id: str
    source: str
    id: str
    happened_at: datetime
    sequence: int | None = None
    proof: str | None = None
    passed: bool | None = None
    provider_id: str | None = None


class Evidence(NamedTuple):
    """An accepted fact that counts.

    With the redeem code, (kind, part) is its business key: part is the number of the session, the time of a test or
    of graded work in microseconds, and 0 for what exists once.
    """

    kind: EvidenceKind
    part: int
    source: str
    id: str
    happened_at: datetime
    seen_at: datetime
