"""Verbs of reconciliation: compare a statement with the books, and show and close breaks."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from services.payment.domain.reconciliation import BreakClass, BreakState
from services.payment.reconciliation.closing import close
from services.payment.reconciliation.files import open_statement
from services.payment.reconciliation.reconcile import reconcile, require_partner
from services.payment.reconciliation.report import COLUMNS, answer, rows, write_report
from services.payment.reconciliation.views import BREAKS_SHOWN, breaks
from shared.errors import Refused
from shared.runtime.command_context import CommandContext
from shared.runtime.verbs.options import Json, Who, Why, Yes

Report = Annotated[Path | None, typer.Option(help="Write a report for a spreadsheet to this file.", metavar="CSV")]
Partner = Annotated[str | None, typer.Option(help="Only breaks of this partner.", metavar="NAME")]
Class = Annotated[BreakClass | None, typer.Option("--class", help="Only breaks of this class.")]
State = Annotated[BreakState, typer.Option(help="Breaks in this state.")]
Limit = Annotated[int, typer.Option(help="Show at most this many.", min=1, max=100_000)]
Document = Annotated[str, typer.Option(help="The document that the decision rests on.", metavar="TEXT")]

BREAKS_COLUMNS = (
    "partner",
    "class",
    "reference",
    "instructed",
    "reported",
    "stated",
    "state",
    "age_days",
    "who",
    "second",
    "document",
)
FOUND = 1


def add_reconciliation_verbs(verbs: typer.Typer, command: CommandContext) -> None:
    """Add `reconcile` and `breaks`."""

    @verbs.command("reconcile")
    def reconcile_verb(partner: str, file: Path, as_json: Json = False, report: Report = None) -> None:
        """Compare a statement of PARTNER (camt.053.001.08 or CSV) with instructions and reports. It moves no money.

        Exit status: 0 no open break, 1 breaks, 2 refused.
        """
        now = command.clock().now()
        try:
            require_partner(partner)
            with open_statement(file) as statement:
                done = command.run_in_session(
                    lambda connection: reconcile(connection, partner, statement, now, command.output.warn),
                    long_running=True,
                )
            if report is not None:
                write_report(done, report)
        except Refused as refusal:
            command.output.fail(str(refusal))
        if as_json:
            command.output.print(answer(done))
        else:
            command.output.show(rows(done), COLUMNS, as_json=False)
            command.output.print(f"{done.statement.lines} lines, {done.matched} matched, {len(done.breaks)} breaks")
        if not done.is_clean:
            raise typer.Exit(FOUND)

    verbs.add_typer(_break_verbs(command), name="breaks")


def _break_verbs(command: CommandContext) -> typer.Typer:
    verbs = typer.Typer(help="Show breaks of reconciliations, or close one.", invoke_without_command=True)

    @verbs.callback()
    def show(
        context: typer.Context,
        partner: Partner = None,
        kind: Class = None,
        state: State = BreakState.OPEN,
        limit: Limit = BREAKS_SHOWN,
        as_json: Json = False,
    ) -> None:
        """Show breaks, the oldest first, with the days since they were first seen."""
        if context.invoked_subcommand is not None:
            return
        now = command.clock().now()
        found = command.run_in_session(lambda connection: breaks(connection, now, partner, kind, state, limit + 1))
        command.output.show(found[:limit], BREAKS_COLUMNS, as_json=as_json)
        if len(found) > limit:
            command.output.warn("there are more breaks: take a higher --limit, or --partner or --class")

    @verbs.command("close")
    def close_verb(
        partner: str,
        reference: str,
        kind: Annotated[BreakClass, typer.Argument(metavar="CLASS")],
        document: Document,
        who: Who,
        why: Why,
        yes: Yes = False,
    ) -> None:
        """Close the break CLASS of REFERENCE at PARTNER. Two persons must, but one for `late`; no money moves."""
        action = partial(close, partner, reference, kind, document)
        command.execute_and_report(action, who, why, commit=yes)

    return verbs
