"""Write every `schema.sql` again: `python -m deploy.local.schema_dumps`, on a PostgreSQL of its own."""

import asyncio
import tempfile
from pathlib import Path

from deploy.local.postgres import Postgres
from shared.contracts.topics import SERVICES
from shared.postgres.migrations import ENGINE
from shared.postgres.schema_dump import write_schema_files


def main() -> None:
    """Write `schema.sql` of the engine and of each service."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres(Path(folder), password="schema-dump")  # noqa: S106 - it lives for a moment
        postgres.start()
        try:
            packages = [ENGINE, *(f"services.{service}" for service in SERVICES)]
            asyncio.run(write_schema_files(postgres.url(), packages))
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
