"""`chains`: new seals on the ends of the hash chains when their key is lost."""

import typer

from shared.runtime.command_context import CommandContext
from shared.runtime.invariants import ENGINE_INVARIANTS
from shared.runtime.verbs.options import Who, Why, Yes

CHAIN_INVARIANT_IDS = ("E6", "I11")
"""The invariants of the chains' rows."""


def chain_verbs(command: CommandContext) -> typer.Typer:
    verbs = typer.Typer(help="Seal the hash chains anew after a loss of their key.")

    @verbs.callback()
    def chains() -> None:
        """Seal the hash chains anew after a loss of their key; `verify` checks the seals."""

    @verbs.command("seal-anew")
    def seal_anew(who: Who, why: Why, yes: Yes = False) -> None:
        """Seal the end of each chain under the present key; only if the key before it is lost for good."""
        keys = command.keys.with_another_chain_key()
        checks = [one for one in (*ENGINE_INVARIANTS, *command.definition.invariants) if one.id in CHAIN_INVARIANT_IDS]
        command.execute_and_report(
            lambda c, operator: keys.chain_seals.seal_anew(c, operator, checks), who, why, commit=yes, keys=keys
        )

    return verbs
