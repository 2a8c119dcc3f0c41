"""Distribution of keys and passwords to the containers, with the user id of each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deploy.local.keys import KEYS_OF
from deploy.local.roles import ROLES, owner_of
from shared.contracts.topics import SERVICES

SUPERUSER = "postgres"
# User ids of the containers, all different; the folder in a container's volume belongs to the group of that id.
UIDS = {"enrollment": 10001, "completion": 10002, "payment": 10003, "roles": 10004, "partners": 10005, "postgres": 999}
HANDED_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Recipient:
    """A container, the files in its own volume, and the id of its user and group."""

    uid: int
    files: tuple[str, ...]


RECIPIENTS = {
    # The server and the job that creates the roles are the only ones with the superuser's password.
    "postgres": Recipient(UIDS["postgres"], (f"{SUPERUSER}.password",)),
    "roles": Recipient(UIDS["roles"], (f"{SUPERUSER}.pgpass", *(f"{role}.password" for role in ROLES))),
    **{service: Recipient(UIDS[service], (*KEYS_OF[service], f"{service}.pgpass")) for service in SERVICES},
    **{
        f"migrate-{service}": Recipient(UIDS[service], (*KEYS_OF[service], f"{owner_of(service)}.pgpass"))
        for service in SERVICES
    },
    "partners": Recipient(UIDS["partners"], KEYS_OF["partners"]),
}


def hand_over(keys: Path, handed: Path) -> None:
    """Copy to each recipient's folder under `handed` its own files, and delete every other file there.

    The folders exist already: each is a volume, and gives its group to the files made in it.
    """
    for name, recipient in RECIPIENTS.items():
        own = handed / name
        for surplus in {path.name for path in own.iterdir()} - {*recipient.files}:
            (own / surplus).unlink()
        for file in recipient.files:
            _copy(keys / file, own / file)


def _copy(source: Path, target: Path) -> None:
    making = target.with_suffix(".making")
    making.unlink(missing_ok=True)
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, HANDED_MODE), "w") as file:
        file.write(source.read_text())
    making.replace(target)
