"""The command line that every service has: `python -m services.<name> <verb>`."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from shared.postgres.migrate import Migration, migrations_of
from shared.runtime.desk import Desk
from shared.runtime.parts import LookBack, ServiceParts
from shared.runtime.settings import ServiceSettings
from shared.runtime.verbs.chains import chain_verbs
from shared.runtime.verbs.lanes import lane_verbs
from shared.runtime.verbs.pages import page_verbs
from shared.runtime.verbs.parked import parked_verbs
from shared.runtime.verbs.positions import position_verbs
from shared.runtime.verbs.process import add_process_verbs

S = TypeVar("S", bound=ServiceSettings)
AddVerbs = Callable[[typer.Typer, Desk], None]


def command_line(
    settings: type[S],
    parts: Callable[[S], ServiceParts],
    add_verbs: AddVerbs | None = None,
    migrations: Sequence[Migration] | None = None,
    look_back: LookBack | None = None,
) -> typer.Typer:
    """The verbs of a service; `add_verbs` adds those that only this one has. `migrations`: those of its package.

    `look_back`: what this service does after them.
    """
    made_of = migrations_of(f"services.{settings.service()}") if migrations is None else migrations
    desk = Desk(settings, lambda: parts(settings()), made_of)
    verbs = typer.Typer(
        help=f"The {desk.service} service.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,
    )
    add_process_verbs(verbs, desk, look_back)
    verbs.add_typer(chain_verbs(desk), name="chains")
    verbs.add_typer(lane_verbs(desk), name="lanes")
    verbs.add_typer(position_verbs(desk), name="positions")
    verbs.add_typer(page_verbs(desk), name="pages")
    verbs.add_typer(parked_verbs(desk), name="parked")
    if add_verbs is not None:
        add_verbs(verbs, desk)
    return verbs


def main(
    settings: type[S],
    parts: Callable[[S], ServiceParts],
    add_verbs: AddVerbs | None = None,
    migrations: Sequence[Migration] | None = None,
    look_back: LookBack | None = None,
) -> None:
    """Runs the verb that the command line names."""
    verbs = command_line(settings, parts, add_verbs, migrations, look_back)
    verbs(prog_name=f"python -m services.{settings.service()}")
