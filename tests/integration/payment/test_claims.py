"""Claims: how they are shown, repaid once, and kept over a restore."""

import asyncio
import os
import subprocess
import sys
from functools import partial

import pytest

from deploy.local.paths import ROOT
from services.payment.handlers.claims import record_repayment
from services.payment.ops import claims
from shared.errors import Refused
from shared.times import write_time
from tests.builders import keys_folder
from tests.infrastructure import Database
from tests.integration.payment.facts import (
    CODE,
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    VOIDED_AT,
    blocked,
    completed,
    confirmed,
    journey,
    linked,
    rated,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness, Restored, create_harness

DOCUMENT = "SSBP-23-0042"


async def pay_in_vain(harness: PaymentHarness) -> str:
    """Settle the fee of a training that is voided then, and return the claim on it."""
    reference = harness.instructions_for("fee")[0].reference
    await harness.report(reference, "settled")
    await harness.receive(voided())
    return f"{reference}-1"


async def repay(harness: PaymentHarness, claim: str, document: str = DOCUMENT) -> bool:
    return await harness.operate(partial(record_repayment, harness.terms, claim, document))


def claim_events(harness: PaymentHarness) -> list[tuple[str, str]]:
    return [(name, str(data["claim"])[17:]) for name, data in harness.announced if name.startswith("claim")]


async def test_repayment_closes_the_claim_and_goes_to_the_treasury(instructed: PaymentHarness) -> None:
    claim = await pay_in_vain(instructed)
    assert await repay(instructed, claim)
    name, data = instructed.announced[-1]
    assert (name, data["claim"], data["document"]) == ("claim_repaid", claim, DOCUMENT)
    assert [await instructed.balance(a) for a in ("claims", "returned", "paid:fee")] == [0, FEE, 0]
    (row,) = await instructed.connection.fetch("select * from operation where verb = 'claims repaid'")
    assert claim in str(dict(row))


async def test_claim_is_repaid_once_by_one_document(instructed: PaymentHarness) -> None:
    claim = await pay_in_vain(instructed)
    assert await repay(instructed, claim)
    assert not await repay(instructed, claim)
    with pytest.raises(Refused, match=f"it is repaid by {DOCUMENT}"):
        await repay(instructed, claim, "SSBP-23-0043")
    assert await instructed.balance("returned") == FEE


async def test_unknown_and_withdrawn_claims_and_other_documents_are_refused(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "settled")
    await instructed.receive(blocked(at=COMPLETED_AT))
    await instructed.receive(unblocked())
    with pytest.raises(Refused, match="it is withdrawn"):
        await repay(instructed, f"{reference}-1")
    with pytest.raises(Refused, match="there is no claim"):
        await repay(instructed, f"{reference}-2")
    with pytest.raises(Refused, match="is no document"):
        await repay(instructed, f"{reference}-1", "a receipt")


async def test_repaid_claim_stays_repaid_whatever_comes(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "settled")
    await instructed.receive(blocked(at=COMPLETED_AT))
    await repay(instructed, f"{reference}-1")
    await instructed.receive(voided())
    await instructed.receive(unblocked())
    assert claim_events(instructed) == [("claim_opened", "1"), ("claim_repaid", "1")]


async def test_claims_are_shown_open_ones_first_and_in_the_audit_trail(instructed: PaymentHarness) -> None:
    for instruction in list(instructed.instructions):
        await instructed.report(instruction.reference, "settled")
    await instructed.receive(voided(), blocked())
    fee = f"{instructed.instructions_for('fee')[0].reference}-1"
    await repay(instructed, fee)
    shown = await claims(instructed.connection)
    assert [(row["state"], row["debtor"], row["debtor_id"], row["amount"]) for row in shown] == [
        ("open", "participant", PARTICIPANT, INCENTIVE),
        ("repaid", "provider", "LP0001", FEE),
    ]
    trail = await instructed.definition.audit_trail(instructed.connection, PARTICIPANT)
    assert trail is not None
    assert trail["blocks"] == [{"at": write_time(VOIDED_AT), "blocked": True}]
    of_fee = next(d for d in trail["disbursements"] if d["benefit"] == "fee")  # type: ignore[attr-defined]
    assert [claim["claim"] for claim in of_fee["claims"]] == [fee]


@pytest.fixture
async def claimed_before(restored: Restored) -> Restored:
    """Return a restored service that had claimed the fee back, and been repaid."""
    await repay(restored.before, await pay_in_vain(restored.before))
    return restored


@pytest.mark.parametrize("void_first", [True, False])
async def test_repayment_announced_before_a_restore_is_posted_again(claimed_before: Restored, void_first: bool) -> None:
    after = claimed_before.after
    await claimed_before.adopt()
    await after.prepare()
    await after.receive(linked(), confirmed(), *([voided()] if void_first else []))
    await after.receive(completed(), rated())
    await after.report(after.instructions_for("fee")[0].reference, "settled")
    await after.receive(voided())
    told = [(name, data) for name, data in claimed_before.before.announced if name.startswith("claim")]
    assert [(name, data) for name, data in after.announced if name.startswith("claim")] == told
    assert await after.balance("returned") == FEE
    assert await after.breaches() == []


async def test_repayment_of_a_claim_that_a_restore_left_open_is_adopted(claimed_before: Restored) -> None:
    before, after = claimed_before.before, claimed_before.after
    repayment = before.pages[-1]
    await after.adopt(before.pages[:-1])
    await after.prepare()
    await after.receive(*journey())
    claim = await pay_in_vain(after)
    assert claim_events(after) == [("claim_opened", "1")]
    for _ in range(2):
        await after.adopt([repayment])
    assert [(row["claim"], row["state"]) for row in await claims(after.connection)] == [(claim, "repaid")]
    assert await after.breaches() == []


async def test_announced_claim_for_a_block_that_has_ended_is_withdrawn(restored: Restored) -> None:
    before, after = restored.before, restored.after
    reference = before.instructions_for("incentive")[0].reference
    await before.report(reference, "settled")
    await before.receive(blocked(at=COMPLETED_AT))
    await restored.adopt()
    await after.prepare()
    await after.receive(*journey()[:2], blocked(at=COMPLETED_AT))
    await after.receive(unblocked())
    await after.receive(completed(), rated())
    await after.report(reference, "settled")
    assert claim_events(after) == [("claim_opened", "1"), ("claim_withdrawn", "1")]
    assert await after.breaches() == []


async def test_claims_are_listed_and_repaid_from_the_command_line(database: Database) -> None:
    harness = await create_harness(database)
    await harness.prepare()
    await harness.receive(*journey())
    claim = await pay_in_vain(harness)
    ways = {"PAYMENT_POSTGRES_URL": database.url_of("payment"), "PAYMENT_KEYS_FOLDER": str(keys_folder())}
    repaid = ("claims", "repaid", claim, "--document", DOCUMENT, "--who", "ani", "--why", "it came")
    for verb, status, part in (
        (("claims", "--json"), 0, f'"claim": "{claim}"'),
        (repaid, 0, "add --yes"),
        (("claims", "--json"), 0, '"state": "open"'),
        ((*repaid, "--yes"), 0, f"{FEE} rupiah of {CODE} fee, owed by the provider: repaid by {DOCUMENT}"),
        ((*repaid, "--yes"), 0, "repaid already"),
        (("claims", "repaid", "X-1", *repaid[3:], "--yes"), 2, "there is no claim X-1"),
        (("claims",), 0, "repaid"),
    ):
        command = [sys.executable, "-m", "services.payment", *verb]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=ROOT,
            env={**os.environ, **ways, "NO_COLOR": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (part in done.stdout + done.stderr, done.returncode) == (True, status), done.stdout + done.stderr
    assert await harness.breaches() == []
    await harness.connection.close()
