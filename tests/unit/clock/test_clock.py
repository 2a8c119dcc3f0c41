"""The clock: real time, moved by what a file says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared import clock as module
from shared.clock import VARIABLE, Clock

DAY = timedelta(days=1)
A_MOMENT = timedelta(seconds=5)


def off(clock: Clock) -> timedelta:
    """How far it is from real time."""
    return clock.now() - datetime.now(UTC)


@pytest.fixture(autouse=True)
def read_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_EVERY_SECONDS", 0.0)


def test_without_a_file_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    clock = Clock.from_environment()
    assert abs(off(clock)) < A_MOMENT
    assert clock.now().utcoffset() == timedelta()


def test_a_file_moves_it_while_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "offset"
    monkeypatch.setenv(VARIABLE, str(file))
    clock = Clock.from_environment()
    for text, moved in (("86400\n", DAY), ("-86400", -DAY), ("0", timedelta())):
        file.write_text(text)
        assert abs(off(clock) - moved) < A_MOMENT


@pytest.mark.parametrize("text", ["", "soon", "1.5", "9" * 30, "9" * 5000, "99999999999", "-99999999999", "\xff"])
def test_a_file_that_moves_it_nowhere_leaves_it_where_it_was(tmp_path: Path, text: str) -> None:
    file = tmp_path / "offset"
    file.write_text("86400")
    clock = Clock(file)
    assert abs(off(clock) - DAY) < A_MOMENT
    file.write_text(text)
    assert abs(off(clock) - DAY) < A_MOMENT
    file.unlink()
    assert abs(off(clock) - DAY) < A_MOMENT


def test_the_file_is_read_at_most_every_so_often(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "offset"
    file.write_text("86400")
    clock = Clock(file)
    clock.now()
    monkeypatch.setattr(module, "READ_EVERY_SECONDS", 3600.0)
    file.write_text("0")
    assert abs(off(clock) - DAY) < A_MOMENT
    monkeypatch.setattr(module, "READ_EVERY_SECONDS", 0.0)
    assert abs(off(clock)) < A_MOMENT
