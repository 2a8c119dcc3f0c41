"""Command line of payment: the verbs that all services have, halts, claims, approvals and confirmations."""

from functools import partial
from typing import Annotated

import typer

from services.payment.app import POST_MIGRATION, context_of, definition
from services.payment.books.verbs import book_verbs
from services.payment.domain.disbursement import HoldReason
from services.payment.domain.eligibility import ALL_PARTNERS, WAVE_SCOPE
from services.payment.handlers.approvals import approve, confirm_payment
from services.payment.handlers.claims import record_repayment
from services.payment.handlers.halts import halt, resume
from services.payment.ops import HELD_SHOWN, claims, funds, halts, held
from services.payment.reconciliation.verbs import add_reconciliation_verbs
from services.payment.settings import PaymentSettings
from shared.runtime.cli import main
from shared.runtime.command_context import CommandContext
from shared.runtime.verbs.options import Json, Who, Why, Yes

Partner = Annotated[str | None, typer.Option(help="Only what goes to this partner.", metavar="NAME")]

Reason = Annotated[HoldReason | None, typer.Option(help="Only what is held for this reason.")]
Wave = Annotated[str | None, typer.Option(help="Only what this wave pays.", metavar="NAME")]
Limit = Annotated[int, typer.Option(help="Show at most this many.", min=1, max=100_000)]
Document = Annotated[str, typer.Option(help="The treasury's document that shows it.", metavar="TEXT")]

CLAIMS_COLUMNS = (
    "claim",
    "state",
    "debtor",
    "debtor_id",
    "benefit",
    "amount",
    "reason",
    "opened_at",
    "due_at",
    "document",
)
HELD_COLUMNS = (
    "due_at",
    "participant_id",
    "redeem_code",
    "benefit",
    "wave",
    "partner",
    "amount",
    "reason",
    "cures",
    "version",
)
FUNDS_COLUMNS = ("wave", "component", "appropriated", "spent", "returned", "free", "overdrawn", "waiting", "cut_off_at")
HALTS_COLUMNS = ("scope", "by", "who", "since", "participants", "disbursements", "rupiah", "why")


def add_verbs(verbs: typer.Typer, command: CommandContext) -> None:
    """Add the verbs of payment; those that change something are kept in the log of operations."""

    @verbs.command("halt")
    def halt_verb(who: Who, why: Why, partner: Partner = None, wave: Wave = None) -> None:
        """Halt instructions from the next batch on: all, or those to a partner or of a wave. What falls due is held."""
        scope = _scope(command, partner, wave)
        command.execute_and_report(lambda connection, operator: halt(connection, operator, scope), who, why)

    @verbs.command("resume")
    def resume_verb(who: Who, why: Why, partner: Partner = None, wave: Wave = None) -> None:
        """End the halt of all, of a partner or of a wave. What it held is paid by the next sweep, the oldest first."""
        scope = _scope(command, partner, wave)
        command.execute_and_report(lambda connection, operator: resume(connection, operator, scope), who, why)

    @verbs.command("halts")
    def halts_verb(as_json: Json = False) -> None:
        """Show the halts: by whom, why, since when, and how much each holds."""
        command.output.show(command.run_in_session(halts), HALTS_COLUMNS, as_json=as_json)

    @verbs.command("held")
    def held_verb(
        reason: Reason = None,
        wave: Wave = None,
        partner: Partner = None,
        limit: Limit = HELD_SHOWN,
        as_json: Json = False,
    ) -> None:
        """Show what is held, the oldest first: for which reason, and what would cure it."""
        rows = command.run_in_session(lambda connection: held(connection, reason, wave, partner, limit + 1))
        shown = rows[:limit] if as_json else [row | {"cures": _joined(row["cures"])} for row in rows[:limit]]
        command.output.show(shown, HELD_COLUMNS, as_json=as_json)
        if len(rows) > limit:
            command.output.warn("more is held: take a higher --limit, or --reason, --wave or --partner")

    @verbs.command("funds")
    def funds_verb(as_json: Json = False) -> None:
        """Show the money of each wave: appropriated, spent, free, overdrawn, and what waits for it, in rupiah."""
        command.output.show(command.run_in_session(funds), FUNDS_COLUMNS, as_json=as_json)

    verbs.add_typer(_claim_verbs(command), name="claims")
    add_reconciliation_verbs(verbs, command)
    verbs.add_typer(book_verbs(command), name="books")

    @verbs.command("approve")
    def approve_verb(redeem_code: str, benefit: str, who: Who, why: Why) -> None:
        """Approve the next attempt of a disbursement. An amount above the limit, or a frozen one, needs two persons."""
        limit = PaymentSettings.model_validate(command.settings()).approval_above_rupiah
        command.execute_and_report(
            lambda connection, operator: approve(connection, operator, limit, redeem_code, benefit), who, why
        )

    @verbs.command("confirm")
    def confirm_verb(reference: str, who: Who, why: Why, yes: Yes = False) -> None:
        """Post that a frozen disbursement was paid under REFERENCE. It takes two persons."""
        terms = command.transaction_terms()
        context = context_of(PaymentSettings.model_validate(command.settings()))
        command.execute_and_report(partial(confirm_payment, context, terms, reference), who, why, commit=yes)


def _scope(command: CommandContext, partner: str | None, wave: str | None) -> str:
    """Return the scope that the options name; fail if they name two."""
    if partner is not None and wave is not None:
        command.output.fail("give --partner or --wave, not both: each halt stops one of them alone")
    return partner or (f"{WAVE_SCOPE}{wave}" if wave is not None else ALL_PARTNERS)


def _joined(cures: object) -> str:
    return " or ".join(cures) if isinstance(cures, list) else ""


def _claim_verbs(command: CommandContext) -> typer.Typer:
    verbs = typer.Typer(
        help="Show claims on what was paid in vain, or record a repayment.", invoke_without_command=True
    )

    @verbs.callback()
    def show(context: typer.Context, as_json: Json = False) -> None:
        """Show all claims: what was paid in vain, who owes it, and when it is due; open ones first."""
        if context.invoked_subcommand is None:
            command.output.show(command.run_in_session(claims), CLAIMS_COLUMNS, as_json=as_json)

    @verbs.command("repaid")
    def repaid_verb(claim: str, document: Document, who: Who, why: Why, yes: Yes = False) -> None:
        """Post that CLAIM was repaid to the treasury, as a document shows."""
        record = partial(record_repayment, command.transaction_terms(), claim, document)
        command.execute_and_report(record, who, why, commit=yes)

    return verbs


if __name__ == "__main__":
    main(PaymentSettings, definition, add_verbs, post_migration=POST_MIGRATION)
