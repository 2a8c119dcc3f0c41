"""The clock: real time, moved by a file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared import clock as module
from shared.clock import EARLIEST, LATEST, OFFSET_FILE_VARIABLE, BadOffset, Clock

DAY = timedelta(days=1)
A_MOMENT = timedelta(seconds=5)


def off(clock: Clock) -> timedelta:
    """Return the difference from real time."""
    return clock.now() - datetime.now(UTC)


@pytest.fixture(autouse=True)
def read_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_EVERY_SECONDS", 0.0)


def test_clock_without_a_file_is_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OFFSET_FILE_VARIABLE, raising=False)
    clock = Clock.from_environment()
    assert abs(off(clock)) < A_MOMENT
    assert clock.now().utcoffset() == timedelta()


def test_file_moves_the_running_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "offset"
    file.write_text("0")
    monkeypatch.setenv(OFFSET_FILE_VARIABLE, str(file))
    clock = Clock.from_environment()
    for text, moved in (("86400\n", DAY), ("-86400", -DAY), ("0", timedelta())):
        file.write_text(text)
        assert abs(off(clock) - moved) < A_MOMENT


NOWHERE = ["", "soon", "1.5", "nan", "9" * 30, "9" * 5000, "99999999999", "-99999999999", "\xff"]


@pytest.mark.parametrize("text", NOWHERE)
def test_unusable_file_keeps_the_last_offset(tmp_path: Path, text: str) -> None:
    file = tmp_path / "offset"
    file.write_text("86400")
    clock = Clock(file)
    assert abs(off(clock) - DAY) < A_MOMENT
    file.write_text(text)
    assert abs(off(clock) - DAY) < A_MOMENT
    file.unlink()
    assert abs(off(clock) - DAY) < A_MOMENT


def test_file_is_read_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "offset"
    file.write_text("86400")
    clock = Clock(file)
    clock.now()
    monkeypatch.setattr(module, "READ_EVERY_SECONDS", 3600.0)
    file.write_text("0")
    assert abs(off(clock) - DAY) < A_MOMENT
    monkeypatch.setattr(module, "READ_EVERY_SECONDS", 0.0)
    assert abs(off(clock)) < A_MOMENT


@pytest.mark.parametrize("end", [EARLIEST, LATEST])
def test_clock_covers_the_years_of_events_but_the_last_two(tmp_path: Path, end: datetime) -> None:
    file = tmp_path / "offset"
    file.write_text("86400")
    clock = Clock(file)
    inwards = DAY if end is EARLIEST else -DAY
    for moved, shown in ((inwards, end + inwards), (-inwards, end + inwards)):
        file.write_text(str(int((end + moved - datetime.now(UTC)).total_seconds())))
        assert abs(clock.now() - shown) < A_MOMENT


@pytest.mark.parametrize("text", [*NOWHERE, None])
def test_unusable_file_at_the_start_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    monkeypatch.setenv(OFFSET_FILE_VARIABLE, str(tmp_path / "offset"))
    if text is not None:
        (tmp_path / "offset").write_text(text)
    with pytest.raises(
        BadOffset, match=f"^{OFFSET_FILE_VARIABLE} must name a file .* from 2000-01-01 to 2098-01-01$"
    ) as refused:
        Clock.from_environment()
    assert not text or text not in str(refused.value)


def test_offset_of_the_start_counts_until_the_file_has_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "offset"
    file.write_text("86400")
    monkeypatch.setenv(OFFSET_FILE_VARIABLE, str(file))
    clock = Clock.from_environment()
    file.unlink()
    assert abs(off(clock) - DAY) < A_MOMENT
