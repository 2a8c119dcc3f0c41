"""Scenarios about entitlements that need an operator's review; each returns breaches."""

from contextlib import suppress
from datetime import timedelta

from services.payment.handlers.approvals import approve
from services.payment.ops import held
from shared.errors import Stale
from tests.builders import a_provider, funds
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.payment.facts import CODE, FEE, in_one_lane, journey, linked, not_found
from tests.integration.payment.harness import PaymentHarness


async def a_partner_pays_what_it_has_rejected(harness: PlantedHarness) -> list[str]:
    """Link another account as well."""
    async with harness.payment() as payment:
        await _instruct_all(payment)
        reference = payment.instructions_for("incentive")[0].reference
        await payment.report(reference, "rejected", "AB05")
        await payment.report(reference, "settled")
        await payment.receive(linked(day=1, partner="dana"))
        await payment.sweep("retry")
        return await payment.breaches()


async def a_duplicate_is_reported_and_accounts_are_linked(harness: PlantedHarness) -> list[str]:
    """Link an unverified account, then a verified one."""
    async with harness.payment() as payment:
        await _instruct_all(payment)
        await payment.report(payment.instructions_for("incentive")[0].reference, "rejected", "AM05")
        await payment.receive(linked(day=1, partner="dana", verified=False))
        await payment.receive(linked(day=2, partner="dana"))
        await payment.sweep("retry")
        return await payment.breaches()


async def an_account_changes_after_its_approval(harness: PlantedHarness) -> list[str]:
    """Approve while there is no money, and change the account before there is some."""
    async with harness.payment() as payment:
        first, second = in_one_lane(2)
        await payment.prepare(training=FEE)
        await payment.receive(*journey(first, "PRAT00000001"))
        await payment.report(payment.instructions_for("fee")[0].reference, "rejected", "AM05")
        await payment.receive(*journey(second, "PRAT00000002"))
        await payment.approve("PRAT00000001", "fee")
        await payment.sweep()
        await payment.receive(a_provider(number="8800555", version=2), funds("48", "training", rupiah=FEE))
        await payment.sweep()
        return await payment.breaches()


async def an_account_changes_before_its_approval(harness: PlantedHarness) -> list[str]:
    """Approve the version that was read before the change."""
    async with harness.payment() as payment:
        await _instruct_all(payment)
        await payment.report(payment.instructions_for("fee")[0].reference, "rejected", "AM05")
        read = next(row["version"] for row in await held(payment.connection) if row["benefit"] == "fee")
        await payment.receive(a_provider(number="8800555", version=2))
        with suppress(Stale):
            await payment.operate(approve, None, CODE, "fee", read)
            return ["an account that nobody had seen was approved"]
        return await payment.breaches()


async def a_partner_pays_twice_and_takes_the_second_payment_back(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await _instruct_all(payment)
        first = payment.instructions_for("incentive")[0].reference
        await payment.report(first, "rejected", "AC04")
        await payment.receive(linked(day=1, partner="dana"))
        await payment.sweep("retry")
        await payment.report(payment.instructions_for("incentive")[1].reference, "settled")
        await payment.report(first, "settled")
        await payment.report(first, "returned", "AC04")
        return await payment.breaches()


async def a_partner_contradicts_itself_and_returns_the_payment(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await _instruct_all(payment)
        reference = payment.instructions_for("incentive")[0].reference
        await payment.report(reference, "settled")
        await payment.report(reference, "rejected", "AC04")
        await payment.report(reference, "returned", "AC04")
        return await payment.breaches()


async def one_person_approves(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await _instruct_all(payment)
        await payment.report(payment.instructions_for("fee")[0].reference, "rejected", "FR01")
        await payment.approve(CODE, "fee", "Ani")
        await payment.sweep()
        alone = ["one person released it alone"] if len(payment.instructions_for("fee")) > 1 else []
        return [*alone, *await payment.breaches()]


async def a_partner_pays_what_it_rejected_and_the_report_is_unread(harness: PlantedHarness) -> list[str]:
    """Link another account meanwhile."""
    async with harness.payment() as payment:
        await _instruct_all(payment)
        reference = payment.instructions_for("incentive")[0].reference
        await payment.report(reference, "rejected", "AC04")
        before = payment.now
        payment.now += timedelta(minutes=1)
        await payment.receive(linked(day=1, partner="dana"))
        await payment.sweep(read_through=before)
        for instruction in reversed(payment.instructions_for("incentive")):
            await payment.report(instruction.reference, "settled")
        return await payment.breaches()


async def a_partner_forgets_what_it_has_paid(harness: PlantedHarness) -> list[str]:
    """Ask it after sixty days."""
    async with harness.payment() as payment:
        await _instruct_all(payment)
        reference = payment.instructions_for("incentive")[0].reference
        payment.now += timedelta(days=60)
        await payment.sweep("ask")
        await payment.receive(not_found("gopay", reference))
        again = len(payment.instructions_for("incentive")) > 1
        breach = [f"{reference} was instructed again, and its partner has forgotten it"] if again else []
        return [*breach, *await payment.breaches()]


async def _instruct_all(payment: PaymentHarness) -> None:
    await payment.prepare()
    await payment.receive(*journey())
