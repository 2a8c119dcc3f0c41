"""Command line of completion: the verbs that all services have, and reopening."""

from functools import partial

import typer

from services.completion.app import definition
from services.completion.handlers.reopening import reopen
from services.completion.settings import CompletionSettings
from shared.runtime.cli import main
from shared.runtime.command_context import CommandContext
from shared.runtime.verbs.options import Who, Why, Yes


def add_verbs(verbs: typer.Typer, command: CommandContext) -> None:
    """Add the verbs of completion; those that change something are kept in the log of operations."""

    @verbs.command("reopen")
    def reopen_verb(redeem_code: str, who: Who, why: Why, yes: Yes = False) -> None:
        """Complete a training that was rejected because its time was over, by evidence that came after that.

        It takes two persons. What was completed then has the times of its evidence.
        """
        command.execute_and_report(partial(reopen, command.transaction_terms(), redeem_code), who, why, commit=yes)


if __name__ == "__main__":
    main(CompletionSettings, definition, add_verbs)
