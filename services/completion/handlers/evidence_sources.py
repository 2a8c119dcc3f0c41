"""The table of evidence sources: the event that reports each kind of evidence, and the fields taken from it."""

from dataclasses import dataclass, field
from typing import Any

from services.completion.domain.evidence import EvidenceKind, ReportedFact
from shared.contracts import upstream
from shared.contracts.events import EventType
from shared.messaging.message import Message


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """The event that reports a kind of evidence. `extra`: its own fields, besides those that all evidence has."""

    kind: EvidenceKind
    event: EventType[Any]
    extra: tuple[str, ...] = ()
    time_field: str = field(init=False)

    def __post_init__(self) -> None:
        if self.event.time_field is None:
            raise ValueError(f"{self.event.name} must name the field with its time, since evidence has a window")
        object.__setattr__(self, "time_field", self.event.time_field)


# Any score of graded work will do, so its `passed` is no part of the fact.
SOURCES = (
    EvidenceSource(EvidenceKind.SESSION_ATTENDED, upstream.SESSION_ATTENDED, ("sequence", "proof")),
    EvidenceSource(EvidenceKind.POST_TEST_TAKEN, upstream.POST_TEST_TAKEN, ("passed",)),
    EvidenceSource(EvidenceKind.WORK_GRADED, upstream.WORK_GRADED, ("provider_id",)),
    EvidenceSource(EvidenceKind.CERTIFICATE_ISSUED, upstream.CERTIFICATE_ISSUED, ("provider_id",)),
    EvidenceSource(EvidenceKind.TRAINING_RATED, upstream.TRAINING_RATED),
)
SOURCE_OF = {source.event.name: source for source in SOURCES}


def map_evidence(message: Message[Any]) -> ReportedFact:
    """Return the fact that an event reports."""
    source, data = SOURCE_OF[message.type], message.data
    return ReportedFact(
        source.kind,
        data.redeem_code,
        data.participant_id,
        message.source,
        message.id,
        getattr(data, source.time_field),
        **{name: getattr(data, name) for name in source.extra},
    )
