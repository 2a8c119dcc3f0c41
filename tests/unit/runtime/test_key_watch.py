"""Key sets are read again once a process runs, and whenever a file has changed since."""

from pathlib import Path
from typing import Any

from shared.errors import Refused
from shared.runtime.key_watch import KeyWatch

NO_KEYS: Any = None
SET = '{"keys": []}'


async def test_change_between_reading_and_watching_is_noticed(tmp_path: Path) -> None:
    read = 0

    def refuse() -> Any:
        nonlocal read
        read += 1
        raise Refused(f"read {read} times")

    path = tmp_path / "toy.jwks.json"
    path.write_text(SET)
    watch = KeyWatch(NO_KEYS, refuse, tmp_path, "", ())
    await watch.look()
    assert watch.notices() == ["changed key sets are not used: read 1 times"]
    await watch.look()
    assert read == 1
    path.write_text(f"{SET} ")
    await watch.look()
    assert read == 2
