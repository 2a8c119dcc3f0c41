"""Topics by producer: a record without a seal is accepted on its producer's topics only."""

from functools import cache

import pytest

from services.completion.app import definition as completion_parts
from services.completion.settings import CompletionSettings
from services.enrollment.app import definition as enrollment_parts
from services.enrollment.settings import EnrollmentSettings
from services.payment.app import definition as payment_parts
from services.payment.settings import PaymentSettings
from shared.contracts import upstream
from shared.contracts.topics import PARTNERS, disbursement_reports
from shared.messaging.transaction.decoder import Decoder
from shared.runtime.definition import ServiceDefinition
from tests.builders import (
    LATER,
    Event,
    a_block,
    a_certificate,
    a_course,
    a_grade,
    a_post_test,
    a_provider,
    a_purchase,
    a_rating,
    a_report,
    a_void,
    a_wave,
    an_account,
    an_admission,
    an_attendance,
    an_erasure,
    an_unblock,
    funds,
    keys_folder,
)

PERSON, CODE = "4810000000000017", "PRAT0AB12CD3"
EVENTS = (
    a_wave(),
    a_provider(),
    an_admission(PERSON),
    an_account(PERSON, nik="1"),
    a_purchase(PERSON, CODE),
    an_attendance(PERSON, CODE, 1, LATER),
    a_post_test(PERSON, CODE, LATER),
    a_grade(PERSON, CODE, LATER),
    a_certificate(PERSON, CODE, LATER),
    a_rating(PERSON, CODE, LATER),
    funds(),
    a_course(),
    a_block(PERSON, LATER),
    an_unblock(PERSON, LATER),
    an_erasure(PERSON, LATER),
    a_void(a_purchase(PERSON, CODE), LATER),
    *(a_report("7Q2M9K4T1B8XW3ZA", "accepted", 1).on_topic(disbursement_reports(partner)) for partner in PARTNERS),
)
PURCHASE, ATTENDANCE = EVENTS[4], EVENTS[5]
MOVED = {
    PURCHASE.type.name: "enrollment.requests",
    upstream.TRAINING_VOIDED.name: "enrollment.requests",
    ATTENDANCE.type.name: "training.evidence",
}


@cache
def services() -> tuple[ServiceDefinition, ...]:
    keys = keys_folder()
    return (
        enrollment_parts(EnrollmentSettings(keys_folder=keys)),
        completion_parts(CompletionSettings(keys_folder=keys)),
        payment_parts(PaymentSettings(keys_folder=keys)),
    )


def decoders() -> dict[str, Decoder]:
    return {parts.name: Decoder(parts.sources) for parts in services()}


def outside_topics() -> list[str]:
    found = (source.topic for parts in services() for source in parts.sources if not source.internal)
    return list(dict.fromkeys(found))


def answers(event: Event, topic: str, *, again: bool = False) -> set[str]:
    """Return `taken`, or the reason for which the readers of the topic park the event."""
    record = event.record()._replace(topic=topic, partition=0)
    found = set()
    for intake in decoders().values():
        if topic in intake.sources:
            understand = intake.decode_deferred if again else intake.decode
            item = understand(record, LATER)
            if item.message is not None:
                assert intake.handler(item.message) is not None
            found |= {"taken"} if item.message else {item.refusal.reason.value} if item.refusal else set()
    return found


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event.type.name.split('.')[2]} {event.type.topic}")
def test_type_is_accepted_on_its_own_topic_only(event: Event) -> None:
    reports = {disbursement_reports(partner) for partner in PARTNERS}
    own = reports if event.type.topic in reports else {event.type.topic}
    assert {topic: answers(event, topic) for topic in outside_topics()} == {
        topic: {"taken"} if topic in own else {"unknown_type"} for topic in outside_topics()
    }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event.type.name.split('.')[2]} {event.type.topic}")
def test_moved_type_is_accepted_from_its_former_topic_in_a_replay_only(event: Event) -> None:
    """A block that a platform sends is no more believed for being replayed."""
    wrong = [topic for topic in outside_topics() if answers(event, topic) == {"unknown_type"}]
    taken = {topic for topic in wrong if answers(event, topic, again=True) == {"taken"}}
    assert taken == ({MOVED[event.type.name]} if event.type.name in MOVED else set())


def test_topics_are_handled_causes_before_effects() -> None:
    order = {parts.name: [source.topic for source in parts.sources][:5] for parts in services()}
    assert order["enrollment"] == [
        *("programme.registry", "enrollment.requests", "training.purchases", "completion.events"),
    ]
    assert order["completion"] == ["enrollment.events", "training.attendance", "training.evidence"]
