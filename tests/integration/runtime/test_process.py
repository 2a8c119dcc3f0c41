"""The service as a process: HTTP, metrics, shutdown."""

import asyncio
import os
import signal
from datetime import UTC, datetime

import pytest
from annotated_types import Ge, Le

from deploy.local.ports import free_port
from shared.clock import EARLIEST, LATEST
from shared.contracts.topics import lane_of
from shared.runtime.settings import ServiceSettings
from tests.integration.messaging.toy_world import Event, a_goal, a_player, producer
from tests.integration.runtime.conftest import Toy
from tests.timeouts import until

LAGS = {"kafka_consumergroup_group_lag", "kafka_consumergroup_group_lag_seconds"}
PLAYER = "4810000000000017"


async def send(toy: Toy, *events: Event) -> None:
    async with producer(toy.environment["TOY_KAFKA_BOOTSTRAP"]) as kafka:
        for event in events:
            await kafka.send_and_wait(
                toy.league.requests,
                event.value,
                key=event.key,
                headers=event.headers,
                partition=event.partition,
            )


async def lag(toy: Toy) -> dict[str, float]:
    """Sum over the partitions, by name."""
    found: dict[str, float] = {}
    for line in (await toy.get("/metrics")).text.splitlines():
        if line.startswith("kafka_consumergroup_group_lag"):
            name = line.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(line.rpartition(" ")[2])
    return found


async def test_service_answers_over_http_and_ends_cleanly_on_sigterm(toy: Toy) -> None:
    await send(toy, a_player(PLAYER), a_goal(PLAYER, "g1"))
    async with toy.run_process() as process:
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        await until(lambda: toy.is_up(f"/participants/{PLAYER}"), "the goal is known")
        trail = (await toy.get(f"/participants/{PLAYER}")).json()
        assert trail == {"service": toy.league.service, "waiting": [], "goals": ["g1"]}
        assert (await toy.get("/participants/4810000000000025")).status_code == 404
        assert (await toy.get("/participants/x")).status_code == 404

        await send(toy, a_player("other", shirt=PLAYER))

        async def parked() -> object:
            return (await toy.get("/parked")).json()["by_reason"] == {"conflict": 1}

        await until(parked, "the second wearer of a shirt is parked")
        shown = (await toy.get("/parked")).json()
        (record,), (group,) = shown["records"], shown["groups"]
        assert (shown["open"], shown["shown"], group["records"], group["reason"]) == (1, 1, 1, "conflict")
        assert (record["topic"], record["detail"]) == (toy.league.requests, "/shirt")
        assert "sealed" not in record
        lanes = (await toy.get("/lanes")).json()["lanes"]
        assert [lane["lane"] for lane in lanes] == list(range(12))
        assert all(lane["held_here"] and lane["reason"] is None for lane in lanes)
        metrics = (await toy.get("/metrics")).text
        assert f'salur_parked_records{{reason="conflict",service="{toy.league.service}"}} 1.0' in metrics
        assert "toy_players 1.0" in metrics
        (records,) = (line for line in metrics.splitlines() if line.startswith("toy_records_total "))
        assert float(records.split()[1]) >= 3
        os.kill(process.pid, signal.SIGTERM)
        await until(lambda: asyncio.to_thread(lambda: not process.alive), "it has ended")
    assert "stop" in (toy.folder / "toy.log").read_text()
    assert (await toy.connection.fetchval("select count(*) from publication b join sequence s using (topic, lane)"
                                          " where b.published < s.next_sequence - 1")) == 0  # fmt: skip


async def test_replayed_record_is_handled_once_its_cause_is_mended(toy: Toy) -> None:
    async with toy.run_process():
        await send(toy, a_player("a", shirt="7"))
        await until(lambda: toy.connection.fetchval("select true from player where player = 'a'"), "the first is known")
        await send(toy, a_player("b", shirt="7"))
        parked = "select id from parked where reason = 'conflict'"
        number = await until(lambda: toy.connection.fetchval(parked), "the second wearer is parked")
        await toy.connection.execute("alter table claim disable trigger user; delete from claim where owner = 'a'")
        by = ("--who", "an operator", "--why", "the shirt is free again", "--yes")
        await toy.run_verb("parked", "replay", str(number), *by)
        here = "select true from player where player = 'b'"
        await until(lambda: toy.connection.fetchval(here), "the replayed record is handled")
        await toy.run_verb("parked", "replay", str(number), *by, status=2)
    assert await toy.connection.fetchval("select count(*) from parked") == 1


async def test_lag_is_measured_without_reading_and_is_zero_when_caught_up(toy: Toy) -> None:
    async with toy.run_process():
        await until(lambda: toy.is_up("/health/ready"), "it is ready")

        async def caught_up() -> bool:
            return await lag(toy) == {
                "kafka_consumergroup_group_lag": 0.0,
                "kafka_consumergroup_group_lag_seconds": 0.0,
            }

        await until(caught_up, "the lag is there, and nought")
        # Stands still from here on, as if nobody held the partition.
        await toy.connection.execute(
            "update position set stopped_reason = 'invariant' where topic = $1 and partition = 3", toy.league.requests
        )
        await send(toy, *(a_goal(PLAYER, f"g{n}", partition=3) for n in range(3)))

        async def behind() -> bool:
            found = await lag(toy)
            return found["kafka_consumergroup_group_lag"] == 3.0 and found["kafka_consumergroup_group_lag_seconds"] > 0

        await until(behind, "three records behind, and their age")
        ready = (await toy.get("/health/ready")).json()
        place = f"{toy.league.requests}/3"
        assert ready["ready"]
        assert f"{place} is not read from 0 on" in [sentence.split(":")[0] for sentence in ready["degraded"]]
        metrics = (await toy.get("/metrics")).text
        stopped = f'salur_stopped_partitions{{partition="3",reason="invariant",service="{toy.league.service}",topic='
        assert stopped in metrics


