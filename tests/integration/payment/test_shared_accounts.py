"""Shared accounts: nothing more is paid into an account that too many participants have linked."""

from datetime import timedelta

import asyncpg
import pytest

from services.payment.app import context_of
from services.payment.handlers.account_indices import index_accounts
from services.payment.settings import PaymentSettings
from tests.builders import Event, keys_folder
from tests.infrastructure import Database
from tests.integration.payment.facts import erased, in_another_lane, in_one_lane, journey, linked
from tests.integration.payment.harness import PaymentHarness, create_harness

NUMBER = "081299999999"
PEOPLE = in_one_lane(5)
HELD = "held(shared_account)"


def code_of(person: str) -> str:
    return f"PRAT{person[-8:]}"


def sharing(person: str) -> list[Event]:
    """Return the events that make the incentive of one fall due, who links the account of the others."""
    return [linked(person, number=NUMBER), *journey(person, code_of(person))[1:]]


async def states(harness: PaymentHarness) -> list[str]:
    return [await harness.state("incentive_1", code_of(person)) for person in PEOPLE]


@pytest.fixture
async def shared(harness: PaymentHarness) -> PaymentHarness:
    """Return a harness in which four share an account; the first three have been paid into it."""
    await harness.prepare()
    for person in PEOPLE[:3]:
        await harness.receive(*sharing(person))
    assert (await states(harness))[:3] == ["instructed"] * 3
    await harness.receive(*sharing(PEOPLE[3]))
    return harness


async def test_fourth_who_links_an_account_is_held_and_what_is_out_goes_on(shared: PaymentHarness) -> None:
    assert await states(shared) == ["instructed", "instructed", "instructed", HELD, ""]
    await shared.report(shared.instructions_for("incentive")[0].reference, "settled")
    assert (await states(shared))[0] == "settled"


async def test_one_batch_in_which_too_many_link_it_pays_none_of_them(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*(event for person in PEOPLE[:4] for event in sharing(person)))
    assert await states(harness) == [HELD] * 4 + [""]


async def test_earlier_ones_are_held_as_well_when_they_are_tried_again(shared: PaymentHarness) -> None:
    await shared.report(shared.instructions_for("incentive")[0].reference, "rejected", "TM01")
    shared.now += timedelta(days=1)
    await shared.sweep()
    assert (await states(shared))[0] == HELD


async def test_what_waits_for_money_is_held_when_the_account_is_shared(harness: PaymentHarness) -> None:
    await harness.prepare(incentive=1)
    for person in PEOPLE[:3]:
        await harness.receive(*sharing(person))
    await harness.receive(*sharing(PEOPLE[3]))
    await harness.sweep()
    assert await states(harness) == [HELD] * 4 + [""]


async def test_newer_account_is_a_cure(shared: PaymentHarness) -> None:
    await shared.receive(linked(PEOPLE[3], day=1))
    assert (await states(shared))[3] == "instructed"


async def test_fewer_people_free_what_was_held(shared: PaymentHarness) -> None:
    await shared.receive(linked(PEOPLE[0], day=1))
    assert (await states(shared))[3] == HELD
    await shared.sweep("release")
    assert (await states(shared))[3] == "instructed"


async def test_two_persons_let_one_payment_go(shared: PaymentHarness) -> None:
    await shared.approve(code_of(PEOPLE[3]), "incentive_1", "Ani")
    await shared.sweep()
    assert (await states(shared))[3] == HELD
    await shared.approve(code_of(PEOPLE[3]), "incentive_1", "Budi")
    await shared.sweep()
    assert (await states(shared))[3] == "instructed"


async def test_approval_is_void_once_another_shared_account_is_linked(shared: PaymentHarness) -> None:
    await shared.approve(code_of(PEOPLE[3]), "incentive_1")
    await shared.receive(linked(PEOPLE[3], number=NUMBER, day=1))
    await shared.sweep()
    assert (await states(shared))[3] == HELD
    assert await shared.connection.fetchval("select count(*) from approval") == 0


async def test_approved_payment_waits_for_money_without_other_holds(harness: PaymentHarness) -> None:
    await harness.prepare(incentive=1)
    await harness.receive(*(event for person in PEOPLE[:4] for event in sharing(person)))
    await harness.approve(code_of(PEOPLE[3]), "incentive_1")
    for _ in range(2):
        await harness.sweep()
        assert (await states(harness))[3] == "held(no_funds)"


async def test_linking_the_same_account_again_counts_once(shared: PaymentHarness) -> None:
    await shared.receive(linked(PEOPLE[3], day=1))
    for day in (1, 2, 3):
        await shared.receive(linked(PEOPLE[0], number=NUMBER, day=day))
    await shared.receive(linked(PEOPLE[1], partner="dana", number=NUMBER, day=1))
    counts = await shared.connection.fetch("select count(*) from account group by account_index order by 1")
    assert [row["count"] for row in counts] == [1, 1, 2]


async def test_nobody_leaves_those_who_share_an_account_by_an_erasure(shared: PaymentHarness) -> None:
    await shared.receive(erased(PEOPLE[0]))
    await shared.sweep()
    assert (await states(shared))[3] == HELD


async def test_limit_is_a_setting(database: Database) -> None:
    harness = await create_harness(database, people_per_account=1)
    await harness.prepare()
    for person in PEOPLE[:2]:
        await harness.receive(*sharing(person))
    assert (await states(harness))[:2] == ["instructed", HELD]
    await harness.connection.close()


async def test_accounts_of_before_are_indexed_at_an_upgrade(shared: PaymentHarness) -> None:
    indices = "select participant_id, account_index from account order by participant_id"
    before = await shared.connection.fetch(indices)
    await shared.connection.execute("update account set account_index = null, sharer = null")
    context = context_of(PaymentSettings(keys_folder=keys_folder()))
    assert await index_accounts(context, shared.connection) == ["indexed: 4 accounts of participants"]
    assert await shared.connection.fetch(indices) == before
    assert await index_accounts(context, shared.connection) == []
    await shared.receive(*sharing(PEOPLE[4]))
    assert (await states(shared))[4] == HELD


async def test_database_gives_each_number_among_sharers_once(shared: PaymentHarness) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await shared.connection.execute("update account set sharer = 1")
    await shared.receive(*sharing(in_another_lane(PEOPLE[0])))
