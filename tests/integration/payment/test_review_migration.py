"""Migration of installations in which reasons were only a matter of a newer account that ask for a person now."""

from deploy.local.paths import ROOT
from tests.integration.payment.facts import in_one_lane, journey, linked
from tests.integration.payment.harness import PaymentHarness

MIGRATION = (ROOT / "services/payment/migrations/0027_reasons_to_review.sql").read_text()
RETRIED, HELD, OTHER = in_one_lane(3)
WITH = "update attempt a set reason = 'DUPL' from disbursement d where a.redeem_code = d.redeem_code"


async def test_attempts_of_before_are_let_go_and_what_is_held_is_frozen(harness: PaymentHarness) -> None:
    await harness.prepare()
    for number, person in enumerate((RETRIED, HELD, OTHER)):
        await harness.receive(*journey(person, f"PRAT0000000{number}"))
    for instruction in harness.instructions_for("incentive"):
        await harness.report(instruction.reference, "rejected", "MS03")
    await harness.receive(linked(RETRIED, number="081200000099", day=1))
    await harness.sweep("retry")
    assert len(harness.instructions_for("incentive")) == 4
    await harness.connection.execute(
        "alter table attempt disable trigger user;"
        f"{WITH} and d.participant_id in ('{RETRIED}', '{HELD}') and a.rejected_at is not null;"
        "alter table attempt enable trigger user"
    )
    assert len(await harness.breaches()) == 2
    await harness.connection.execute(MIGRATION)
    frozen = await harness.connection.fetch("select participant_id from disbursement where frozen")
    assert [row["participant_id"] for row in frozen] == [HELD]
    assert await harness.breaches() == []
    await harness.receive(linked(HELD, number="081200000098", day=1))
    await harness.sweep()
    assert await harness.state("incentive_1", "PRAT00000001") == "held(needs_approval)"
