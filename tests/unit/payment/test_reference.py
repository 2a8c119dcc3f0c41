"""References: derived from the entitlement and the number of the attempt."""

from typing import Any

from services.payment.domain.reference import CROCKFORD, lane_in, reference_of

KEY = b"k" * 32


def reference(**changes: Any) -> str:
    values: dict[str, Any] = {
        "programme": "prakerja",
        "participant_id": "4810000000000017",
        "redeem_code": "PRAT0AB12CD3",
        "benefit": "fee",
        "attempt": 1,
    }
    return reference_of(KEY, changes.pop("lane", 11), **values | changes)


def test_a_reference_is_derived_and_names_its_lane() -> None:
    assert reference() == "B79DNNT16AJWMSY5"
    assert reference() == reference()
    assert set(reference()) <= set(CROCKFORD)
    assert lane_in(reference(), 12) == 11


def test_every_part_of_the_key_changes_the_reference() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"attempt": 2},
        {"benefit": "incentive_1"},
        {"redeem_code": "PRAT0AB12CD4"},
        {"participant_id": "4810000000000018"},
        {"programme": "other"},
    ]
    assert len({reference(**change)[1:] for change in changes}) == len(changes)
