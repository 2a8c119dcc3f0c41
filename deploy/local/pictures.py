"""Draw the schema of every service again: `python -m deploy.local.pictures`, on a Postgres of its own."""

import asyncio
import tempfile
from pathlib import Path

from deploy.local.postgres import Postgres
from shared.contracts.topics import SERVICES
from shared.postgres.picture import write


def main() -> None:
    """Write `schema.sql` of each service."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres(Path(folder), password="picture")  # noqa: S106 - it lives for a moment
        postgres.start()
        try:
            asyncio.run(write(postgres.url(), [f"services.{service}" for service in SERVICES]))
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
