"""F4, F27: a partner that answers late, twice, wrongly or not at all, and payment killed while it does so."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.acceptance.conftest import an_installation
from tests.acceptance.outsider import Outsider
from tests.faults.fault_injector import FaultInjector
from tests.faults.scripted_partner import ScriptedPartner
from tests.faults.topic_audit import breaches_of_topics

AMOUNT = 600_000
# Where the process dies with the transaction of the step undone, done, or half of its events published.
POINTS = ("before_commit", "after_commit", "in_publish")


@dataclass(frozen=True)
class Script:
    """Reports of a partner on one reference, and what becomes of it.

    A report is a status, and a reason after a slash; "+1" after it is a rupiah too much. `silence` lets the time to
    answer pass. `account` links another one, at another partner: what is held is announced once more.

    `parked`: the park reasons of the reports, in order.
    """

    reports: str
    parked: tuple[str, ...]
    state: str
    events: str
    paid: int = AMOUNT
    told: str = "instructed"


SCRIPTS = {
    "time_out": Script(
        "silence accepted settled",
        (),
        "settled",
        "scheduled instructed accepted settled",
        told="instructed status_requested",
    ),
    "repeated_callbacks": Script(
        "accepted accepted settled accepted settled settled", (), "settled", "scheduled instructed accepted settled"
    ),
    "late_callback_after_a_return": Script(
        "accepted settled returned/AC04 settled accepted returned/AC04",
        (),
        "held(account_closed)",
        "scheduled instructed accepted settled returned(AC04) held(account_closed)",
        paid=0,
    ),
    "rejected_after_a_return": Script(
        "settled returned/AC04 rejected/AC04 account",
        ("contradicts_final",),
        "held(needs_approval)",
        "scheduled instructed settled returned(AC04) held(account_closed) held(needs_approval) held(needs_approval)",
        paid=0,
    ),
    "wrong_amount": Script("settled+1", ("amount_mismatch",), "instructed", "scheduled instructed", paid=0),
    "wrong_amount_then_the_right_one": Script(
        "settled+1 settled", ("amount_mismatch",), "settled", "scheduled instructed settled"
    ),
    "settled_then_rejected": Script(
        "settled rejected/AC04", ("contradicts_final",), "settled", "scheduled instructed settled"
    ),
    "rejected_then_settled": Script(
        "rejected/AC04 settled account",
        ("contradicts_final",),
        "held(needs_approval)",
        "scheduled instructed rejected(AC04) held(account_closed) held(needs_approval) held(needs_approval)",
        paid=0,
    ),
}


@pytest.fixture(scope="module")
def partner() -> Iterator[ScriptedPartner]:
    with an_installation() as installation:
        outside = Outsider(installation.kafka.bootstrap, installation.keys)
        partner = ScriptedPartner(installation, outside)
        partner.open_programme()
        yield partner
        outside.close()


@pytest.fixture(scope="module")
async def faults(partner: ScriptedPartner) -> AsyncIterator[FaultInjector]:
    async with httpx.AsyncClient() as pages:
        yield FaultInjector(partner.installation, pages)


def play(partner: ScriptedPartner, name: str, reports: str) -> list[str]:
    """Play a script; return the ids of its reports."""
    ids = []
    for step in reports.split():
        status, _, reason = step.removesuffix("+1").partition("/")
        if step == "silence":
            partner.stay_silent()
            partner.await_status_request(name)
        elif step == "account":
            partner.link(name, "ovo", day=23)
        else:
            ids.append(partner.report_on(name, status, reason or None, more=int(step.endswith("+1"))))
    return ids


@pytest.mark.parametrize("name", SCRIPTS)
async def test_f27_partner_is_paid_through_once_whatever_it_reports(partner: ScriptedPartner, name: str) -> None:
    script = SCRIPTS[name]
    partner.instruct(name)
    ids = play(partner, name, script.reports)
    await partner.until_read(name)
    assert tuple(reason for reason in await partner.parked(ids) if reason) == script.parked
    assert await partner.events(name, len(script.events.split())) == script.events.split()
    assert (await partner.state(name), await partner.rupiah_paid(name)) == (script.state, script.paid)
    assert await partner.told(name, len(script.told.split())) == script.told.split()


@pytest.mark.parametrize("point", POINTS)
async def test_f4_payment_killed_at_a_silent_partner_asks_first_and_pays_once(
    partner: ScriptedPartner, faults: FaultInjector, point: str
) -> None:
    """Kill it while it instructs, while it asks for the status, and when it has read the report on that."""
    name = f"killed_{point}"
    async with faults.dying("payment", point):
        partner.start(name)
    partner.await_event("disbursement_instructed", name)
    async with faults.dying("payment", point):
        partner.stay_silent()
    partner.await_status_request(name)
    async with faults.dying("payment", point):
        partner.report_on(name, "settled")
    assert await partner.events(name, 3) == ["scheduled", "instructed", "settled"]
    assert await partner.told(name, 2) == ["instructed", "status_requested"]
    assert (await partner.state(name), await partner.rupiah_paid(name)) == ("settled", AMOUNT)
    assert await breaches_of_topics(partner.installation) == []
