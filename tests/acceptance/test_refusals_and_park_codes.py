"""The rule book's ways to say no, each through Kafka: refusals of applications and purchases, and park codes."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest

from deploy.local.installation import Installation
from services.enrollment.schemes import FOLDER
from tests.acceptance.conftest import NOW, an_installation
from tests.acceptance.outsider import Outsider
from tests.acceptance.upstream import ATTENDANCE, PURCHASES, Upstream, rupiah

NUMBERS = count(601)
OF_2020 = "semi-bansos-2020"
OF_JAVA = "java-2023"
BOUND = 5_000


def a_person() -> tuple[str, str]:
    """Return an id and a NIK that nobody else has."""
    number = next(NUMBERS)
    return f"4810000000000{number}", f"3273015505950{number}"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Start an installation that has a scheme besides those in force, under which Java alone buys offline."""
    folder = tmp_path_factory.mktemp("schemes")
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    normal = (FOLDER / "normal-2023.toml").read_text("utf-8").replace('"normal-2023"', f'"{OF_JAVA}"')
    of_java = normal.replace("[purchase]", '[purchase]\noffline_regions = ["31", "32", "33", "34", "35", "36"]')
    (folder / f"{OF_JAVA}.toml").write_text(of_java, "utf-8")
    with an_installation(ENROLLMENT_SCHEMES_FOLDER=str(folder)) as running:
        yield running


@pytest.fixture
def upstream(outsider: Outsider) -> Upstream:
    found = Upstream(outsider, "61")
    found.open_wave()
    return found


APPLICATIONS: dict[str, dict[str, str]] = {
    "nik_invalid": {"birth_date": "1995-05-16"},
    "age_out_of_range": {"birth_date": "2010-05-15", "nik": "3273015505100001"},
    "wave_closed": {"admitted_at": "2023-02-17T11:59:59Z"},
}


def test_applications_against_a_rule_are_refused(upstream: Upstream) -> None:
    expected = {}
    for reason, changes in APPLICATIONS.items():
        person, nik = a_person()
        upstream.admit(person, changes.pop("nik", nik), **changes)
        expected[person] = reason
    (first, nik), (second, _) = a_person(), a_person()
    upstream.admit(first, nik)
    upstream.await_decision("participant_admitted", participant_id=first)
    upstream.admit(second, nik)
    expected[second] = "nik_already_admitted"
    small = Upstream(upstream.outside, "62")
    small.open_wave(quota=1)
    (first, nik), (second, other) = a_person(), a_person()
    small.admit(first, nik)
    small.await_decision("participant_admitted", participant_id=first)
    small.admit(second, other)
    expected[second] = "wave_full"
    found = {
        person: upstream.await_decision("participant_refused", participant_id=person)["reason"] for person in expected
    }
    assert found == expected


A_LATER_SESSION = [
    {"sequence": 1, "mode": "online", "starts_at": "2023-04-01T01:00:00Z", "ends_at": "2023-04-01T04:00:00Z"}
]
PURCHASES_REFUSED: dict[str, dict[str, object]] = {
    "not_admitted": {"purchased_at": "2023-02-20T16:59:59Z"},
    "balance_insufficient": {"price": rupiah(3_500_001)},
    "price_above_approved": {"course_code": "C-0815", "price": rupiah(1_000_001)},
    "course_not_approved": {"course_code": "C-0815", "mode": "self_paced"},
    "hours_too_few": {"hours": 14},
    "class_too_large": {"class_size": 151},
}


def test_purchases_against_a_rule_are_refused(upstream: Upstream) -> None:
    upstream.approve_course()
    expected = {}
    for number, (reason, changes) in enumerate(PURCHASES_REFUSED.items(), 1):
        person, nik = a_person()
        code = f"REFUSED0000{number}"
        upstream.admit(person, nik)
        upstream.buy(person, code, **changes)
        expected[code] = reason
    of_2020, (person, nik) = Upstream(upstream.outside, "63"), a_person()
    of_2020.open_wave(scheme=OF_2020)
    of_2020.admit(person, nik)
    of_2020.buy(person, "REFUSED00020", mode="offline")
    expected["REFUSED00020"] = "mode_not_allowed"
    of_java = Upstream(upstream.outside, "64")
    of_java.open_wave(scheme=OF_JAVA)
    in_a_room = {"mode": "offline", "sessions": [{**A_LATER_SESSION[0], "mode": "offline"}]}
    (of_bali, nik), (of_bandung, other_nik) = a_person(), a_person()
    of_java.admit(of_bali, nik, regency="5171")
    of_java.admit(of_bandung, other_nik)
    of_java.buy(of_bali, "REFUSED00022", **in_a_room)
    expected["REFUSED00022"] = "region_not_open"
    of_java.buy(of_bandung, "NOTREFUSED01", **in_a_room)
    of_java.await_decision("enrollment_confirmed", redeem_code="NOTREFUSED01")
    person, nik = a_person()
    upstream.admit(person, nik)
    upstream.block(person)
    upstream.await_decision("participant_blocked", participant_id=person)
    upstream.buy(person, "REFUSED00021")
    expected["REFUSED00021"] = "participant_blocked"
    assert _refusals(upstream, expected) == expected


def _refusals(upstream: Upstream, codes: dict[str, str]) -> dict[str, object]:
    return {code: upstream.await_decision("enrollment_rejected", redeem_code=code)["reason"] for code in codes}


