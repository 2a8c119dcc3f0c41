"""`run`, `migrate` and `verify`: the service as a process, its schema, its books."""

import gc
import signal
import sys

import typer
import uvicorn
from asyncpg import Connection

from shared.postgres.migrate import migrate, migrations_of
from shared.runtime import logs
from shared.runtime.desk import Desk
from shared.runtime.invariants import ENGINE_INVARIANTS, breaches_of
from shared.runtime.parts import Invariant
from shared.runtime.service import build_app

OPEN_REQUESTS_SECONDS = 5
# A batch makes some hundred thousand objects, nearly none in a cycle; looking through them cost a tenth of its time.
COLLECT_EVERY_OBJECTS = 200_000


def add_process_verbs(verbs: typer.Typer, desk: Desk) -> None:
    @verbs.command()
    def run() -> None:
        """Run the service until it is told to end (SIGTERM or SIGINT); then it finishes its batch and leaves."""
        parts = desk.parts()
        settings = parts.settings
        try:
            app = build_app(parts)
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
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=OPEN_REQUESTS_SECONDS,
        )

    @verbs.command("migrate")
    def migrate_() -> None:
        """Bring the schema up to date. Forward only; what is applied already stays as it is."""
        url = desk.settings().postgres_url.get_secret_value()
        applied = desk.run(migrate(url, migrations_of(f"services.{desk.service}")))
        for migration in applied:
            desk.out.print(f"applied {migration}")
        if not applied:
            desk.out.print("nothing to apply: the schema is up to date")

    @verbs.command()
    def verify() -> None:
        """Check every invariant against the books; exit 1 with each breach named."""
        broken = 0
        for invariant in (*ENGINE_INVARIANTS, *desk.parts().invariants):
            broken += _report(desk, invariant)
        if broken:
            raise typer.Exit(1)


def _report(desk: Desk, invariant: Invariant) -> int:
    async def check(connection: Connection) -> list[str]:
        return await breaches_of(connection, invariant)

    breaches = desk.ask(check, patient=True)
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
