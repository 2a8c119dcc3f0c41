"""`explain`: every decision about one participant, for a person or as JSON for a program."""

import re
from typing import Annotated

import typer
from pydantic_core import to_json

from shared.contracts.fields import PARTICIPANT_ID
from shared.runtime.command_context import CommandContext
from shared.runtime.explained_participant import explain_participant
from shared.runtime.explanation import explanation_of, table_of
from shared.runtime.verbs.options import Json

Participant = Annotated[str, typer.Argument(help="The number of the participant: 16 digits.", metavar="PARTICIPANT")]


def add_explain_verb(verbs: typer.Typer, command: CommandContext) -> None:
    @verbs.command()
    def explain(participant: Participant, as_json: Json = False) -> None:
        """Explain each decision about a participant: when, by which rule, on which facts, carried by which event."""
        if not re.fullmatch(PARTICIPANT_ID, participant):
            command.output.fail("a participant is named by 16 digits")
        decisions = command.run_in_session(
            lambda connection: explain_participant(command.definition, connection, participant)
        )
        if not decisions:
            command.output.fail(f"{command.service} knows nothing of this participant")
        if as_json:
            explanation = explanation_of(command.service, participant, decisions)
            command.output.print(to_json(explanation, indent=2).decode())
        else:
            command.output.print(table_of(decisions))