PURCHASED = (PURCHASES, "/platforms/pintar", "salur.platform.training_purchased.v1")
ATTENDED = (ATTENDANCE, "/attendance/face", "salur.training.session_attended.v1")
MALFORMED: dict[str, bytes | None] = {
    "too_large": b'{"participant_id":"' + b"4" * (256 << 10) + b'"}',
    "null_value": None,
    "too_deep": b'{"a":' * 17 + b"1" + b"}" * 17,
    "invalid_json": b"{",
    "duplicate_key": b'{"redeem_code":"A","redeem_code":"B"}',
    "invalid_field /participant_id": b"{}",
}


def test_malformed_records_are_parked_by_enrollment_and_completion(upstream: Upstream) -> None:
    send = upstream.outside.send_bytes
    for service, about in (("enrollment", PURCHASED), ("completion", ATTENDED)):
        sent = {code: send(*about, value) for code, value in MALFORMED.items()}
        sent["bad_envelope ce_time"] = send(*about, b"{}", without=("ce_time",))
        topic, source, kind = about
        sent["unknown_type"] = send(topic, source, kind.replace(".v1", ".v9"), b"{}")
        assert _park_codes(upstream, service, sent) == list(sent)


def test_contradictions_are_parked_and_their_neighbours_unharmed(upstream: Upstream) -> None:
    (person, nik), (other, other_nik) = a_person(), a_person()
    upstream.admit(person, nik)
    upstream.admit(other, other_nik)
    upstream.buy(person, "MYTRAINING01")
    upstream.await_decision("enrollment_confirmed", redeem_code="MYTRAINING01")
    nobody, nik_of_nobody = a_person()
    ahead = (NOW + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    upstream.approve_course()
    of_enrollment = {
        "conflict /wave": upstream.open_wave(quota=1_001),
        "bad_seal /identity": upstream.admit(nobody, nik_of_nobody, sub=person),
        "conflict /version": upstream.approve_course(hours=19),
        "conflict": upstream.buy(person, "MYTRAINING01", hours=19),
        "not_yours /redeem_code": upstream.void(other, "MYTRAINING01"),
        "out_of_window /purchased_at": upstream.buy(person, "AHEADOFTIME1", purchased_at=ahead),
    }
    about = (person, "MYTRAINING01")
    of_completion = {
        "not_yours ce_source": upstream.attend(*about, source="/providers/LP0001"),
        "not_yours /participant_id": upstream.attend(other, "MYTRAINING01"),
        "not_yours /provider_id": upstream.prove(
            *about, "work_graded", score=75, passed=True, provider_id="LP0002", graded_at="2023-03-01T03:00:00Z"
        ),
        "out_of_window /attended_at": upstream.attend(*about, attended_at="2023-03-01T05:00:01Z"),
        "out_of_window /sequence": upstream.attend(*about, sequence=2),
    }
    assert _park_codes(upstream, "enrollment", of_enrollment) == list(of_enrollment)
    assert _park_codes(upstream, "completion", of_completion) == list(of_completion)
    upstream.complete(*about)
    upstream.await_event("completion", "completion_confirmed", redeem_code="MYTRAINING01")


def test_what_waits_in_vain_is_parked_or_refused(installation: Installation, upstream: Upstream) -> None:
    (person, nik), (late, nik_of_late), (nobody, _) = a_person(), a_person(), a_person()
    upstream.admit(person, nik)
    upstream.admit(late, nik_of_late)
    upstream.buy(person, "FIRSTTRAIN01")
    upstream.await_decision("enrollment_confirmed", redeem_code="FIRSTTRAIN01")
    upstream.buy(person, "TOOEARLY0001", purchased_at="2023-02-26T00:00:00Z")
    upstream.complete(person, "FIRSTTRAIN01")
    # Fifteen days in Jakarta after the admission on 21 February, and after the completion on 1 March.
    upstream.buy(late, "FIRSTLATE001", purchased_at="2023-03-08T17:00:00Z", sessions=A_LATER_SESSION)
    upstream.buy(person, "NEXTLATE0001", purchased_at="2023-03-16T17:00:00Z", sessions=A_LATER_SESSION)
    waiting = {
        "enrollment": upstream.buy(nobody, "NOBODYS00001"),
        "completion": upstream.attend(nobody, "UNKNOWN00001"),
    }
    crowd = [_test_taken(upstream, nobody, number) for number in range(BOUND + 1)]
    assert upstream.await_parked("completion", crowd[-1]) == ("wait_full", "enrollment")

    installation.set_clock(NOW + timedelta(days=1, minutes=1))
    for service, record_id in waiting.items():
        assert upstream.await_parked(service, record_id)[0] == "wait_expired"
    expected = {
        "TOOEARLY0001": "previous_not_completed",
        "FIRSTLATE001": "first_purchase_late",
        "NEXTLATE0001": "next_purchase_late",
    }
    assert _refusals(upstream, expected) == expected


def _test_taken(upstream: Upstream, person: str, number: int) -> str:
    at = (NOW - timedelta(days=10) + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return upstream.prove(person, "CROWDED00001", "post_test_taken", score=80, passed=True, taken_at=at)


def _park_codes(upstream: Upstream, service: str, sent: dict[str, str]) -> list[str]:
    return [" ".join(part for part in upstream.await_parked(service, one) if part) for one in sent.values()]
