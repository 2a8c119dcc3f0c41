"""Erasures: what was parked of a participant opens no more, and the training goes on."""

from tests.integration.completion.harness import CompletionHarness, all_evidence, attended, confirmed, erased

NAME = "Siti Rahayu"


async def secrets(harness: CompletionHarness) -> list[object]:
    return [row["secret"] for row in await harness.connection.fetch("select secret from personal_key")]


async def test_erasure_destroys_the_key_of_what_is_parked(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), attended(1).with_data(name=NAME))
    assert await harness.parked() == [("invalid_field", "/")]
    (secret,) = await secrets(harness)
    assert secret is not None
    await harness.receive(erased(), erased())
    assert await secrets(harness) == [None]


async def test_nothing_is_kept_of_what_is_parked_after_an_erasure(harness: CompletionHarness) -> None:
    await harness.receive(erased())
    await harness.receive(confirmed(), attended(1).with_data(name=NAME))
    assert await harness.connection.fetchval("select sealed from parked") == ""


async def test_training_of_the_erased_is_completed(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), erased(), *all_evidence())
    assert (await harness.state(), await harness.breaches()) == ("completed", [])
