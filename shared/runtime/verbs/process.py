"""`run` and `migrate`: the service as a process, and its schema."""

import gc
import signal
import sys
from collections.abc import Iterator

import typer
import uvicorn
from asyncpg import Connection

from shared.errors import Refused
from shared.messaging.transaction.parking import keeps_bytes, reseal
from shared.postgres.migrations import Migration, grants_of, migrate
from shared.runtime import logs
from shared.runtime.chain_seals import SEAL_MIGRATION_PREFIX
from shared.runtime.command_context import CommandContext
from shared.runtime.connections import BoundedProtocol
from shared.runtime.definition import PostMigrationStep
from shared.runtime.invariant_monitor import InvariantMonitor
from shared.runtime.service import build_app

OPEN_REQUESTS_SECONDS = 5
# A batch makes some hundred thousand objects, nearly none in a cycle; looking through them cost a tenth of its time.
GC_THRESHOLD_OBJECTS = 200_000


def add_process_verbs(
    verbs: typer.Typer, command: CommandContext, post_migration: PostMigrationStep | None = None
) -> None:
    @verbs.command()
    def run() -> None:
        """Run the service until SIGTERM or SIGINT; then it finishes its batch and leaves."""
        definition = command.definition
        settings = definition.settings
        command.confirm()
        try:
            monitor = InvariantMonitor(_own_command("verify", "--gently", "--json"))
            app = build_app(definition, command.keys, monitor, command.key_watch(), command.migrations)
        except (OSError, Refused) as error:
            command.output.fail(f"cannot start: {error}")
        logs.configure(definition.name, settings.replica)
        typer.echo(f"{settings.replica} answers on http://{settings.http_host}:{settings.http_port}", err=True)
        # The server gives the signal back when it is done with it; an orderly end is a success.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        tune_garbage_collector()
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
        for sentence in _migrate_schema(command, post_migration):
            command.output.print(sentence)


def _migrate_schema(command: CommandContext, post_migration: PostMigrationStep | None) -> Iterator[str]:
    url = command.settings().migrate_url.get_secret_value()

    async def seal(connection: Connection, migration: Migration) -> None:
        if migration.name.startswith(SEAL_MIGRATION_PREFIX):
            await command.keys.chain_seals.seal_in_migration(connection, migration)

    applied = command.run(migrate(url, command.migrations, grants_of(f"services.{command.service}"), seal))
    yield from (f"applied {migration}" for migration in applied)
    if not applied:
        yield "nothing to apply: the schema is up to date"
    if command.run_in_session(keeps_bytes, as_owner=True):
        vault = command.keys.own
        resealed = command.run_in_session(lambda c: reseal(c, vault), keys=command.keys, as_owner=True)
        if resealed:
            yield f"resealed under {vault.current}: {resealed} parked records"
    if post_migration is not None and command.run_in_session(post_migration.is_needed, as_owner=True):
        service, terms = command.definition, command.transaction_terms()
        yield from command.run_in_session(
            lambda c: post_migration.run(service, terms, c), keys=command.keys, as_owner=True
        )


def _own_command(*verb: str) -> tuple[str, ...]:
    """Return the command line that runs this program with another verb."""
    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise Refused("a service is run as a module: python -m services.<name>")
    return (sys.executable, "-m", spec.name, *verb)


def tune_garbage_collector() -> None:
    """Keep what was made at the start; look for cycles in the rest once in a few batches."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD_OBJECTS)
