"""Reopening, as operators do it: they see that evidence came after a training had expired, and two complete it."""

import json
import urllib.request
from contextlib import suppress

from deploy.local.services import ServiceReplica
from deploy.simulation.people import Person

OPERATORS = ("Sri", "Budi")


def may_be_reopened(completion: ServiceReplica, person: Person) -> bool:
    """Tell whether the page of a person shows late evidence with which nothing is missing."""
    address = f"{completion.url}/participants/{person.participant_id}"
    with suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own process
        shown = [one.get("if_reopened") for one in json.load(answer).get("enrollments", ())]
        return any(one and not one["missing"] for one in shown)
    return False


def reopen(completion: ServiceReplica, person: Person) -> str:
    """Reopen a person's training by two operators; return the refusal of the second one, or nothing.

    The first one is refused who has consented before.
    """
    why = ("--why", "the platform reported the test late", "--yes")
    *_, last = [completion.run("reopen", person.redeem_code, "--who", who, *why) for who in OPERATORS]
    return f"{last.stdout}{last.stderr}".strip() if last.returncode else ""
