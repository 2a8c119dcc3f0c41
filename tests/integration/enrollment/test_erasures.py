"""Erased participants: announced once, on a real database, by registration or an operator, and after a restore."""

from datetime import date, timedelta

import pytest

from services.enrollment.explanation import explain
from services.enrollment.handlers.erasures import erase_participant
from services.enrollment.schemes import load_schemes
from shared.errors import Refused
from shared.messaging.engine.operator import Operator, Outcome
from tests.builders import (
    ADMITTED_AT,
    LATER,
    a_nik,
    a_participant_id,
    a_purchase,
    a_wave,
    an_account,
    an_admission,
    an_erasure,
    chain_key,
)
from tests.integration.enrollment.harness import WAIT_AT_MOST, EnrollmentHarness, vault

DAY = timedelta(days=1)
ERASED_AT = ADMITTED_AT + DAY
TOO_YOUNG = date(2012, 1, 1)


@pytest.fixture
async def person(harness: EnrollmentHarness) -> str:
    """Admit a participant to wave 48."""
    admission = an_admission()
    await harness.receive(a_wave(), admission)
    harness.announced.clear()
    return str(admission.data["participant_id"])


async def erase(harness: EnrollmentHarness, person: str) -> Outcome:
    """Erase a participant as an operator, and note what is announced."""
    connection = harness.session.connection
    terms = harness.definition.transaction_terms(vault(), chain_key("enrollment"))
    async with connection.transaction():
        operator = Operator("Ani", "letter of 3 March", harness.now, chain_key("enrollment"))
        return await erase_participant(terms, person, connection, operator)


async def personal_rows(harness: EnrollmentHarness) -> set[str]:
    """Return the people of whom something personal is deferred."""
    return {row["person"] for row in await harness.connection.fetch("select person from waiting where person <> ''")}


async def kept(harness: EnrollmentHarness) -> int:
    return int(await harness.connection.fetchval("select count(*) from account where sealed <> ''"))


async def test_erasure_is_announced_once(harness: EnrollmentHarness, person: str) -> None:
    erasure = an_erasure(person, ERASED_AT)
    await harness.receive(erasure, erasure.with_new_id(), an_erasure(person, ERASED_AT + DAY))
    await harness.receive(erasure.with_new_id())
    assert harness.announced == [
        ("participant_erased", {"participant_id": person, "erased_at": erasure.data["erased_at"]})
    ]
    assert (await harness.parked(), await harness.breaches()) == ([], [])


async def test_repeat_beside_another_erasure_is_not_announced(harness: EnrollmentHarness, person: str) -> None:
    other = an_admission()
    await harness.receive(an_erasure(person, ERASED_AT), other)
    await harness.receive(an_erasure(person, ERASED_AT), an_erasure(str(other.data["participant_id"]), ERASED_AT))
    assert harness.event_names().count("participant_erased") == 2


