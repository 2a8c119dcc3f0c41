"""Jobs that run once before the services start: `python -m deploy.docker.jobs keys|topics|roles`.

Each job may run again at any time; existing keys, topics and roles stay.
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
from shared.errors import Refused

KEYS = Path("/keys")
HANDED = Path("/handed")


def keys(folder: Path = KEYS, handed: Path = HANDED) -> None:
    """Make the keys, the passwords and each role's password file in `folder`, and hand each container its own.

    No other container sees `folder`.
    """
    make_keys(folder, services=SERVICES, partners=PARTNERS)
    for role in (SUPERUSER, *ROLES):
        make_password_file(folder, role)
    hand_over(folder, handed)


def topics() -> None:
    """Create every topic of the contracts."""
    asyncio.run(create_topics(os.environ["SALUR_KAFKA_BOOTSTRAP"]))


def roles() -> None:
    """Create two roles and a schema for each service."""
    passwords = {role: password(KEYS, role) for role in ROLES}
    asyncio.run(create_roles(os.environ["SALUR_POSTGRES_URL"], passwords))


JOBS = {"keys": keys, "topics": topics, "roles": roles}

if __name__ == "__main__":
    try:
        JOBS[sys.argv[1]]()
    except (LostKeys, Refused) as refusal:
        sys.exit(str(refusal))
