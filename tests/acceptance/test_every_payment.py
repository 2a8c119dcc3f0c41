"""Each event, hold reason and park reason of payment, provoked through Kafka by an outside program."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import an_installation
from tests.acceptance.every_payment import SETTINGS, EveryPayment
from tests.acceptance.outsider import Outsider

# As the outer contract lists them.
EVENTS = (
    *(
        f"disbursement_{state}"
        for state in (
            *("scheduled", "held", "instructed", "accepted", "settled"),
            *("rejected", "returned", "failed", "cancelled", "forfeited"),
        )
    ),
    *("claim_opened", "claim_repaid", "claim_withdrawn"),
)
REASONS = {
    "disbursement_held": (
        "no_account account_other_nik account_unverified account_full account_closed account_invalid shared_account"
        " no_provider_account no_funds needs_approval participant_blocked partner_paused halted partner_rejected"
    ),
    "disbursement_cancelled": "voided revoked erased",
    "claim_opened": "voided revoked blocked contradicted",
}
PARK_REASONS = ("unknown_reference", "amount_mismatch", "contradicts_final")


@pytest.fixture(scope="module")
def played() -> Iterator[EveryPayment]:
    with an_installation(**SETTINGS) as installation:
        outside = Outsider(installation.kafka.bootstrap, installation.keys)
        payments = EveryPayment(installation, outside)
        payments.play()
        payments.share_an_account()
        yield payments
        outside.close()


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_of_payment_is_emitted(played: EveryPayment, event: str) -> None:
    data = played.upstream.await_event("payment", event)
    assert {"participant_id", "redeem_code", "benefit", "reference", "wave", "partner", "amount", "attempt"} <= set(
        data
    )


@pytest.mark.parametrize(("event", "reason"), [(e, reason) for e, texts in REASONS.items() for reason in texts.split()])
def test_every_reason_of_payment_is_given(played: EveryPayment, event: str, reason: str) -> None:
    assert played.upstream.await_event("payment", event, reason=reason)["reason"] == reason


@pytest.mark.parametrize("reason", PARK_REASONS)
def test_every_park_reason_for_reports_is_given(played: EveryPayment, reason: str) -> None:
    played.outside.await_event("dead-letters.payment", lambda _, data: data["reason"] == reason, f"parked as {reason}")


def test_instruction_that_a_partner_has_lost_comes_again(played: EveryPayment) -> None:
    first, again = played.lose_an_instruction()
    assert first == again