async def test_account_of_the_erased_changes_nothing(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(an_erasure(person, ERASED_AT), an_account(person, nik=a_nik()))
    assert (harness.event_names(), await harness.rows("account")) == (["participant_erased"], 0)
    await harness.receive(an_account(person, nik=a_nik()))
    assert (harness.event_names(), await harness.rows("account")) == (["participant_erased"], 0)


async def test_training_of_the_erased_goes_on(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(an_erasure(person, ERASED_AT), a_purchase(person))
    assert harness.event_names() == ["participant_erased", "enrollment_confirmed"]


async def test_nik_of_the_erased_is_not_admitted_again(harness: EnrollmentHarness) -> None:
    admission, other = an_admission(nik=(nik := a_nik())), a_participant_id()
    person = str(admission.data["participant_id"])
    await harness.receive(a_wave(), admission, an_erasure(person, ERASED_AT))
    await harness.receive(an_admission(other, nik=nik), an_admission(person, wave="48"))
    assert harness.reasons() == ["nik_already_admitted"]


async def test_erasure_before_its_participant_is_deferred(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), an_erasure(person, ERASED_AT))
    assert await harness.rows("erasure") == 0
    await harness.receive(an_admission(person))
    assert harness.event_names() == ["participant_admitted", "participant_erased"]


async def test_what_waits_of_the_erased_is_parked_without_its_bytes(harness: EnrollmentHarness) -> None:
    person, other, nik = a_participant_id(), a_participant_id(), a_nik()
    await harness.receive(an_admission(person, nik=nik), an_account(person, nik=nik), an_admission(other))
    assert await harness.rows("waiting where person is not null") == 3
    await harness.receive(an_erasure(person, ERASED_AT))
    assert await personal_rows(harness) == {other}
    assert await harness.parked() == [("wait_expired", "erased")] * 2
    rows = await harness.connection.fetch("select person, sealed from parked")
    assert [tuple(row) for row in rows] == [(person, "")] * 2
    await harness.receive(a_wave())
    await harness.sweep()
    assert [data["participant_id"] for data in harness.data_of("participant_admitted")] == [other]


async def test_application_for_an_unopened_wave_ends_with_the_erasure(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(an_admission(person, wave="50"))
    assert (await erase(harness, person)).changed
    await harness.receive(an_admission(person, wave="51"))
    assert (await personal_rows(harness), await harness.parked()) == (set(), [("wait_expired", "erased")] * 2)
    await harness.receive(a_wave("50"), an_admission(person, wave="50"))
    assert harness.reasons() == ["nik_already_admitted"]


@pytest.mark.parametrize("erasure_first", [False, True])
async def test_erasure_and_what_would_wait_end_in_one_batch(harness: EnrollmentHarness, *, erasure_first: bool) -> None:
    person = a_participant_id()
    events = [an_admission(person), an_erasure(person, ERASED_AT)]
    await harness.receive(*(reversed(events) if erasure_first else events))
    assert (await personal_rows(harness), await harness.parked()) == (set(), [("wait_expired", "erased")])
    assert await harness.breaches() == []


async def test_what_is_replayed_of_the_erased_is_parked_again(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(an_admission(person, wave="50"))
    harness.now += WAIT_AT_MOST
    await harness.sweep()
    await harness.requeue_parked()
    assert await personal_rows(harness) == {person}
    await harness.receive(an_erasure(person, ERASED_AT))
    assert (await personal_rows(harness), await harness.rows("parked where replayed_at is null")) == (set(), 1)


async def test_application_waits_while_its_lane_catches_up(harness: EnrollmentHarness) -> None:
    # After a restore the erased are known before their applications and waves are read again.
    person = a_participant_id()
    await harness.receive(a_wave(), admission := an_admission(person), an_erasure(person, ERASED_AT))
    before = list(harness.announced)
    await harness.reset()
    await harness.adopt(*before)
    await harness.connection.execute("update lane set catching_up_since = now()")
    await harness.receive(admission, an_erasure(person, ERASED_AT), a_wave(), at_once=False)
    await harness.sweep()
    assert (harness.announced, await harness.parked(), await harness.rows("admission")) == ([], [], 1)


async def test_erasure_of_nobody_expires(harness: EnrollmentHarness) -> None:
    await harness.receive(an_erasure(a_participant_id(), ERASED_AT))
    harness.now += WAIT_AT_MOST
    await harness.sweep()
    assert await harness.parked() == [("wait_expired", "")]


async def test_erasure_ahead_of_the_clock_is_out_of_window(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(an_erasure(person, LATER + DAY))
    assert await harness.parked() == [("out_of_window", "/erased_at")]


async def test_account_kept_of_a_refused_person_goes(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    await harness.receive(a_wave(), a_wave("49"), an_admission(person, nik=nik, birth_date=TOO_YOUNG))
    await harness.receive(an_account(person, nik=nik))
    assert await kept(harness) == 1
    await harness.receive(an_erasure(person, ERASED_AT))
    assert (await kept(harness), harness.event_names()[-1]) == (0, "participant_erased")
    await harness.receive(an_admission(person, wave="49"))
    assert harness.event_names()[-1] == "participant_admitted"
    assert await harness.breaches() == []


async def test_operator_erases_a_participant_once(harness: EnrollmentHarness, person: str) -> None:
    outcome = await erase(harness, person)
    assert (outcome.changed, "cannot be undone" in outcome.sentence) == (True, True)
    assert await harness.rows("page where topic = 'enrollment.events'") == 2
    assert (await erase(harness, person)).changed is False
    await harness.receive(an_erasure(person, ERASED_AT))
    assert harness.announced == []
    (row,) = await harness.connection.fetch("select verb, who, why, detail from operation")
    assert (row["verb"], row["who"], row["why"]) == ("erase", "Ani", "letter of 3 March")
    assert person in row["detail"]


@pytest.mark.parametrize("nobody", ["4810000000000999", "481", "name"])
async def test_operator_cannot_erase_who_never_applied(harness: EnrollmentHarness, nobody: str) -> None:
    with pytest.raises(Refused):
        await erase(harness, nobody)


async def test_erasure_of_before_a_restore_stands_and_is_not_repeated(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    wave, admission, account = a_wave(), an_admission(person, nik=nik), an_account(person, nik=nik)
    await harness.receive(wave, admission, account)
    await harness.receive(an_erasure(person, ERASED_AT))
    before = list(harness.announced)
    await harness.reset()
    await harness.adopt(*before)
    await harness.receive(wave, admission, account, an_erasure(person, ERASED_AT), at_once=False)
    assert (harness.announced, await harness.rows("account"), await harness.rows("remembered")) == ([], 0, 0)
    assert await harness.breaches() == []


async def test_account_kept_in_the_backup_goes_when_the_erasure_is_adopted(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    await harness.receive(a_wave(), an_admission(person, nik=nik, birth_date=TOO_YOUNG), an_account(person, nik=nik))
    erased_at = an_erasure(person, ERASED_AT).data["erased_at"]
    await harness.adopt(("participant_erased", {"participant_id": person, "erased_at": erased_at}))
    assert await kept(harness) == 0


async def test_erasure_is_explained_and_stands_for_ever(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(an_erasure(person, ERASED_AT))
    found = [(one.decision, one.rule) for one in await explain(load_schemes(), harness.connection, person)]
    assert ("participant_erased", "erasure.for_ever") in found
    for statement in ("update erasure set erased_at = now()", "delete from erasure"):
        with pytest.raises(Exception, match="final"):
            await harness.connection.execute(statement)


async def test_verify_names_an_account_that_is_kept(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(an_account(person, nik=a_nik()))
    await harness.receive(an_erasure(person, ERASED_AT))
    await harness.connection.execute("update account set sealed = 'left', identity_index = '', same_identity = null")
    assert await harness.breaches() == [f"participant {person} was erased, and an account or a key is kept"]
