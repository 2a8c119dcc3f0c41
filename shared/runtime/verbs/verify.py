"""`verify`: a check of every invariant, for a person or as JSON for a program."""

import os

import typer
from asyncpg import Connection
from pydantic_core import to_json

from shared.runtime.command_context import CommandContext
from shared.runtime.definition import Invariant
from shared.runtime.invariants import ENGINE_INVARIANTS, InvariantResult, breaches_of
from shared.runtime.verbs.options import Gently, Json

# A tenth of the share of others: with less, a check would hold its snapshot for very long.
NICE_INCREMENT = 10


def add_verify_verb(verbs: typer.Typer, command: CommandContext) -> None:
    @verbs.command()
    def verify(gently: Gently = False, as_json: Json = False) -> None:
        """Check every invariant; exit 1 with each breach named."""
        if gently:
            os.nice(NICE_INCREMENT)
        checks = (*ENGINE_INVARIANTS, command.keys.chain_seals.invariant(), *command.definition.invariants)
        results: list[InvariantResult] = []
        try:
            for invariant in checks:
                results.append(_check(command, invariant))
                if not as_json:
                    _print_result(command, results[-1])
        finally:
            if as_json:
                command.output.print(to_json(results, indent=2).decode())
        if not all(result.holds for result in results):
            raise typer.Exit(1)


def _check(command: CommandContext, invariant: Invariant) -> InvariantResult:
    async def check(connection: Connection) -> list[str]:
        return await breaches_of(connection, invariant)

    breaches = command.run_in_session(check, keys=command.keys, long_running=True)
    return InvariantResult(invariant.id, invariant.name, not breaches, breaches)


def _print_result(command: CommandContext, result: InvariantResult) -> None:
    if result.holds:
        command.output.print(f"OK {result.id} {result.sentence}")
    for breach in result.breaches:
        command.output.print(f"BROKEN {result.id} {result.sentence}: {breach}")
