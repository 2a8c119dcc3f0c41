"""The verbs of the command line, which every service has."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from services.completion.__main__ import add_verbs as add_completion_verbs
from services.completion.app import definition as completion
from services.completion.settings import CompletionSettings
from services.enrollment.__main__ import add_verbs as add_enrollment_verbs
from services.enrollment.app import definition as enrollment
from services.enrollment.settings import EnrollmentSettings
from services.payment.__main__ import add_verbs
from services.payment.app import definition as payment
from services.payment.settings import PaymentSettings
from shared.runtime.cli import command_line

VERBS = {
    "run", "migrate", "verify", "lanes", "lanes resume", "lanes pass", "positions", "positions set", "pages",
    "pages show", "pages say-again", "parked", "parked groups",
    "parked list", "parked show", "parked replay", "parked close", "chains", "chains seal-anew",
    "explain", "operations", "waiting", "keys", "keys list", "keys reseal",
}  # fmt: skip


OF_PAYMENT = {
    "books",
    "books balance",
    "books export",
    "books heads",
    "books totals",
    "books verify",
    "funds",
    "held",
    "halt",
    "halts",
    "resume",
    "approve",
    "confirm",
    "claims",
    "claims repaid",
    "reconcile",
    "breaks",
    "breaks close",
}


def verbs(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for own, child in getattr(command, "commands", {}).items():
        yield f"{name}{own}", child
        yield from verbs(child, f"{name}{own} ")


def test_service_has_the_common_verbs() -> None:
    command = typer.main.get_command(command_line(CompletionSettings, completion))
    assert {name for name, _ in verbs(command)} == VERBS


def test_completion_adds_reopening_by_a_person_for_a_reason() -> None:
    found = dict(verbs(typer.main.get_command(command_line(CompletionSettings, completion, add_completion_verbs))))
    assert found.keys() - VERBS == {"reopen"}
    assert {option.name for option in found["reopen"].params if option.required} == {"redeem_code", "who", "why"}


def test_service_may_add_verbs_of_its_own() -> None:
    command = typer.main.get_command(command_line(PaymentSettings, payment, add_verbs))
    assert {name for name, _ in verbs(command)} == VERBS | OF_PAYMENT


def test_enrollment_adds_schemes_and_erasure_by_a_person_for_a_reason() -> None:
    command = typer.main.get_command(command_line(EnrollmentSettings, enrollment, add_enrollment_verbs))
    found = dict(verbs(command))
    assert found.keys() - VERBS == {"erase", "scheme", "scheme show", "scheme check", "scheme diff"}
    assert all(found[name].help.endswith(".") for name in found.keys() - VERBS)
    assert {option.name for option in found["erase"].params if option.required} == {"participant", "who", "why"}


@pytest.mark.parametrize("place", sorted(VERBS | OF_PAYMENT))
def test_every_verb_says_what_it_does(place: str) -> None:
    command = dict(verbs(typer.main.get_command(command_line(PaymentSettings, payment, add_verbs))))[place]
    assert command.help
    assert command.help.strip().endswith(".")


def test_every_changing_verb_asks_who_and_why() -> None:
    changing = {"lanes resume", "lanes pass", "positions set", "pages say-again", "parked replay", "parked close"}
    changing |= {"halt", "resume", "claims repaid"}
    found = dict(verbs(typer.main.get_command(command_line(PaymentSettings, payment, add_verbs))))
    for place in changing:
        required = {option.name for option in found[place].params if option.required}
        assert {"who", "why"} <= required, place
