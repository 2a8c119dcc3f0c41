"""Options of `make up`: checked before anything is started."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from deploy.local.options import clock_option, number_option
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.up import PORT_SETTINGS, chosen_ports
from shared.clock import EARLIEST, LATEST
from shared.errors import Refused


@pytest.fixture
def wishes() -> dict[str, str]:
    return {setting: str(free_port()) for setting, _ in PORT_SETTINGS.values()}


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("name", PORT_SETTINGS)
def test_each_port_moves_by_one_setting(name: str, wishes: dict[str, str]) -> None:
    setting, _ = PORT_SETTINGS[name]
    assert getattr(chosen_ports(wishes), name) == int(wishes[setting])


@pytest.mark.parametrize("name", PORT_SETTINGS)
def test_taken_port_is_refused_with_the_setting_that_moves_it(name: str, taken: int, wishes: dict[str, str]) -> None:
    setting, _ = PORT_SETTINGS[name]
    with pytest.raises(Refused, match=f"port {taken} for {name} is taken.*{setting}="):
        chosen_ports(wishes | {setting: str(taken)})


@pytest.mark.parametrize("name", PORT_SETTINGS)
@pytest.mark.parametrize("port", ["0", "65536", "-1", "kafka", "9092.5", "9" * 5000, "٩٠٩٢", " 9092", "9_092"])
def test_invalid_port_is_refused_with_its_bounds_but_not_its_value(
    name: str, port: str, wishes: dict[str, str]
) -> None:
    setting, _ = PORT_SETTINGS[name]
    with pytest.raises(Refused, match=f"^{setting} must be a whole number from 1 to 65535$"):
        chosen_ports(wishes | {setting: port})


def test_number_may_be_either_of_its_bounds() -> None:
    assert [number_option({"PEOPLE": text}, "PEOPLE", 3, 1, 9) for text in ("1", "9", "")] == [1, 9, 3]


def test_two_servers_on_one_port_are_refused(wishes: dict[str, str]) -> None:
    with pytest.raises(Refused, match="the same"):
        chosen_ports(wishes | {"SALUR_KAFKA_PORT": wishes["SALUR_POSTGRES_PORT"]})


def test_clock_option_is_a_time_with_its_zone() -> None:
    assert clock_option({"CLOCK": "2023-02-18T03:00:00Z"}) == datetime(2023, 2, 18, 3, tzinfo=UTC)


@pytest.mark.parametrize("wishes", [{}, {"CLOCK": ""}])
def test_missing_clock_option_is_none(wishes: dict[str, str]) -> None:
    assert clock_option(wishes) is None


@pytest.mark.parametrize("moment", [EARLIEST, LATEST])
def test_clock_may_be_set_to_either_bound(moment: datetime) -> None:
    assert clock_option({"CLOCK": moment.isoformat()}) == moment


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2023-02-18T03:00:00",
        "2023-02-30T03:00:00Z",
        "1999-12-31T23:59:59Z",
        "2098-01-01T00:00:01Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_clock_outside_its_bounds_or_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="must look like"):
        clock_option({"CLOCK": text})
