"""An installation of an earlier version goes on where it stood. The tests stand in the order of one story."""

import pytest

from tests.faults.said import breaches_of_topics
from tests.upgrade.upgraded import Upgraded

SERVICES = ("enrollment", "completion", "payment")


def test_unread_report_is_taken_in(upgraded: Upgraded) -> None:
    upgraded.until(lambda: upgraded.right("under_way", "fee")["state"] == "settled", "the report is taken in")


def test_unpublished_instruction_is_published(upgraded: Upgraded) -> None:
    right = upgraded.right("unpublished", "incentive_1")
    upgraded.outside.await_event(
        "disbursements.gopay", lambda _kind, data: data["reference"] == right["reference"], "the page left behind"
    )


def test_lost_incentive_is_granted_with_the_training_that_was_rated(upgraded: Upgraded) -> None:
    def told() -> bool:
        return upgraded.right("lost_incentive", "incentive_1", "_a").get("state") == "instructed"

    upgraded.until(told, "a partner is told to pay what was lost")
    assert upgraded.right("lost_incentive", "incentive_1", "_b") == {}


@pytest.mark.parametrize("name", ["duplicate", "duplicate_then_unverified", "contradicted"])
def test_right_that_a_person_must_look_at_is_frozen(upgraded: Upgraded, name: str) -> None:
    right = upgraded.right(name, "incentive_1")
    assert (right["state"], right["frozen"], right["attempt"]) == ("held", True, 1)


async def test_topics_hold_what_was_said_and_nothing_else(upgraded: Upgraded) -> None:
    assert await breaches_of_topics(upgraded.installation) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_invariant_holds(upgraded: Upgraded, service: str) -> None:
    done = upgraded.verb(service, "verify")
    assert done.returncode == 0, done.stdout + done.stderr
