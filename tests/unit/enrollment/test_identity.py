"""The form of a NIK, and the region codes in it."""

from datetime import date

import pytest

from services.enrollment.domain.identity import Identity, is_well_formed
from services.enrollment.domain.region_codes import HIGHEST_REGENCY_AND_CITY, is_region_code

BORN = date(1996, 4, 12)


@pytest.mark.parametrize(
    ("nik", "gender"),
    [
        ("3273015204960001", "female"),
        ("3273011204960001", "male"),
        ("9103011204960001", "male"),
        ("9103015204960001", "female"),
    ],
)
def test_a_nik_that_agrees_with_birth_date_and_gender_is_well_formed(nik: str, gender: str) -> None:
    assert is_well_formed(Identity(nik, BORN), gender)


@pytest.mark.parametrize(
    ("nik", "gender", "why"),
    [
        ("3273011204960001", "female", "a woman's day is 40 more"),
        ("3273015204960001", "male", "a man's is not"),
        ("3273015304960001", "female", "another day"),
        ("3273015205960001", "female", "another month"),
        ("3273015204950001", "female", "another year"),
        ("327301520496000", "female", "15 digits"),
        ("32730152049600011", "female", "17 digits"),
        ("3273015204960001\n", "female", "a line end"),
        ("32730152\uff104960001", "female", "a digit of another script"),
        ("327301520496000A", "female", "a letter"),
        ("", "female", "nothing"),
        ("9973015204960001", "female", "no such province"),
        ("3299015204960001", "female", "no such city"),
        ("3230015204960001", "female", "no such regency"),
    ],
)
def test_any_other_nik_is_malformed(nik: str, gender: str, why: str) -> None:
    assert not is_well_formed(Identity(nik, BORN), gender), why


def test_the_stated_birth_date_gives_the_century() -> None:
    nik = "3273015204030001"
    assert is_well_formed(Identity(nik, date(2003, 4, 12)), "female")
    assert is_well_formed(Identity(nik, date(1903, 4, 12)), "female")


@pytest.mark.parametrize("place", ["9101", "9128", "9171", "9201", "9271", "9301", "9408", "9501", "9671", "9701"])
def test_region_codes_of_papua_from_before_and_after_2022_are_known(place: str) -> None:
    assert is_region_code(place)


@pytest.mark.parametrize("place", ["6404", "6473", "7319"])
def test_old_region_code_of_a_moved_regency_is_known(place: str) -> None:
    assert is_region_code(place)


@pytest.mark.parametrize("place", ["3200", "3219", "3270", "3280", "7671", "9129", "9371", "0101", "9801"])
def test_region_code_never_assigned_is_unknown(place: str) -> None:
    assert not is_region_code(place)


def test_region_codes_cover_38_provinces_and_one_statistics_office_code() -> None:
    assert len(HIGHEST_REGENCY_AND_CITY) == 38 + 1


def test_identity_hides_nik_and_birth_date_in_its_repr() -> None:
    identity = Identity("3273015204960001", BORN)
    assert "3273" not in repr(identity)
    assert "1996" not in str(identity)
