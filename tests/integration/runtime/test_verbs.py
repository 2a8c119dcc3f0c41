"""The verbs that operators type, on a real Postgres and a real Kafka."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.ports import free_port
from shared.contracts.seals import KeyRing
from shared.messaging.message import Record, pack
from shared.messaging.outbox.page import OutboxEvent, encode
from shared.runtime.invariant_monitor import InvariantMonitor
from tests.integration.messaging.toy_world import producer
from tests.integration.runtime.conftest import MODULE, Toy

BY = ("--who", "an operator", "--why", "a drill")
NOW = datetime(2023, 3, 1, tzinfo=UTC)
NIK = b"3273010101900001"


async def park(toy: Toy, offset: int = 0) -> int:
    vault = KeyRing.load(toy.folder / "toy.jwks.json")
    record = Record(toy.league.requests, 0, offset, 0, b"k", b'{"nik":"' + NIK + b'"}', ())
    number = await toy.connection.fetchval(
        "insert into parked (reason, detail, topic, partition, \"offset\", size, sha256, sealed, parked_at)"
        " values ('conflict', '/shirt', $1, 0, $2, 10, sha256($5), $3, $4) returning id",
        record.topic, offset, vault.seal_bytes(pack(record)), NOW, record.value,
    )  # fmt: skip
    return int(number)


async def emit(toy: Toy, lane: int, count: int) -> None:
    """Pages of one event each, all of them published."""
    topic = toy.league.totals
    await toy.connection.execute("insert into era values ($1, $2, 1, 1, 0)", topic, lane)
    for number in range(1, count + 1):
        events = encode([OutboxEvent("toy.league.total_reached.v1", f"player-{number}", b"{}")])
        await toy.connection.execute(
            "insert into page values ($1, $2, 1, 1, $3, $3, $4, false, $5)", topic, lane, number, NOW, events
        )
    await toy.connection.execute(
        "update sequence set next_sequence = $3 where topic = $1 and lane = $2", topic, lane, count + 1
    )
    await toy.connection.execute(
        "update publication set published = $3 where topic = $1 and lane = $2", topic, lane, count
    )


async def test_stopped_lane_shows_its_reason_and_is_resumed_once(toy: Toy) -> None:
    await toy.connection.execute(
        "update lane set stopped_reason = 'invariant', stopped_detail = 'two sides differ', stopped_at = $1"
        " where lane = 4", NOW,
    )  # fmt: skip
    shown = await toy.run_verb("lanes")
    assert "stands still: invariant" in shown
    assert "nobody serves it" in shown
    assert "two sides differ" in shown
    assert "it had stopped for invariant" in await toy.run_verb("lanes", "resume", "4", *BY)
    assert "lane 4 is not stopped" in await toy.run_verb("lanes", "resume", "4", *BY, status=2)
    assert "stands still" not in await toy.run_verb("lanes")
    assert await toy.operations() == [("lanes resume", "an operator")]


async def test_lane_with_a_gap_is_not_resumed_and_shows_the_missing_number(toy: Toy) -> None:
    await toy.connection.execute("insert into position (topic, partition, gap_since) values ('totals', 4, $1)", NOW)
    assert "stands still: gap" in await toy.run_verb("lanes")
    refused = await toy.run_verb("lanes", "resume", "4", *BY, status=2)
    assert "numbers missing in totals" in refused
    assert await toy.operations() == []


async def test_position_is_set_only_with_yes_and_only_to_an_offset_in_kafka(toy: Toy) -> None:
    topic = toy.league.requests
    async with producer(toy.environment["TOY_KAFKA_BOOTSTRAP"]) as kafka:
        for _ in range(3):
            await kafka.send_and_wait(topic, b"x", partition=2)
    await toy.connection.execute(
        "insert into position (topic, partition, next_offset, last_offset, stopped_reason)"
        " values ($1, 2, 1, 0, 'retention')", topic,
    )  # fmt: skip
    assert "stands still: retention" in await toy.run_verb("positions")
    verb = ("positions", "set", topic, "2")
    assert "holds offsets 0 to 3, not 9" in await toy.run_verb(*verb, "9", *BY, status=2)
    preview = await toy.run_verb(*verb, "3", *BY)
    assert "2 records are skipped" in preview
    assert "add --yes" in preview
    stands = "select (next_offset, stopped_reason)::text from position where partition = 2"
    assert await toy.connection.fetchval(stands) == "(1,retention)"
    assert await toy.operations() == []
    await toy.run_verb(*verb, "3", *BY, "--yes")
    assert await toy.connection.fetchval(stands) == "(3,)"
    assert "is at offset 3 already" in await toy.run_verb(*verb, "3", *BY, "--yes")
    assert await toy.operations() == [("positions set", "an operator")]


async def test_replay_of_a_parked_record_is_previewed_and_refused_twice(toy: Toy) -> None:
    number = await park(toy)
    waiting = "select count(*) from waiting where kind = 'replay'"
    assert "add --yes" in await toy.run_verb("parked", "replay", str(number), *BY)
    assert await toy.connection.fetchval(waiting) == 0
    assert f"1 record replayed: {number} (conflict)" in await toy.run_verb(
        "parked", "replay", str(number), *BY, "--yes"
    )
    for verb in ("replay", "close"):
        assert "none of these records is open" in await toy.run_verb(
            "parked", verb, str(number), *BY, "--yes", status=2
        )
    assert await toy.connection.fetchval(waiting) == 1
    assert await toy.operations() == [("parked replay", "an operator")]


async def test_operations_shows_who_did_what_and_why_the_latest_first(toy: Toy) -> None:
    assert "none" in await toy.run_verb("operations")
    numbers = [await park(toy, offset) for offset in range(3)]
    for number, who in zip(numbers, ("ani", "budi", "ani"), strict=True):
        await toy.run_verb("parked", "close", str(number), "--who", who, "--why", f"letter {number}", "--yes")
    rows = json.loads(await toy.run_verb("operations", "--json"))
    assert [(row["number"], row["verb"], row["who"]) for row in rows] == [
        (3, "parked close", "ani"),
        (2, "parked close", "budi"),
        (1, "parked close", "ani"),
    ]
    assert rows[0]["why"] == f"letter {numbers[2]}"
    assert rows[0]["detail"]["numbers"] == [numbers[2]]
    shown = await toy.run_verb("operations", "--who", "ani", "--limit", "1")
    assert f"letter {numbers[2]}" in shown
    assert "more was done before; --before 3 shows it" in shown
    of_ani = json.loads(await toy.run_verb("operations", "--who", "ani", "--before", "3", "--json"))
    assert [row["number"] for row in of_ani] == [1]
    assert "none" in await toy.run_verb("operations", "--verb", "halt")


async def test_waiting_shows_what_is_waited_for_the_longest_first(toy: Toy) -> None:
    assert "none" in await toy.run_verb("waiting")
    for offset, (kind, key, hours) in enumerate(
        (("team", "b", 1), ("team", "a", 2), ("team", "b", 3), ("lane", "", 0))
    ):
        due = None if kind == "lane" else NOW + timedelta(hours=24 - hours)
        await toy.connection.execute(
            'insert into waiting (lane, kind, key, owner, topic, partition, "offset", since, due, digest, record)'
            " values (1, $1, $2, '', 'toys', 1, $3, $4, $5, $6, '')",
            *(kind, key, offset, NOW - timedelta(hours=hours), due, bytes([offset])),
        )
    rows = json.loads(await toy.run_verb("waiting", "--json"))
    assert [(row["kind"], row["key"], row["records"], row["until"]) for row in rows] == [
        ("team", "b", 2, "2023-03-01T21:00:00Z"),
        ("team", "a", 1, "2023-03-01T22:00:00Z"),
        ("lane", "", 1, None),
    ]
    assert rows[0]["since"] == "2023-02-28T21:00:00Z"
    assert rows[0]["age_seconds"] - rows[1]["age_seconds"] == 3600
    assert [row["key"] for row in json.loads(await toy.run_verb("waiting", "--key", "a", "--json"))] == ["a"]
    assert len(json.loads(await toy.run_verb("waiting", "--kind", "team", "--json"))) == 2
    assert "more is waiting" in await toy.run_verb("waiting", "--limit", "2")


async def test_explain_shows_a_table_or_json_and_refuses_a_stranger(toy: Toy) -> None:
    player = "4810000000000017"
    await toy.connection.execute("insert into player values ($1, '7')", player)
    await toy.connection.execute("insert into goal values ('goal-1', $1, 1, $2)", player, NOW)
    shown = await toy.run_verb("explain", player)
    assert "2023-03-01T00:00:00Z" in shown
    assert "goal.counts" in shown
    (decision,) = json.loads(await toy.run_verb("explain", player, "--json"))["decisions"]
    assert (decision["decision"], decision["about"]) == ("scored", "goal-1")
    assert "knows nothing of this participant" in await toy.run_verb("explain", "4810000000000018", status=2)
    assert "16 digits" in await toy.run_verb("explain", "481", status=2)


async def test_close_by_reason_closes_its_open_records(toy: Toy) -> None:
    await park(toy, 1)
    await park(toy, 2)
    assert "name the records" in await toy.run_verb("parked", "close", *BY, "--yes", status=2)
    assert "none of these" in await toy.run_verb("parked", "close", "--reason", "bad_seal", *BY, "--yes", status=2)
    assert "2 records closed" in await toy.run_verb("parked", "close", "--reason", "conflict", *BY, "--yes")
    assert "conflict" not in await toy.run_verb("parked", "list")
    assert "closed 2" in await toy.run_verb("parked", "list", "--all")


async def test_parked_list_shows_the_total_and_where_it_goes_on(toy: Toy) -> None:
    numbers = [await park(toy, offset) for offset in range(3)]
    shown = await toy.run_verb("parked", "list", "--limit", "2")
    assert f"2 of 3 records are shown; --after {numbers[1]} shows more" in shown
    assert "are shown" not in await toy.run_verb("parked", "list", "--after", str(numbers[1]))


async def test_parked_groups_show_cause_and_source(toy: Toy) -> None:
    for offset in range(3):
        await park(toy, offset)
    await toy.connection.execute("update parked set ce_source = '/b', ce_type = 't' where \"offset\" < 2")
    first, second = json.loads(await toy.run_verb("parked", "groups", "--json"))
    assert (first["records"], first["reason"], first["ce_source"], first["ce_type"]) == (2, "conflict", "/b", "t")
    assert (second["records"], second["ce_source"]) == (1, None)
    preview = await toy.run_verb("parked", "replay", "--source", "/b", *BY)
    assert "2 records. This is a preview" in preview


async def test_selected_records_are_resolved_in_portions(toy: Toy) -> None:
    await toy.connection.execute(
        "insert into parked (reason, detail, topic, partition, \"offset\", size, sha256, sealed, parked_at)"
        " select 'conflict', '/shirt', 'requests', 0, n, 1, '', '', $1 from generate_series(1, 1200) as n", NOW,
    )  # fmt: skip
    output = await toy.run_verb("parked", "close", "--reason", "conflict", *BY, "--yes")
    assert [line.split(" closed")[0] for line in output.splitlines()] == ["500 records", "500 records", "200 records"]
    assert await toy.connection.fetchval("select count(*) from parked where closed_at is null") == 0
    assert await toy.operations() == [("parked close", "an operator")] * 3


async def test_parked_record_is_shown_without_its_content(toy: Toy) -> None:
    shown = await toy.run_verb("parked", "show", str(await park(toy)))
    assert f"{toy.league.requests}/0 at 0" in shown
    assert "/shirt" in shown
    assert NIK.decode() not in shown


async def test_pages_are_shown_and_republished_from_a_number_on(toy: Toy) -> None:
    topic = toy.league.totals
    await emit(toy, 5, 3)
    shown = await toy.run_verb("pages", "show", topic, "5", "--from", "2")
    assert "player-2" in shown
    assert "player-1" not in shown
    again = ("pages", "say-again", "--lane", "5", "--topic", topic, *BY)
    assert "no page from 4 on" in await toy.run_verb(*again, "--from", "4", status=2)
    assert "2 pages are published again" in await toy.run_verb(*again, "--from", "2")
    assert "is being published again from 2" in await toy.run_verb(*again, "--from", "3")
    assert await toy.connection.fetchval("select say_again_from from publication where say_again_from > 0") == 2
    assert await toy.operations() == [("pages say-again", "an operator")]


async def test_verb_without_effect_is_refused_and_logs_no_operation(toy: Toy) -> None:
    for verb, sentence in {
        ("lanes", "resume", "4"): "lane 4 is not stopped",
        ("lanes", "resume", "99"): "there is no lane 99",
        ("parked", "replay", "7", "--yes"): "none of these records is open",
        ("parked", "close", "--reason", "conflict", "--yes"): "none of these records is open",
    }.items():
        assert sentence in await toy.run_verb(*verb, *BY, status=2)
    assert "no page from 9 on" in await toy.run_verb("pages", "show", toy.league.totals, "5", "--from", "9", status=2)
    nobody = ("--who", " ", "--why", "a drill")
    assert "--who has no visible character" in await toy.run_verb("lanes", "resume", "4", *nobody, status=2)
    assert await toy.operations() == []


async def test_pages_no_longer_kept_are_not_republished(toy: Toy) -> None:
    await emit(toy, 5, 3)
    await toy.connection.execute("delete from page where first_sequence = 1")
    again = ("pages", "say-again", "--lane", "5", "--topic", toy.league.totals, "--from", "1", *BY)
    assert "kept from 2 on only" in await toy.run_verb(*again, status=2)


async def test_verify_prints_a_line_for_each_invariant_and_names_each_breach(toy: Toy) -> None:
    await emit(toy, 5, 3)
    await toy.connection.execute("insert into player values ('a', '7')")
    whole = await toy.run_verb("verify")
    assert [line[:5] for line in whole.splitlines()] == [*(f"OK E{number}" for number in (*range(1, 8), 9, 8)), "OK T1"]
    await toy.connection.execute("delete from page where first_sequence = 2")
    await toy.connection.execute("insert into player values ('b', '13'), ('c', '13')")
    broken = (await toy.run_verb("verify", status=1)).splitlines()
    assert f"BROKEN E1 pages are gapless: {toy.league.totals}/5: a page begins at 3, not at 2" in broken
    assert "BROKEN T1 nobody wears thirteen: player b wears 13" in broken
    assert "BROKEN T1 nobody wears thirteen: player c wears 13" in broken
    assert "OK E2 nothing is published that the outbox does not hold" in broken
    results = json.loads(await toy.run_verb("verify", "--json", status=1))
    assert [result["id"] for result in results] == [*(f"E{number}" for number in (*range(1, 8), 9, 8)), "T1"]
    assert results[-1] == {
        "id": "T1",
        "sentence": "nobody wears thirteen",
        "holds": False,
        "breaches": ["player b wears 13", "player c wears 13"],
    }


async def test_background_check_counts_the_breaches_of_verify(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    await toy.connection.execute("insert into player values ('a', '7'), ('b', '13'), ('c', '13')")
    for name, value in toy.environment.items():
        monkeypatch.setenv(name, value)
    monitor = InvariantMonitor((sys.executable, "-m", MODULE, "verify", "--gently", "--json"))
    await monitor.check()
    assert monitor.breaches == {
        "E1": 0,
        "E2": 0,
        "E3": 0,
        "E4": 0,
        "E5": 0,
        "E6": 0,
        "E7": 0,
        "E8": 0,
        "E9": 0,
        "T1": 2,
    }


async def test_changed_operation_is_found(toy: Toy) -> None:
    await park(toy)
    await toy.run_verb("parked", "close", "1", *BY, "--yes")
    await toy.connection.execute("alter table operation disable trigger all; update operation set who = 'another'")
    assert "operation 1 does not match the hash chain" in await toy.run_verb("verify", status=1)


async def test_unreachable_dependency_is_reported_in_one_line(toy: Toy) -> None:
    nowhere = free_port()
    no_postgres = {"TOY_POSTGRES_URL": f"postgresql://enrollment@127.0.0.1:{nowhere}/salur"}
    for verb in (["lanes"], ["verify"], ["parked", "list"]):
        (line,) = (await toy.run_verb(*verb, status=2, **no_postgres)).splitlines()
        assert line.startswith("toy: Postgres is not reachable")
    await toy.connection.execute("insert into position (topic, partition) values ($1, 0)", toy.league.requests)
    (line,) = (await toy.run_verb("positions", status=2, TOY_KAFKA_BOOTSTRAP=f"127.0.0.1:{nowhere}")).splitlines()
    assert line.startswith("toy: Kafka is not reachable")
    (line,) = (await toy.run_verb("run", status=2, TOY_SUFIX="x")).splitlines()
    assert line == "toy: TOY_SUFIX is not a setting of toy; did you mean TOY_SUFFIX?"
