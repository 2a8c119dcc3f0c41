"""After a restore, what had been said stands as it was said, whatever the clock says the second time."""

import json

from shared.contracts.completion import COMPLETION_CONFIRMED, COMPLETION_REJECTED, TRAINING_RATED
from tests.integration.completion.bench import Bench, all_evidence, confirmed, rated
from tests.unit.completion.facts import CODE, DAY


def data(bench: Bench, place: int) -> bytes:
    return json.dumps(bench.said[place][1]).encode()


async def test_a_completion_said_before_is_taken_over_and_not_said_again(bench: Bench) -> None:
    await bench.receive(confirmed(), *all_evidence())
    said, digest = data(bench, 0), bench.said[0][1]["digest"]
    await bench.empty()

    bench.now += DAY
    await bench.adopt((COMPLETION_CONFIRMED.name, said))
    await bench.receive(confirmed(), *all_evidence())

    assert bench.said == []
    assert await bench.state() == "completed"
    row = await bench.connection.fetchrow("select digest from enrollment where redeem_code = $1", CODE)
    assert row is not None
    assert row["digest"].hex() == digest
    assert await bench.breaches() == []


async def test_a_rejection_said_before_stands_though_the_evidence_is_all_there_now(bench: Bench) -> None:
    await bench.receive(confirmed())
    bench.now += 30 * DAY
    await bench.sweep()
    said = data(bench, 0)
    await bench.empty()

    await bench.adopt((COMPLETION_REJECTED.name, said))
    await bench.receive(confirmed(), *all_evidence())

    assert (bench.said, await bench.state()) == ([], "not_completed")
    assert await bench.breaches() == []


async def test_a_completion_said_before_stands_though_the_evidence_is_gone(bench: Bench) -> None:
    await bench.receive(confirmed(), *all_evidence())
    said = data(bench, 0)
    await bench.empty()

    await bench.adopt((COMPLETION_CONFIRMED.name, said))
    await bench.receive(confirmed())
    bench.now += 30 * DAY
    await bench.sweep()

    assert (bench.said, await bench.state()) == ([], "completed")


async def test_a_rating_said_before_is_not_said_again(bench: Bench) -> None:
    await bench.receive(confirmed(), rated())
    said = data(bench, 0)
    await bench.empty()

    await bench.adopt((TRAINING_RATED.name, said))
    await bench.receive(confirmed(), rated(), *all_evidence())
    assert bench.words() == ["completion_confirmed"]
