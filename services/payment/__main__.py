"""`python -m services.payment`: the verbs that all services have, and the operator's switch."""

from typing import Annotated

import typer

from services.payment.app import parts
from services.payment.handlers.halting import approve, halt, resume
from services.payment.ops import halts
from services.payment.settings import PaymentSettings
from shared.runtime.cli import main
from shared.runtime.desk import Desk
from shared.runtime.verbs.options import Json, Who, Why

Partner = Annotated[str | None, typer.Option(help="Only this partner; all when left out.", metavar="NAME")]

HALTS_COLUMNS = ("scope", "by", "who", "since", "participants", "disbursements", "rupiah", "why")


def add_verbs(verbs: typer.Typer, desk: Desk) -> None:
    """`halt`, `resume` and `approve`, each kept in the log of operations."""

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

    @verbs.command("approve")
    def approve_verb(redeem_code: str, benefit: str, who: Who, why: Why) -> None:
        """Let the next attempt go of what waits for an operator: above the limit, or rejected by its partner."""
        desk.operate(lambda connection, operator: approve(connection, operator, redeem_code, benefit), who, why)


if __name__ == "__main__":
    main(PaymentSettings, parts, add_verbs)
