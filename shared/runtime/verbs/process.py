"""`run`, `migrate` and `verify`: the service as a process, its schema, its books."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import typer
import uvicorn
from asyncpg import Connection

from shared.postgres.migrate import Migration, grants_of, migrate
from shared.runtime import logs
from shared.runtime.connections import BoundedProtocol
from shared.runtime.desk import Desk
from shared.runtime.invariants import ENGINE_INVARIANTS, breaches_of
from shared.runtime.parts import Invariant, LookBack
from shared.runtime.sealing import MAKES_ROOM
from shared.runtime.service import build_app
from shared.runtime.verbs.options import Gently
from shared.runtime.watch import Watch

OPEN_REQUESTS_SECONDS = 5
# A tenth of the share of others: with less, a check would hold its snapshot for very long.
GENTLY = 10
# A batch makes some hundred thousand objects, nearly none in a cycle; looking through them cost a tenth of its time.
COLLECT_EVERY_OBJECTS = 200_000


def add_process_verbs(verbs: typer.Typer, desk: Desk, look_back: LookBack | None = None) -> None:
    @verbs.command()
    def run() -> None:
        """Run the service until it is told to end (SIGTERM or SIGINT); then it finishes its batch and leaves."""
        parts = desk.parts
        settings = parts.settings
        desk.confirm()
        try:
            app = build_app(parts, desk.keys, Watch(_again("verify", "--gently")), desk.migrations)
        except (OSError, ValueError) as error:
            desk.give_up(f"cannot start: {error}")
        logs.configure(parts.name, settings.replica)
        typer.echo(f"{settings.replica} answers on http://{settings.http_host}:{settings.http_port}", err=True)
        # The server gives the signal back when it is done with it; an orderly end is a success.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        collect_seldom()
        uvicorn.run(
            app,
            host=settings.http_host,
            port=settings.http_port,
            loop="uvloop",
            lifespan="on",
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=OPEN_REQUESTS_SECONDS,
        )

    @verbs.command("migrate")
    def migrate_() -> None:
        """Bring the schema up to date. Forward only; what is applied already stays as it is."""
        for sentence in _bring_up_to_date(desk, look_back):
            desk.out.print(sentence, markup=False)

    @verbs.command()
    def verify(gently: Gently = False) -> None:
        """Check every invariant against the books; exit 1 with each breach named."""
        if gently:
            os.nice(GENTLY)
        checks = (*ENGINE_INVARIANTS, desk.keys.sealing.invariant(), *desk.parts.invariants)
        if sum(_report(desk, invariant) for invariant in checks):
            raise typer.Exit(1)


def _bring_up_to_date(desk: Desk, look_back: LookBack | None) -> Iterator[str]:
    url = desk.settings().migrate_url.get_secret_value()

    async def seal(connection: Connection, migration: Migration) -> None:
        if migration.name.startswith(MAKES_ROOM):
            await desk.keys.sealing.begin(connection, migration)

    applied = desk.run(migrate(url, desk.migrations, grants_of(f"services.{desk.service}"), seal))
    yield from (f"applied {migration}" for migration in applied)
    if not applied:
        yield "nothing to apply: the schema is up to date"
    if look_back is not None and desk.ask(look_back.is_needed, as_owner=True):
        service, terms = desk.parts, desk.terms()
        yield from desk.ask(lambda c: look_back.carry_out(service, terms, c), keys=desk.keys, as_owner=True)


def _again(*verb: str) -> tuple[str, ...]:
    """The command that runs this very program with another verb."""
    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise ValueError("a service is run as a module: python -m services.<name>")
    return (sys.executable, "-m", spec.name, *verb)


def _report(desk: Desk, invariant: Invariant) -> int:
    async def check(connection: Connection) -> list[str]:
        return await breaches_of(connection, invariant)

    breaches = desk.ask(check, keys=desk.keys, patient=True)
    if not breaches:
        desk.out.print(f"OK {invariant.id} {invariant.name}", markup=False)
    for breach in breaches:
        desk.out.print(f"BROKEN {invariant.id} {invariant.name}: {breach}", markup=False)
    return len(breaches)


def collect_seldom() -> None:
    """What was made at start stays; of the rest, cycles are looked for once in a few batches."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY_OBJECTS)
