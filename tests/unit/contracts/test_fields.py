"""Times, money and text."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.contracts.events import json_pointer
from shared.contracts.fields import Rupiah, Text, Time, parse_time, rupiah
from shared.times import write_time

TEXT = TypeAdapter(Text)
TIME = TypeAdapter(Time)
NOON = datetime(2023, 2, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-02-17T12:00:00Z", NOON),
        ("2023-02-17T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2023-02-17T12:00:00.123456Z", NOON + timedelta(microseconds=123456)),
        ("2023-02-17T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2099-12-31T23:59:59Z", datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_time_is_read_to_the_microsecond(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment
    assert TIME.validate_json(json.dumps(text)) == moment


def test_time_is_written_in_utc() -> None:
    jakarta = NOON.astimezone(timezone(timedelta(hours=7)))
    assert write_time(jakarta) == "2023-02-17T12:00:00Z"
    assert write_time(NOON + timedelta(microseconds=1)) == "2023-02-17T12:00:00.000001Z"


@pytest.mark.parametrize("microseconds", [0, 1, 10, 500_000, 999_999])
def test_time_field_is_written_as_write_time_writes_it(microseconds: int) -> None:
    moment = NOON.replace(microsecond=microseconds)
    assert json.loads(TIME.dump_json(moment)) == write_time(moment)


@pytest.mark.parametrize(
    "moment", [NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=7))), "2023-02-17T12:00:00Z", 1]
)
def test_own_events_accept_only_utc(moment: object) -> None:
    with pytest.raises(ValidationError):
        TIME.validate_python(moment, strict=True)


@pytest.mark.parametrize(
    "text",
    [
        *("2023-02-17T12:00:00", "2023-02-17T12:00:00+00:00", "2023-02-17 12:00:00Z", "2023-02-17T12:00:00z"),
        *("1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2023-02-30T12:00:00Z", "2023-02-17T12:00:60Z"),
        *("1676635200", "20٢3-02-17T12:00:00Z", "2023-02-17T12:00:00Z\n", "2023-02-17T12:00:00.Z"),
    ],
    ids=ascii,
)
def test_other_forms_of_a_time_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TIME.validate_json(json.dumps(text))
    with pytest.raises(ValueError, match=r"not an RFC|day is out of range|must be in"):
        parse_time(text)


@pytest.mark.parametrize("amount", [1, 10**12])
def test_amount_is_1_to_a_million_million_rupiah(amount: int) -> None:
    assert rupiah(amount) == Rupiah(value=amount, currency="IDR")


@pytest.mark.parametrize("amount", [0, -1, 10**12 + 1, True, 1.0, "1"])
def test_amount_beyond_the_bounds_cannot_be_built(amount: int) -> None:
    with pytest.raises(ValidationError):
        rupiah(amount)


@pytest.mark.parametrize("text", ["a", "Kelas dibatalkan", "é", "漢字 😀", "x" * 140])
def test_text_may_hold_any_visible_character(text: str) -> None:
    assert TEXT.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x" * 141,
            "a\0b",
            "a\nb",
            "a\x1b[31m",
            "a\x7fb",
            "a\x85b",
            "a\u2028b",
            "a\u202eb",
            "a\u2066b",
            "a\u200bb",
        ),
        *("a\u200db", "a\ufeffb", "a\u00adb", "e\u0301", "\ue000", "a\ufdd0"),
    ],
    ids=ascii,
)
def test_text_with_invisible_characters_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python(text)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ((), "/"),
        (("hours",), "/hours"),
        (("sessions", 3, "mode"), "/sessions/3/mode"),
    ],
)
def test_pointer_names_the_way_to_a_field(location: tuple[str | int, ...], text: str) -> None:
    assert json_pointer(location) == text
