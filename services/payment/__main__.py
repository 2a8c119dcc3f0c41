"""`python -m services.payment`: the verbs that all services have, and the operator's switch."""

from functools import partial
from typing import Annotated

import typer

from services.payment.app import LOOK_BACK, context_of, parts
from services.payment.handlers.approving import approve, confirm_payment
from services.payment.handlers.halting import halt, resume
from services.payment.ops import funds, halts
from services.payment.settings import PaymentSettings
from shared.runtime.cli import main
from shared.runtime.desk import Desk
from shared.runtime.verbs.options import Json, Who, Why, Yes

Partner = Annotated[str | None, typer.Option(help="Only this partner; all when left out.", metavar="NAME")]

FUNDS_COLUMNS = ("wave", "component", "appropriated", "spent", "free", "overdrawn", "waiting")
HALTS_COLUMNS = ("scope", "by", "who", "since", "participants", "disbursements", "rupiah", "why")


def add_verbs(verbs: typer.Typer, desk: Desk) -> None:
    """`halt`, `resume`, `approve` and `confirm`, each kept in the log of operations."""

    @verbs.command("halt")
    def halt_verb(who: Who, why: Why, partner: Partner = None) -> None:
        """Instruct nothing any more, from the next batch on. Intake goes on; what falls due is held."""
        desk.operate(lambda connection, operator: halt(connection, operator, partner), who, why)

    @verbs.command("resume")
    def resume_verb(who: Who, why: Why, partner: Partner = None) -> None:
        """End a halt. What it held goes out with the next sweep, the oldest first."""
        desk.operate(lambda connection, operator: resume(connection, operator, partner), who, why)

    @verbs.command("halts")
    def halts_verb(as_json: Json = False) -> None:
        """Show what is halted: by whom, why, since when, and how much waits for it."""
        desk.show(desk.ask(halts), HALTS_COLUMNS, as_json=as_json)

    @verbs.command("funds")
    def funds_verb(as_json: Json = False) -> None:
        """Show the money of each wave: appropriated, spent, free, overdrawn, and what waits for it, in rupiah."""
        desk.show(desk.ask(funds), FUNDS_COLUMNS, as_json=as_json)

    @verbs.command("approve")
    def approve_verb(redeem_code: str, benefit: str, who: Who, why: Why) -> None:
        """Let the next attempt go of what waits for an operator. Above the limit, or frozen, it takes two persons."""
        limit = PaymentSettings.model_validate(desk.settings()).approval_above_rupiah
        desk.operate(lambda connection, operator: approve(connection, operator, limit, redeem_code, benefit), who, why)

    @verbs.command("confirm")
    def confirm_verb(reference: str, who: Who, why: Why, yes: Yes = False) -> None:
        """Book that the money of a frozen right did go out under REFERENCE. It takes two persons."""
        terms = desk.terms()
        context = context_of(PaymentSettings.model_validate(desk.settings()))
        desk.operate(partial(confirm_payment, context, terms, reference), who, why, do=yes)


if __name__ == "__main__":
    main(PaymentSettings, parts, add_verbs, look_back=LOOK_BACK)
