"""The preview of a replay, in a transaction that is rolled back."""

import pytest

from shared.contracts.seals import KeyRing
from shared.contracts.topics import lane_of
from shared.messaging.message import Record, pack
from shared.runtime.parked import ALL_PARKED, PORTION_BYTES, open_numbers
from tests.integration.messaging.toy_world import Event, a_goal, a_player
from tests.integration.runtime.conftest import Toy
from tests.integration.runtime.test_verbs import BY, NOW

LEFT = "select (select count(*) from waiting) + (select count(*) from player) + (select count(*) from page)"


async def park(toy: Toy, *events: Event) -> list[str]:
    vault = KeyRing.load(toy.folder / "toy.jwks.json")
    numbers = []
    for offset, event in enumerate(events):
        record = Record(toy.league.requests, 0, offset, 0, b"k", event.value, tuple(event.headers))
        number = await toy.connection.fetchval(
            "insert into parked (reason, detail, topic, partition, \"offset\", size, sha256, sealed, parked_at)"
            " values ('conflict', '', $1, 0, $2, 10, sha256($5), $3, $4) returning id",
            record.topic, offset, vault.seal_bytes(pack(record)), NOW, record.value,
        )  # fmt: skip
        numbers.append(str(number))
    return numbers


async def test_replay_preview_counts_outcomes_and_changes_nothing(toy: Toy) -> None:
    numbers = await park(
        toy, a_player("bo"), a_goal("bo", "g1"), a_goal("ana", "g2"), a_goal("bo", "g3", 0), a_player("cy\0")
    )
    for chosen in (numbers, ["--reason", "conflict"]):
        output = [
            " ".join(line.split()) for line in (await toy.run_verb("parked", "replay", *chosen, *BY)).splitlines()
        ]
        assert "2 take effect" in output
        assert "1 wait for player" in output
        assert "1 are parked as invalid_field (/points)" in output
        assert "1 are parked as invalid_field: CharacterNotInRepertoireError" in output
        assert "1 toy.league.total_reached.v1" in output
        assert await toy.connection.fetchval(LEFT) == 0
        assert await toy.connection.fetchval("select count(*) from parked where replayed_at is null") == len(numbers)
    assert await toy.operations() == []


async def test_replay_preview_counts_records_that_wait_for_a_stopped_lane(toy: Toy) -> None:
    stop = "update lane set stopped_reason = 'invariant', stopped_at = $2 where lane = $1"
    await toy.connection.execute(stop, lane_of("bo"), NOW)
    (number,) = await park(toy, a_player("bo"))
    assert "1 wait until their lane goes on" in await toy.run_verb("parked", "replay", number, *BY)


@pytest.mark.parametrize(("size", "portions"), [(PORTION_BYTES, [1] * 7), (PORTION_BYTES // 2, [2, 2, 2, 1]), (1, [7])])
async def test_records_kept_in_part_are_replayed_in_small_portions(toy: Toy, size: int, portions: list[int]) -> None:
    await toy.connection.execute(
        "insert into parked (reason, detail, topic, partition, \"offset\", size, sha256, sealed, whole, parked_at)"
        " select 'too_large', '', $1, 0, n, $2, '', '', false, $3 from generate_series(1, 7) as n",
        toy.league.requests, size, NOW,
    )  # fmt: skip
    after, found = 0, list[list[int]]()
    while numbers := await open_numbers(toy.connection, ALL_PARKED, after=after, last=1000):
        after = numbers[-1]
        found.append(numbers)
    assert list(map(len, found)) == portions


async def test_portion_that_cannot_be_replayed_does_not_stop_the_others(toy: Toy) -> None:
    await toy.connection.execute(
        "insert into parked (reason, detail, topic, partition, \"offset\", size, sha256, sealed, whole, parked_at)"
        " select 'conflict', '', $1, 0, n, $2, '', '', false, $3 from generate_series(1000, 1002) as n",
        toy.league.requests, PORTION_BYTES, NOW,
    )  # fmt: skip
    await park(toy, a_player("bo"))
    preview = await toy.run_verb("parked", "replay", "--reason", "conflict", *BY)
    assert "3 cannot be replayed" in preview
    assert "1 take effect" in preview
    output = await toy.run_verb("parked", "replay", "--reason", "conflict", *BY, "--yes")
    assert "1 record replayed" in output
    assert await toy.connection.fetchval("select count(*) from waiting where kind = 'replay'") == 1
