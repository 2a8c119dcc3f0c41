"""Scenarios in which somebody with full access to PostgreSQL rewrites chains; each returns breaches."""

from contextlib import suppress

from services.payment.handlers.halts import halt, resume
from shared.contracts.topics import lane_of
from shared.messaging.chain import GENESIS, BrokenChain
from shared.messaging.operation_log import operation_hash
from tests.faults.planted.planted_harness import PlantedHarness
from tests.infrastructure import sealing_of
from tests.integration.payment.facts import PARTICIPANT, journey
from tests.integration.payment.forgery import rewrite_ledger
from tests.integration.payment.harness import PaymentHarness

LANE = lane_of(PARTICIPANT)
BESIDE = (LANE + 1) % 12


async def a_ledger_and_the_log_are_rewritten_and_continued(harness: PlantedHarness) -> list[str]:
    """Reduce a fee and give a halt to another operator, with matching hashes; then append to both chains."""
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(*journey()[:3])
        await payment.operate(halt, "all")
        await rewrite_ledger(payment.connection, LANE, 1)
        await _rewrite_log(payment)
        with suppress(BrokenChain):
            await payment.report(payment.instructions_for("fee")[0].reference, "settled")
        with suppress(BrokenChain):
            await payment.operate(resume, "all")
        return await _passing(payment, f"book {LANE}", "operations")


async def a_ledger_is_put_in_the_place_of_another(harness: PlantedHarness) -> list[str]:
    """Copy the head of a ledger chain, with its seal, to another chain."""
    async with harness.payment() as payment:
        await payment.prepare()
        copied = "update book b set (number, hash, seal) = (select number, hash, seal from book where lane = $1)"
        await payment.connection.execute(f"{copied} where lane = $2", LANE, BESIDE)
        return await _passing(payment, f"book {BESIDE}")


async def _rewrite_log(payment: PaymentHarness) -> None:
    (row,) = await payment.connection.fetch("select *, detail::text as text from operation where number = 1")
    hashed = operation_hash(GENESIS, 1, row["at"], row["verb"], "somebody else", row["why"], row["text"])
    await payment.connection.execute("alter table operation disable trigger user")
    await payment.connection.execute("update operation set who = 'somebody else', hash = $1", hashed)
    await payment.connection.execute("alter table operation enable trigger user")
    await payment.connection.execute("update operation_head set hash = $1", hashed)


async def _passing(payment: PaymentHarness, *chains: str) -> list[str]:
    """Report each rewritten chain that `verify` accepts."""
    found = await sealing_of("payment").breaches(payment.connection)
    return [f"{chain} was rewritten and passes for ours" for chain in chains if not any(chain in b for b in found)]
