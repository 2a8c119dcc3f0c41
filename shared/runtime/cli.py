"""The command line that every service has: `python -m services.<name> <verb>`."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from shared.postgres.migrations import Migration, migrations_of
from shared.runtime.command_context import CommandContext
from shared.runtime.definition import PostMigrationStep, ServiceDefinition
from shared.runtime.settings import ServiceSettings
from shared.runtime.verbs.chains import chain_verbs
from shared.runtime.verbs.explain import add_explain_verb
from shared.runtime.verbs.keys import key_verbs
from shared.runtime.verbs.lanes import lane_verbs
from shared.runtime.verbs.operations import add_operations_verb
from shared.runtime.verbs.pages import page_verbs
from shared.runtime.verbs.parked import parked_verbs
from shared.runtime.verbs.positions import position_verbs
from shared.runtime.verbs.process import add_process_verbs
from shared.runtime.verbs.verify import add_verify_verb
from shared.runtime.verbs.waiting import add_waiting_verb

S = TypeVar("S", bound=ServiceSettings)
AddVerbs = Callable[[typer.Typer, CommandContext], None]


def command_line(
    settings: type[S],
    definition: Callable[[S], ServiceDefinition],
    add_verbs: AddVerbs | None = None,
    migrations: Sequence[Migration] | None = None,
    post_migration: PostMigrationStep | None = None,
) -> typer.Typer:
    """Return the command line of a service.

    `add_verbs` adds the verbs of this service alone. `migrations` are those of its package unless others are given;
    `post_migration` follows them.
    """
    all_migrations = migrations_of(f"services.{settings.service()}") if migrations is None else migrations
    command = CommandContext(settings, lambda: definition(settings()), all_migrations)
    verbs = typer.Typer(
        help=f"The {command.service} service.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,
    )
    add_process_verbs(verbs, command, post_migration)
    add_verify_verb(verbs, command)
    add_explain_verb(verbs, command)
    add_operations_verb(verbs, command)
    add_waiting_verb(verbs, command)
    verbs.add_typer(chain_verbs(command), name="chains")
    verbs.add_typer(key_verbs(command), name="keys")
    verbs.add_typer(lane_verbs(command), name="lanes")
    verbs.add_typer(position_verbs(command), name="positions")
    verbs.add_typer(page_verbs(command), name="pages")
    verbs.add_typer(parked_verbs(command), name="parked")
    if add_verbs is not None:
        add_verbs(verbs, command)
    return verbs


def main(
    settings: type[S],
    definition: Callable[[S], ServiceDefinition],
    add_verbs: AddVerbs | None = None,
    migrations: Sequence[Migration] | None = None,
    post_migration: PostMigrationStep | None = None,
) -> None:
    """Run the verb that the command line names."""
    verbs = command_line(settings, definition, add_verbs, migrations, post_migration)
    verbs(prog_name=f"python -m services.{settings.service()}")