async def test_lag_at_a_gap_counts_the_records_passed_by(toy: Toy) -> None:
    async with toy.run_process():
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        await toy.connection.execute(
            "update position set gap_since = now(), era = 1, last_sequence = 4, ahead_era = 1, ahead_sequence = 9"
            " where topic = $1 and partition = 3",
            toy.league.requests,
        )

        async def behind() -> bool:
            return (await lag(toy))["kafka_consumergroup_group_lag"] == 5.0

        await until(behind, "five records that had no effect")


async def test_deferred_records_of_a_participant_are_shown_with_their_deadline(toy: Toy) -> None:
    async with toy.run_process():
        await send(toy, a_goal(PLAYER, "g1"))
        await until(lambda: toy.is_up(f"/participants/{PLAYER}"), "the goal waits for its player")
        (waits,) = (await toy.get(f"/participants/{PLAYER}")).json()["waiting"]
        assert (waits["type"], waits["waits_for"], waits["key"]) == ("toy.league.point_scored.v1", "player", PLAYER)
        assert waits["since"] < waits["until"]
        assert (await toy.get("/participants/4810000000000025")).status_code == 404


async def test_lag_of_a_stopped_lane_counts_records_without_effect(toy: Toy) -> None:
    async with toy.run_process():
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        await toy.connection.execute(
            "update lane set stopped_reason = 'invariant', stopped_detail = 'd', stopped_at = now() where lane = $1",
            lane_of(PLAYER),
        )
        await send(toy, *(a_goal(PLAYER, f"g{n}") for n in range(3)))

        async def behind() -> bool:
            return (await lag(toy))["kafka_consumergroup_group_lag"] == 3.0

        await until(behind, "three records without effect")
        lanes = (await toy.get("/lanes")).json()["lanes"]
        words = {"stands still" if lane["lane"] == lane_of(PLAYER) else "goes on" for lane in lanes}
        assert {lane["state"] for lane in lanes} == words
        (sentence,) = (await toy.get("/health/ready")).json()["degraded"]
        assert sentence.startswith(f"lane {lane_of(PLAYER)} stands still since ")


async def test_process_without_postgres_and_kafka_lives_and_names_both(toy: Toy) -> None:
    nowhere = free_port()
    away = {
        "TOY_POSTGRES_URL": f"postgresql://enrollment@127.0.0.1:{nowhere}/salur",
        "TOY_KAFKA_BOOTSTRAP": f"127.0.0.1:{nowhere}",
    }
    async with toy.run_process(**away) as process:
        response = await toy.get("/health/ready")
        assert response.status_code == 503
        reasons = " ".join(response.json()["reasons"])
        assert "Kafka does not answer" in reasons
        assert "Postgres is not reachable" in reasons
        assert (await toy.get("/lanes")).status_code == 503
        metrics = await toy.get("/metrics")
        assert metrics.status_code == 200
        assert "salur_parked_records" not in metrics.text
        assert await asyncio.to_thread(process.stop)


async def test_process_that_cannot_log_in_joins_no_group_and_ends_on_sigterm(toy: Toy) -> None:
    shut = toy.environment["TOY_POSTGRES_URL"].replace("enrollment:", "enrollment:not-")
    async with toy.run_process(TOY_POSTGRES_URL=shut) as process:

        async def says_so() -> bool:
            reasons = " ".join((await toy.get("/health/ready")).json()["reasons"])
            return "joining: InvalidPasswordError" in reasons and "given no partitions" in reasons

        await until(says_so, "it says what it misses")
        assert await asyncio.to_thread(process.stop)


@pytest.mark.parametrize("end", [Ge, Le])
@pytest.mark.parametrize("moment", [EARLIEST, LATEST])
async def test_settings_at_their_bounds_work_at_both_ends_of_the_clock(
    toy: Toy, end: type[Ge | Le], moment: datetime
) -> None:
    offset = toy.folder / "offset"
    offset.write_text(str(int((moment - datetime.now(UTC)).total_seconds()) + (5 if moment is EARLIEST else -5)))
    name = "r" * 128
    settings = {"TOY_REPLICA": name, "SALUR_CLOCK_OFFSET_FILE": str(offset)}
    for setting, field in ServiceSettings.model_fields.items():
        for bound in (part for part in field.metadata if isinstance(part, end) and setting != "http_port"):
            settings[f"TOY_{setting.upper()}"] = str(bound.ge if isinstance(bound, Ge) else bound.le)
    waits_or_parked = "select true from waiting union select true from parked"
    async with toy.run_process(**settings):
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        await send(toy, a_player(PLAYER), a_goal("nobody", "g1"))
        await until(lambda: toy.connection.fetchval("select true from player"), "the player is known")
        await until(lambda: toy.connection.fetchval(waits_or_parked), "the goal of nobody waits, or has waited")
        assert (await toy.get("/health/ready")).json()["outage"] is None
        assert all(lane["reason"] is None for lane in (await toy.get("/lanes")).json()["lanes"])


@pytest.mark.parametrize("content", ["", "soon", "9" * 30])
async def test_process_does_not_start_with_an_unusable_clock_file(toy: Toy, content: str) -> None:
    (toy.folder / "offset").write_text(content)
    output = await toy.run_verb("run", status=2, SALUR_CLOCK_OFFSET_FILE=str(toy.folder / "offset"))
    assert "SALUR_CLOCK_OFFSET_FILE must name a file" in output
    assert "keys" not in output
