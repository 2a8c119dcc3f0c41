"""Entry point of Salur's containers: `python -m deploy.docker.entrypoint <command>` runs the command in its place.

PostgreSQL's clients accept only a password file of their own user that nobody else can read, while the files handed to
a container belong to the job that made them. The entry point therefore copies the file that `PGPASSFILE` names.
"""

import os
import sys
from pathlib import Path

KEYS = Path("/keys")


def own_password_file(keys: Path = KEYS) -> None:
    """Copy the password file that `PGPASSFILE` names from `keys`, readable by this user alone.

    Do nothing if the variable is not set.
    """
    if name := os.environ.get("PGPASSFILE"):
        own = Path(name)
        own.unlink(missing_ok=True)
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write((keys / own.name).read_text())


if __name__ == "__main__":
    own_password_file()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - a container's command is its own
