"""Views of operators, and checks that find rows which were tampered with."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

from deploy.local.paths import ROOT
from services.payment.domain.disbursement import HoldReason
from services.payment.ops import degraded, halts, held
from shared.runtime.invariants import ENGINE_INVARIANTS
from tests.builders import LATER, keys_folder
from tests.infrastructure import Database, sealing_of
from tests.integration.payment.facts import (
    CODE,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    RATED_AT,
    a_number,
    in_one_lane,
    journey,
    linked,
    reported,
)
from tests.integration.payment.harness import PaymentHarness, create_harness


@pytest.fixture
async def instructed(harness: PaymentHarness) -> PaymentHarness:
    await harness.prepare()
    await harness.receive(*journey())
    await harness.report(harness.instructions_for("fee")[0].reference, "settled")
    return harness


async def test_audit_trail_shows_each_disbursement_with_attempts_and_transfers(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "AC04")
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep("retry")
    trail = await instructed.definition.audit_trail(instructed.connection, PARTICIPANT)
    assert trail is not None
    shown = {d["benefit"]: d for d in trail["disbursements"]}  # type: ignore[attr-defined]
    assert {benefit: d["state"] for benefit, d in shown.items()} == {"fee": "settled", "incentive_1": "instructed"}
    first, second = shown["incentive_1"]["attempts"]
    assert (first["partner"], first["reason"], second["partner"]) == ("gopay", "AC04", "dana")
    assert [(t["debit"], t["credit"]) for t in shown["fee"]["transfers"]] == [
        ("clearing:bni", "reserved:training"),
        ("paid:fee", "clearing:bni"),
    ]
    assert len(shown["incentive_1"]["transfers"]) == 3
    text = json.dumps(trail)
    assert a_number(PARTICIPANT) not in text
    assert "eyJ" not in text


async def test_unknown_participant_has_no_audit_trail(harness: PaymentHarness) -> None:
    assert await harness.definition.audit_trail(harness.connection, PARTICIPANT) is None


async def test_money_is_counted_by_state(instructed: PaymentHarness) -> None:
    def at(name: str, **labels: str) -> float:
        where = {"state": "", "partner": "", "benefit": "", "reason": ""} | labels
        return sum(gauge.value for gauge in gauges if gauge.name == name and gauge.labels == where)

    await instructed.receive(*journey("4810000000000018", "PRAT00000002")[1:])
    gauges = await instructed.definition.gauges(instructed.connection)
    settled = {"state": "settled", "partner": "bni", "benefit": "fee"}
    assert (at("salur_disbursements", **settled), at("salur_disbursements_rupiah", **settled)) == (1, FEE)
    held = {"state": "held", "benefit": "incentive_1", "reason": "no_account"}
    assert at("salur_disbursements", **held) == 1
    assert at("salur_disbursement_oldest_seconds", **held) > 0
    assert at("salur_disbursement_oldest_seconds", state="instructed", partner="gopay", benefit="incentive_1") > 0


async def test_halt_shows_who_waits_and_why(instructed: PaymentHarness) -> None:
    at = ("salur_halted", {"scope": "gopay", "by": "payment"})
    await instructed.receive(reported("gopay", "0" * 16, "settled", INCENTIVE, None))
    await instructed.receive(*journey("4810000000000018", "PRAT00000002"), linked("4810000000000018"))
    (halted,) = await halts(instructed.connection)
    waits = {name: halted[name] for name in ("scope", "by", "participants", "disbursements", "rupiah")}
    assert waits == {"scope": "gopay", "by": "payment", "participants": 1, "disbursements": 1, "rupiah": INCENTIVE}
    (sentence,) = await degraded(instructed.connection)
    assert sentence.startswith("gopay is halted since ")
    assert f"1 people wait for {INCENTIVE} rupiah" in sentence
    gauges = {
        (g.name, tuple(g.labels.values())): g.value for g in await instructed.definition.gauges(instructed.connection)
    }
    assert gauges[at[0], ("gopay", "payment")] == 1
    assert gauges[at[0], ("dana", "")] == 0
    assert gauges["salur_halt_age_seconds", ("all", "")] == 0


BOOKED = "lane, number, wave, component, debit, credit, amount, reference, at, hash"
SETTLED = "update disbursement set state = 'settled', settled_at = now(), ask_at = null where benefit = 'incentive_1'"
CLAIM = (
    "select due_at, due_at, null, amount, lane, 1, payee, 'blocked', 'open', reference, redeem_code, benefit,"
    " participant_id, null from disbursement where benefit = 'fee'"
)
TAMPERING = [
    ("I1", "update purse set spent = spent - 1"),
    ("I1", "delete from transfer where credit = 'clearing:bni'"),
    ("I2", f"insert into transfer ({BOOKED}) select {BOOKED.replace('number', 'number + 9')} from transfer"),
    ("I3", "delete from disbursement where benefit = 'fee'"),
    ("I3", "delete from disbursement where benefit = 'incentive_1'"),
    ("I4", "update disbursement set amount = amount + 1"),
    ("I4", "update enrollment set completed_at = null, completion_noted_at = null"),
    ("I4", "update enrollment set rated_at = null"),
    ("I3", "update enrollment set voided_at = completed_at"),
    ("I4", "update enrollment set revoked_at = completed_at"),
    ("I4", f"insert into block select participant_id, '{LATER}', true, lane, 0 from enrollment"),
    ("I3", f"insert into block select participant_id, '{RATED_AT}', true, lane, 99 from enrollment; {SETTLED}"),
    ("I1", f"insert into money_claim {CLAIM}"),
    ("I7", f"insert into money_claim {CLAIM.replace('amount', 'amount + 1')}"),
    ("I7", "update disbursement set state = 'accepted' where benefit = 'incentive_1'"),
    ("I7", "update attempt set number = 2"),
    ("I7", "delete from reminder"),
    ("I7", "update tally set rupiah = rupiah + 1 where state = 'settled'"),
    ("I8", "update funds set appropriated = appropriated + 1"),
    ("I8", "update transfer set amount = amount * 1000 where credit = 'clearing:bni'"),
    ("I8", "delete from funds"),
    ("I9", "update disbursement set partner = 'dana' where state = 'instructed'"),
    ("I10", "update attempt set amount = amount + 1"),
    ("I10", "update attempt set redeem_code = null, benefit = null, number = null"),
    ("I11", "update transfer set at = at + interval '1 second' where number = 1"),
    ("I11", "update book set number = number + 1"),
    ("I11", "delete from book"),
]


@pytest.mark.parametrize(("invariant", "tampering"), TAMPERING)
async def test_tampering_is_found(instructed: PaymentHarness, invariant: str, tampering: str) -> None:
    tables = ("disbursement", "attempt", "transfer")
    async with instructed.connection.transaction():
        savepoint = instructed.connection.transaction()
        await savepoint.start()
        for table in tables:
            await instructed.connection.execute(f"alter table {table} disable trigger user")
        await instructed.connection.execute(tampering)
        found = [i.id for i in instructed.definition.invariants if await i.check(instructed.connection)]
        await savepoint.rollback()
    assert invariant in found


async def test_completion_without_enrollment_is_a_breach_after_an_hour(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(journey()[2])
    harness.now = LATER.replace(hour=LATER.hour + 2)
    await harness.receive(*journey("4810000000000018", "PRAT00000002"))
    assert await harness.breaches() == [f"{CODE} has a milestone, and its enrollment has not been read"]
    await harness.receive(*journey()[:2])


async def test_two_persons_confirm_from_the_command_line_and_an_event_follows(database: Database) -> None:
    harness = await create_harness(database)
    await harness.prepare()
    await harness.receive(*journey())
    reference = harness.instructions_for("fee")[0].reference
    await harness.report(reference, "rejected", "AM05")
    environment = {
        **os.environ,
        "PAYMENT_POSTGRES_URL": database.url_of("payment"),
        "PAYMENT_KEYS_FOLDER": str(keys_folder()),
        "NO_COLOR": "1",
    }
    for who, yes, status, said in (
        ("ani", (), 0, "add --yes"),
        ("ani", ("--yes",), 0, "ani has consented; a second person must"),
        ("Ani ", ("--yes",), 2, "two different persons"),
        ("budi", (), 0, "add --yes"),
        ("budi", ("--yes",), 0, f"{reference}: {FEE} rupiah of {CODE} fee were paid by bni: it is settled"),
        ("budi", ("--yes",), 2, "not an attempt of a frozen disbursement"),
    ):
        verb = ["confirm", reference, "--who", who, "--why", "its statement says so", *yes]
        command = [sys.executable, "-m", "services.payment", *verb]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
        assert (said in done.stdout + done.stderr, done.returncode) == (True, status), done.stdout + done.stderr
    assert await harness.state("fee") == "settled"
    await harness.note_pages()
    assert harness.event_names("fee")[-1] == "settled"
    await harness.report(harness.instructions_for("incentive")[0].reference, "settled")
    checks = (*ENGINE_INVARIANTS, sealing_of("payment").invariant())
    assert [i for invariant in checks for i in await invariant.check(harness.session.connection)] == []
    assert await harness.breaches() == []
    await harness.connection.close()


VERBS = [
    (["halt"], 0, "all: no more disbursements are instructed"),
    (["halt"], 0, "all is halted already"),
    (["resume"], 0, "all: disbursements held for the halt are paid"),
    (["resume"], 2, "all is not halted"),
    (["resume", "--partner", "dana"], 2, "dana is not halted"),
    (["halt", "--partner", "dana"], 0, "dana: no more disbursements are instructed"),
    (["halt", "--partner", "dune"], 2, "there is no partner dune"),
    (["halt", "--wave", "84"], 2, "there is no wave 84"),
    (["halt", "--wave", "84", "--partner", "dana"], 2, "not both"),
    (["approve", CODE, "fee"], 2, f"{CODE} fee has never fallen due"),
]


async def test_held_shows_what_waits_for_what_cure_the_oldest_first(instructed: PaymentHarness) -> None:
    assert await held(instructed.connection) == []
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "AC04")
    instructed.now += timedelta(seconds=-1)
    await instructed.receive(*journey(in_one_lane(2)[1], "PRAT000000ZZ")[1:])
    rows = await held(instructed.connection)
    assert [(row["redeem_code"], row["reason"], row["cures"]) for row in rows] == [
        ("PRAT000000ZZ", "no_account", ["newer_account"]),
        (CODE, "account_closed", ["newer_account"]),
    ]
    assert [row["amount"] for row in await held(instructed.connection, reason=HoldReason.NO_ACCOUNT)] == [INCENTIVE]
    assert len(await held(instructed.connection, partner="gopay", at_most=1)) == 1
    assert await held(instructed.connection, wave="49") == []


async def test_operators_throw_the_switch_from_the_command_line(database: Database) -> None:
    harness = await create_harness(database)
    ways = {"PAYMENT_POSTGRES_URL": database.url_of("payment"), "PAYMENT_KEYS_FOLDER": str(keys_folder())}
    environment = {**os.environ, **ways, "NO_COLOR": "1"}
    by = ("--who", "night shift", "--why", "a call")
    shown = [
        (["held", "--reason", "no_account"], 0, "none"),
        (["halts"], 0, "operator  night shift"),
        (["halts", "--json"], 0, '"who": "night shift"'),
    ]
    for verb, status, said in [*VERBS, *shown, (["halt", "--why", "a call", "--who", "Payment"], 2, "names a person")]:
        command = [sys.executable, "-m", "services.payment", *verb, *(by if (verb, status, said) in VERBS else ())]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
        assert said in done.stdout + done.stderr
        assert done.returncode == status
    assert await harness.halts() == ["dana"]
    await harness.connection.close()
