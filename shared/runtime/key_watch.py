"""Key sets of a running process: read again when a file has changed, so that keys rotate without a restart."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from shared.errors import Refused
from shared.postgres.migrations import Migration
from shared.runtime.data_identity import DataIdentity, IdentityMismatch, RotatingKeys
from shared.runtime.database import DataRequirements, open_session
from shared.runtime.keys import Keys

LOG = structlog.get_logger()
LOOK_SECONDS = 1.0
AGAIN_SECONDS = 60.0
KEY_SETS = "*.jwks.json"

Stamps = Mapping[str, tuple[int, int, int]]


class KeyWatch:
    """Takes over key sets that have changed, if a start with them would be accepted.

    Otherwise the process goes on with the keys it has, and `refusal` says why. It tries again when a file changes, and
    every AGAIN_SECONDS: the reason may lie in the data, or in another file that is read with the keys. `read` reads all
    keys of the service and raises Refused if they are malformed.
    """

    def __init__(
        self, keys: Keys, read: Callable[[], Keys], folder: Path, url: str, migrations: Sequence[Migration]
    ) -> None:
        self.refusal: str | None = None
        self._keys = keys
        self._read = read
        self._folder = folder
        self._url = url
        self._migrations = migrations
        # Nothing: a file may have changed between the reading of the keys and now.
        self._seen: Stamps = {}
        self._again_at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start to look at the files, and return at once."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def notices(self) -> list[str]:
        """Return a sentence if changed key sets are not taken over."""
        return [] if self.refusal is None else [f"changed key sets are not used: {self.refusal}"]

    async def look(self) -> None:
        """Take over the key sets if a file has changed since they were read last, or they were refused a while ago."""
        stamps = self._stamps()
        if stamps == self._seen and (self.refusal is None or time.monotonic() < self._again_at):
            return
        try:
            read = self._read_changed()
            await self._take_over(read)
        except (Refused, IdentityMismatch) as refusal:
            self.refusal = str(refusal)
            self._again_at = time.monotonic() + AGAIN_SECONDS
            LOG.warning("keys_refused", reason=self.refusal)
        self._seen = stamps

    def _read_changed(self) -> Keys:
        """Read the keys. Raise Refused if they are malformed, or lack a key with which this process seals."""
        try:
            read = self._read()
        except (OSError, ValueError) as error:
            raise Refused(f"its keys cannot be read: {error}") from None
        now = {ring.name: ring.keys for ring in read.identity.rotating_keys}
        for ring in self._keys.identity.rotating_keys:
            if ring.seals and ring.keys.current not in now[ring.name].kids:
                raise Refused(_loss_of_current(ring))
        return read

    async def _take_over(self, read: Keys) -> None:
        """Use the keys from now on. Raise IdentityMismatch if the data need a key that is missing."""
        # What is pinned stays as this process has it; only key sets are taken over.
        identity = DataIdentity(self._keys.identity.pinned, read.identity.rotating_keys)
        requirements = DataRequirements(self._migrations, identity)
        # Whole tables are read to tell if a missing key is needed.
        connection = await open_session(self._url, "keys", requirements.confirm, long_running=True)
        try:
            await requirements.save_fingerprints(connection)
        finally:
            await connection.close()
        self._keys.take_over(read)
        self.refusal = None
        LOG.info("keys", kids={ring.name: ring.keys.kids for ring in self._keys.identity.rotating_keys})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the database may be away; it looks again
                LOG.warning("outage", part="keys", error=repr(error))

    def _stamps(self) -> Stamps:
        """Return what tells whether a file has changed."""
        found = {}
        for path in self._folder.glob(KEY_SETS):
            try:
                stat = path.stat()
            except OSError:
                continue
            found[path.name] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return found


def _loss_of_current(ring: RotatingKeys) -> str:
    return (
        f"{ring.file} lacks the key {ring.keys.current}, with which this process seals: put it back behind the new "
        "one, and take it out when `keys list` shows that nothing is left"
    )
