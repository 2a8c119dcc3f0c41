"""Views for operators, and breaches that the invariants find."""

import re
from datetime import date, timedelta

import asyncpg

from services.enrollment.domain.admission import AdmissionRefusal
from services.enrollment.domain.purchase import EnrollmentState, PurchaseRejection
from services.enrollment.ops import gauges
from tests.builders import (
    ADMITTED_AT,
    LATER,
    a_nik,
    a_participant_id,
    a_purchase,
    a_void,
    a_wave,
    an_account,
    an_admission,
)
from tests.infrastructure import Database
from tests.integration.enrollment.harness import EnrollmentHarness, completed, rated

DAY = timedelta(days=1)


async def test_audit_trail_is_in_order_of_time_and_holds_no_secret(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    first = a_purchase(person)
    code = first.data["redeem_code"]
    await harness.receive(a_wave(), an_admission(person, nik=nik), an_account(person, nik=nik, number="0812777"), first)
    await harness.receive(completed(person, code, ADMITTED_AT + 4 * DAY), rated(person, code, ADMITTED_AT + 5 * DAY))
    found = await harness.definition.audit_trail(harness.connection, person)
    assert found is not None
    steps = found["decisions"]
    assert [step["decision"] for step in steps] == [
        "admitted",
        "account_linked",
        "purchase_confirmed",
        "completed",
        "rated",
    ]
    assert found["balance_left"] == 2_000_000
    assert not re.search(f"{nik}|0812777|eyJ", str(found))


async def test_unknown_participant_has_no_audit_trail(harness: EnrollmentHarness) -> None:
    assert await harness.definition.audit_trail(harness.connection, a_participant_id()) is None


async def test_gauges_count_participants_by_wave_and_enrollments_by_state(harness: EnrollmentHarness) -> None:
    admission, person = an_admission(), a_participant_id()
    late = ADMITTED_AT + 16 * DAY
    await harness.receive(a_wave(), admission, an_admission(birth_date=date(2012, 1, 1)), an_admission(person))
    first = a_purchase(admission.data["participant_id"])
    await harness.receive(first, a_purchase(person, purchased_at=late), a_void(first, LATER))
    found = {(gauge.name, *sorted(gauge.labels.values())): gauge.value for gauge in await gauges(harness.connection)}
    assert found == {
        ("salur_participants", "48", "admitted"): 2,
        ("salur_participants", "48", "refused"): 1,
        ("salur_enrollments", "confirmed"): 0,
        ("salur_enrollments", "voided"): 1,
        ("salur_enrollments", "undecided"): 1,
    }


async def test_every_invariant_finds_its_breach(harness: EnrollmentHarness, database: Database) -> None:
    admission = an_admission()
    first, second = (a_purchase(admission.data["participant_id"]) for _ in range(2))
    await harness.receive(a_wave(quota=2), admission, an_admission(), first, a_void(first, ADMITTED_AT + DAY))
    await harness.receive(second)
    assert await harness.breaches() == []
    superuser = await asyncpg.connect(database.url, server_settings={"search_path": "enrollment"})
    await superuser.execute("set session_replication_role = replica")
    await superuser.execute("update enrollment set price = 3500001")
    await superuser.execute("delete from claim")
    await superuser.execute("delete from purchase_deadline")
    await superuser.execute("insert into claim values ('nik', 'ff', 'somebody refused')")
    await superuser.execute("update wave set refused = 7")
    await superuser.execute("update tally set enrollments = 9")
    await superuser.execute(
        "insert into account"
        " (participant_id, lane, partner, verified, linked_at, content_digest, identity_index, sealed)"
        " values ('somebody erased', 1, 'bni', true, now(), '', '', 'a seal')"
    )
    await superuser.execute("insert into erasure values ('somebody erased', 1, now())")
    await superuser.execute("insert into remembered values ('of before', 'a key', 'somebody', '{}')")
    await superuser.close()
    broken = [i.name for i in harness.definition.invariants if await i.check(harness.connection)]
    assert broken == [i.name for i in harness.definition.invariants]


async def test_database_checks_match_the_states_and_reasons_in_code(harness: EnrollmentHarness) -> None:
    query = "select pg_get_constraintdef(oid) from pg_constraint where conname = $1"
    for constraint, names in {
        "admission_reason_check": AdmissionRefusal,
        "enrollment_reason_check": PurchaseRejection,
        "enrollment_state_check": EnrollmentState,
    }.items():
        definition = await harness.connection.fetchval(query, constraint)
        assert set(re.findall(r"'(\w+)'", definition)) == {name.value for name in names}, constraint
