"""What is done once before the services start: `python -m deploy.docker.jobs keys|topics|roles`.

Each job may run again at any time: what is there already stays.
"""

import asyncio
import os
import sys
from pathlib import Path

from deploy.docker.handover import SUPERUSER, hand_over
from deploy.local.keys import LostKeys, make_keys, make_password_file, password
from deploy.local.roles import ROLES, create_roles
from deploy.local.topic_creation import create_topics
from shared.contracts.topics import PARTNERS, SERVICES

KEYS = Path("/keys")
HANDED = Path("/handed")


def keys(folder: Path = KEYS, handed: Path = HANDED) -> None:
    """Make keys, passwords, and for each role the file from which PostgreSQL's clients take its password.

    All of them lie in `folder`, which no other container sees; each is handed its own.
    """
    make_keys(folder, services=SERVICES, partners=PARTNERS)
    for role in (SUPERUSER, *ROLES):
        make_password_file(folder, role)
    hand_over(folder, handed)


def topics() -> None:
    """Every topic of the contracts."""
    asyncio.run(create_topics(os.environ["SALUR_KAFKA_BOOTSTRAP"]))


def roles() -> None:
    """Two roles and a schema for each service."""
    passwords = {role: password(KEYS, role) for role in ROLES}
    asyncio.run(create_roles(os.environ["SALUR_POSTGRES_URL"], passwords))


JOBS = {"keys": keys, "topics": topics, "roles": roles}

if __name__ == "__main__":
    try:
        JOBS[sys.argv[1]]()
    except LostKeys as lost:
        sys.exit(str(lost))
