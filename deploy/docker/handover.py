"""Hand each container its own keys and passwords, and the number under which it runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deploy.local.keys import KEYS_OF
from deploy.local.roles import ROLES, owner_of
from shared.contracts.topics import SERVICES

SUPERUSER = "postgres"
# Each has a number of its own; the folder in its volume belongs to the group of that number.
UIDS = {"enrollment": 10001, "completion": 10002, "payment": 10003, "roles": 10004, "partners": 10005, "postgres": 999}
HANDED_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Recipient:
    """A container that is handed these files, and no others, in a volume of its own; `uid` is its user and group."""

    uid: int
    files: tuple[str, ...]


RECIPIENTS = {
    # Only these two see the superuser's password: the server, and the job that makes the roles.
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
    """Copy to each recipient's folder under `handed` what is its own, and take back whatever else is there.

    The folders are there, since each is a volume, and hand their group down to what is made in them.
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
