"""Purchases found by an upgrade on the topic that they had before."""

from shared.messaging.message import pack, unpack
from tests.builders import a_participant_id, a_purchase, a_wave, an_admission
from tests.integration.enrollment.harness import EnrollmentHarness

FORMER = "enrollment.requests"


async def test_unread_purchase_on_its_former_topic_is_parked_and_replayable(
    harness: EnrollmentHarness,
) -> None:
    admission = an_admission()
    purchase = a_purchase(str(admission.data["participant_id"])).on_topic(FORMER)
    await harness.receive(a_wave(), admission, purchase)
    assert await harness.parked() == [("unknown_type", "")]
    assert "enrollment_confirmed" not in harness.event_names()
    await harness.replay_parked()
    assert harness.data_of("enrollment_confirmed")[0]["redeem_code"] == purchase.data["redeem_code"]
    assert await harness.parked() == [("unknown_type", "")]
    assert await harness.breaches() == []


async def test_purchase_deferred_before_the_topic_moved_is_released(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), a_purchase(person))
    record = unpack(await harness.connection.fetchval("select record from waiting"))
    former = pack(record._replace(topic=FORMER))
    await harness.connection.execute("update waiting set topic = $1, record = $2", FORMER, former)
    await harness.receive(an_admission(person))
    assert "enrollment_confirmed" in harness.event_names()
    assert await harness.rows("waiting") == 0
    assert await harness.parked() == []
