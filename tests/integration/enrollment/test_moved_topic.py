"""Purchases had another topic once; what an upgrade finds of them is not lost."""

from shared.messaging.message import pack, unpack
from tests.builders import a_participant_id, a_purchase, a_wave, an_admission
from tests.integration.enrollment.bench import Bench

FORMER = "enrollment.requests"


async def test_purchase_unread_on_its_former_topic_is_parked_and_replayed_by_its_type(bench: Bench) -> None:
    admission = an_admission()
    purchase = a_purchase(str(admission.data["participant_id"])).on(FORMER)
    await bench.receive(a_wave(), admission, purchase)
    assert await bench.parked() == [("unknown_type", "")]
    assert "enrollment_confirmed" not in bench.words()
    await bench.replay_parked()
    assert bench.of("enrollment_confirmed")[0]["redeem_code"] == purchase.data["redeem_code"]
    assert await bench.parked() == [("unknown_type", "")]
    assert await bench.breaches() == []


async def test_purchase_that_waited_since_before_the_move_is_taken_up(bench: Bench) -> None:
    person = a_participant_id()
    await bench.receive(a_wave(), a_purchase(person))
    record = unpack(await bench.connection.fetchval("select record from waiting"))
    former = pack(record._replace(topic=FORMER))
    await bench.connection.execute("update waiting set topic = $1, record = $2", FORMER, former)
    await bench.receive(an_admission(person))
    assert "enrollment_confirmed" in bench.words()
    assert await bench.rows("waiting") == 0
    assert await bench.parked() == []
