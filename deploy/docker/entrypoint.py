"""Begin a container of ours: `python -m deploy.docker.entrypoint <command>` becomes the command.

PostgreSQL's clients read no password file that anybody else may read, and what is handed to a container belongs to
whoever handed it out: so the file that `PGPASSFILE` names is made from the one of its name among the keys.
"""

import os
import sys
from pathlib import Path

KEYS = Path("/keys")


def own_password_file(keys: Path = KEYS) -> None:
    """Make the file that `PGPASSFILE` names, if it names one."""
    if name := os.environ.get("PGPASSFILE"):
        own = Path(name)
        own.unlink(missing_ok=True)
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write((keys / own.name).read_text())


if __name__ == "__main__":
    own_password_file()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - a container's command is its own
