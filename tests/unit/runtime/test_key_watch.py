"""Key sets are read again once a process runs, and whenever a file has changed since."""

from pathlib import Path
from typing import Any

import pytest

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


async def test_refused_key_sets_are_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheme file, which is read with the keys, may have been the reason, or data that have ended since."""
    reasons = iter(["normal-2023.toml is not TOML", "it still seals stored data"])

    def refuse() -> Any:
        raise Refused(next(reasons))

    (tmp_path / "toy.jwks.json").write_text(SET)
    watch = KeyWatch(NO_KEYS, refuse, tmp_path, "", ())
    monkeypatch.setattr("shared.runtime.key_watch.AGAIN_SECONDS", 0.0)
    await watch.look()
    assert watch.refusal == "normal-2023.toml is not TOML"
    await watch.look()
    assert watch.refusal == "it still seals stored data"
