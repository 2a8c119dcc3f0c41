"""Purchases of trainings by the rules of a scheme."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.enrollment.domain.block import Block
from services.enrollment.domain.course import Course
from services.enrollment.domain.forfeit import Forfeit, ForfeitReason
from services.enrollment.domain.purchase import (
    Confirmed,
    Participant,
    Purchase,
    PurchaseOutcome,
    PurchaseRejection,
    Rejected,
    Training,
    Undecided,
    decide_purchase,
)
from services.enrollment.domain.scheme import Scheme
from services.enrollment.schemes import load_schemes
from tests.builders import ADMITTED_AT

NORMAL, EARLIER = (load_schemes()[name].at(ADMITTED_AT) for name in ("normal-2023", "semi-bansos-2020"))
DAY = timedelta(days=1)
PARTICIPANT = Participant("3273", ADMITTED_AT, 3_500_000)
PURCHASE = Purchase("LP0001", "hybrid", 1_500_000, 18, 40, ADMITTED_AT + DAY, ADMITTED_AT + 3 * DAY)
FIRST = Training(1_500_000, ADMITTED_AT + DAY, ADMITTED_AT + 3 * DAY, ADMITTED_AT + 4 * DAY, ADMITTED_AT + 5 * DAY)
NEXT = replace(PURCHASE, purchased_at=ADMITTED_AT + 6 * DAY, ends_at=ADMITTED_AT + 8 * DAY)


REQUIRED = replace(NORMAL, purchase=replace(NORMAL.purchase, catalogue="required"))
COURSE = Course("C-0815", 1, "LP0001", frozenset({"hybrid"}), 1_500_000, 18)


def decide(
    purchase: Purchase,
    *trainings: Training,
    course: Course | None = None,
    scheme: Scheme = NORMAL,
    participant: Participant = PARTICIPANT,
) -> PurchaseOutcome:
    return decide_purchase(purchase, participant, trainings, course, scheme)


def rejected(reason: str) -> Rejected:
    return Rejected(PurchaseRejection(reason))


def undecided(reason: str) -> Undecided:
    return Undecided(PurchaseRejection(reason))


def test_first_purchase_that_meets_the_rules_is_confirmed() -> None:
    assert decide(PURCHASE) == Confirmed()


@pytest.mark.parametrize(
    ("purchase", "reason"),
    [
        (replace(PURCHASE, price=3_500_001), "balance_insufficient"),
        (replace(PURCHASE, hours=14), "hours_too_few"),
        (replace(PURCHASE, class_size=41), "class_too_large"),
        (replace(PURCHASE, mode="offline", class_size=41), "class_too_large"),
        (replace(PURCHASE, mode="online", class_size=151), "class_too_large"),
        (replace(PURCHASE, purchased_at=ADMITTED_AT - DAY), "not_admitted"),
    ],
)
def test_a_training_that_breaks_a_rule_is_rejected_with_the_reason(purchase: Purchase, reason: str) -> None:
    assert decide(purchase) == rejected(reason)


@pytest.mark.parametrize(
    "purchase",
    [
        replace(PURCHASE, price=3_500_000),
        replace(PURCHASE, hours=15),
        replace(PURCHASE, mode="online", class_size=150),
        replace(PURCHASE, mode="self_paced", class_size=100_000),
        replace(PURCHASE, purchased_at=ADMITTED_AT - timedelta(minutes=1)),
    ],
)
def test_purchase_at_the_limit_of_a_rule_is_confirmed(purchase: Purchase) -> None:
    assert decide(purchase) == Confirmed()


@pytest.mark.parametrize("mode", ["offline", "hybrid"])
def test_a_mode_that_the_scheme_does_not_have_is_rejected(mode: str) -> None:
    assert decide(replace(PURCHASE, mode=mode), scheme=EARLIER) == rejected("mode_not_allowed")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "regency", "confirmed"),
    [
        ("offline", "3273", True),
        ("hybrid", "3374", True),
        ("hybrid", "1171", False),
        ("offline", "1171", False),
        ("online", "1171", True),
        ("offline", "3371", False),
    ],
)
def test_trainings_in_a_room_are_confirmed_in_open_regions_only(mode: str, regency: str, confirmed: bool) -> None:
    some = replace(NORMAL, purchase=replace(NORMAL.purchase, offline_regions=("32", "3374")))
    found = decide(replace(PURCHASE, mode=mode), scheme=some, participant=replace(PARTICIPANT, regency=regency))  # type: ignore[arg-type]
    assert found == (Confirmed() if confirmed else rejected("region_not_open"))


def test_first_purchase_is_timely_through_the_fifteenth_day_in_jakarta() -> None:
    # 21 February 03:00 UTC is 10:00 in Jakarta; the fifteenth day ends on 8 March, 17:00 UTC.
    last_moment = ADMITTED_AT.replace(month=3, day=8, hour=16, minute=59, second=59)
    assert decide(replace(PURCHASE, purchased_at=last_moment, ends_at=last_moment + DAY)) == Confirmed()
    too_late = last_moment + timedelta(seconds=1)
    late = decide(replace(PURCHASE, purchased_at=too_late, ends_at=too_late + DAY))
    assert late == undecided("first_purchase_late")


def test_next_purchase_is_confirmed_once_the_previous_training_is_done() -> None:
    assert decide(NEXT, FIRST) == Confirmed()


def test_training_is_done_from_the_moment_of_its_completion_and_rating_on() -> None:
    bought = NEXT.purchased_at
    assert decide(NEXT, replace(FIRST, ends_at=bought, completed_at=bought, rated_at=bought)) == Confirmed()


@pytest.mark.parametrize("missing", ["completed_at", "rated_at"])
def test_purchase_is_undecided_while_the_previous_may_still_be_done(missing: str) -> None:
    previous = replace(FIRST, **{missing: None})  # type: ignore[arg-type]
    assert decide(NEXT, previous) == undecided("previous_not_completed")


@pytest.mark.parametrize(
    "previous",
    [
        replace(FIRST, ends_at=NEXT.purchased_at + DAY, completed_at=None, rated_at=None),
        replace(FIRST, completed_at=NEXT.purchased_at + DAY),
        replace(FIRST, rated_at=NEXT.purchased_at + DAY),
        replace(FIRST, rated_at=NEXT.purchased_at + DAY, completed_at=None),
        replace(FIRST, revoked_at=NEXT.purchased_at),
    ],
)
def test_a_previous_training_not_done_when_the_next_was_bought_rejects_it(previous: Training) -> None:
    assert decide(NEXT, previous) == rejected("previous_not_completed")
    assert decide(NEXT, replace(previous, voided_at=NEXT.purchased_at)) == Confirmed()


def test_next_purchase_has_fifteen_days_from_completion_not_from_rating() -> None:
    completed_at = FIRST.completed_at
    assert completed_at is not None
    bought = completed_at + 15 * DAY
    assert decide(replace(NEXT, purchased_at=bought, ends_at=bought + DAY), FIRST) == Confirmed()
    late = replace(NEXT, purchased_at=bought + DAY, ends_at=bought + 2 * DAY)
    assert decide(late, FIRST) == undecided("next_purchase_late")


@pytest.mark.parametrize(("days", "outcome"), [(15, Confirmed()), (16, undecided("next_purchase_late"))])
def test_deadline_after_a_reopened_training_runs_from_the_reopening(days: int, outcome: object) -> None:
    reopened_at = ADMITTED_AT + 70 * DAY
    bought = reopened_at + days * DAY
    late = replace(NEXT, purchased_at=bought, ends_at=bought + DAY)
    assert decide(late, replace(FIRST, reopened_at=reopened_at)) == outcome


def test_the_earlier_scheme_sets_no_deadline_for_the_next_purchase() -> None:
    bought = ADMITTED_AT + 300 * DAY
    online = replace(NEXT, mode="online", purchased_at=bought, ends_at=bought + DAY)
    assert decide(online, FIRST, scheme=EARLIER) == Confirmed()


def test_all_confirmed_trainings_are_paid_from_one_balance() -> None:
    assert decide(replace(NEXT, price=2_000_000), FIRST) == Confirmed()
    assert decide(replace(NEXT, price=2_000_001), FIRST) == rejected("balance_insufficient")


def test_late_arriving_training_must_end_before_the_next_purchase() -> None:
    later = replace(FIRST, purchased_at=NEXT.purchased_at, ends_at=NEXT.ends_at)
    for ends_at in (PURCHASE.ends_at, later.purchased_at):
        assert decide(replace(PURCHASE, ends_at=ends_at), later) == Confirmed()
    overlapping = replace(PURCHASE, ends_at=NEXT.purchased_at + DAY)
    assert decide(overlapping, later) == rejected("previous_not_completed")


def test_training_bought_at_the_same_moment_comes_before() -> None:
    bought = NEXT.purchased_at
    other = replace(FIRST, purchased_at=bought, ends_at=bought, completed_at=bought, rated_at=None)
    assert decide(NEXT, other) == undecided("previous_not_completed")


@pytest.mark.parametrize(
    ("purchase", "reason"),
    [(NEXT, "previous_not_completed"), (replace(NEXT, purchased_at=ADMITTED_AT + 40 * DAY), "previous_not_completed")],
)
def test_purchase_is_undecided_behind_an_earlier_one_that_is(purchase: Purchase, reason: str) -> None:
    assert decide_purchase(purchase, PARTICIPANT, [], None, NORMAL, queued=True) == undecided(reason)


def test_what_no_earlier_purchase_can_mend_is_rejected_at_once() -> None:
    dear = replace(NEXT, price=3_500_001)
    assert decide_purchase(dear, PARTICIPANT, [], None, NORMAL, queued=True) == rejected("balance_insufficient")


def test_required_course_is_waited_for_an_optional_one_is_not() -> None:
    assert decide(PURCHASE, scheme=REQUIRED) == undecided("course_not_approved")
    assert decide(PURCHASE, scheme=NORMAL) == Confirmed()


@pytest.mark.parametrize("scheme", [NORMAL, REQUIRED])
def test_purchase_within_the_approval_is_confirmed(scheme: Scheme) -> None:
    assert decide(PURCHASE, course=COURSE, scheme=scheme) == Confirmed()


@pytest.mark.parametrize("scheme", [NORMAL, REQUIRED])
@pytest.mark.parametrize(
    ("purchase", "reason"),
    [
        (replace(PURCHASE, provider_id="LP0002"), "course_not_approved"),
        (replace(PURCHASE, mode="online"), "course_not_approved"),
        (replace(PURCHASE, price=1_500_001), "price_above_approved"),
    ],
)
def test_purchase_beyond_the_approval_is_rejected(scheme: Scheme, purchase: Purchase, reason: str) -> None:
    assert decide(purchase, course=COURSE, scheme=scheme) == rejected(reason)


def test_rules_of_the_scheme_and_the_balance_come_before_the_catalogue() -> None:
    assert decide(replace(PURCHASE, hours=14), scheme=REQUIRED) == rejected("hours_too_few")
    assert decide(replace(PURCHASE, price=3_500_001), course=COURSE) == rejected("balance_insufficient")
    assert decide(replace(NEXT, price=2_000_001), FIRST, course=COURSE) == rejected("balance_insufficient")


def test_purchase_bought_before_the_revocation_of_the_previous_stands() -> None:
    assert decide(NEXT, replace(FIRST, revoked_at=NEXT.purchased_at + timedelta(seconds=1))) == Confirmed()


@pytest.mark.parametrize(
    ("training", "by_then"),
    [
        (FIRST, True),
        (replace(FIRST, completed_at=None), False),
        (replace(FIRST, completed_at=NEXT.purchased_at), True),
        (replace(FIRST, completed_at=NEXT.purchased_at + timedelta(seconds=1)), False),
        (replace(FIRST, revoked_at=NEXT.purchased_at), False),
        (replace(FIRST, revoked_at=NEXT.purchased_at + timedelta(seconds=1)), True),
    ],
)
def test_training_is_completed_by_a_moment_unless_revoked_by_then(training: Training, by_then: bool) -> None:
    assert training.completed_by(NEXT.purchased_at) == (training.completed_at if by_then else None)


def test_training_voided_by_the_time_of_a_purchase_does_not_count_for_it() -> None:
    dear = replace(NEXT, price=3_500_000)
    assert decide(dear, replace(FIRST, voided_at=NEXT.purchased_at)) == Confirmed()
    still_stood = replace(FIRST, voided_at=NEXT.purchased_at + timedelta(seconds=1))
    assert decide(dear, still_stood) == rejected("balance_insufficient")


@pytest.mark.parametrize(("before", "reason"), [([], "first_purchase_late"), ([FIRST], "next_purchase_late")])
def test_void_starts_the_deadline_again(before: list[Training], reason: str) -> None:
    voided_at = NEXT.purchased_at + 20 * DAY
    voided = replace(FIRST, purchased_at=NEXT.purchased_at, price=1, voided_at=voided_at)
    last_day = voided_at + 15 * DAY
    at_once, timely, late = (
        replace(NEXT, purchased_at=bought, ends_at=bought + DAY) for bought in (voided_at, last_day, last_day + DAY)
    )
    assert [decide(one, *before, voided) for one in (at_once, timely)] == [Confirmed()] * 2
    assert decide(late, *before, voided) == undecided(reason)


def test_void_starts_no_deadline_that_had_not_begun() -> None:
    voided = replace(FIRST, price=1, voided_at=ADMITTED_AT - DAY)
    last_day = ADMITTED_AT + 15 * DAY
    assert decide(replace(NEXT, purchased_at=last_day, ends_at=last_day + DAY), voided) == Confirmed()


SECOND = timedelta(seconds=1)
BOUGHT = PURCHASE.purchased_at
BEFORE = BOUGHT - DAY


@pytest.mark.parametrize(
    ("blocks", "confirmed"),
    [
        ([Block(BOUGHT, True)], False),
        ([Block(BOUGHT + SECOND, True)], True),
        ([Block(BEFORE, True), Block(BOUGHT, False)], True),
        ([Block(BEFORE, True), Block(BOUGHT + SECOND, False)], False),
        ([Block(BEFORE, False), Block(BEFORE, True)], False),
        ([Block(BEFORE, True), Block(BEFORE + SECOND, False), Block(BOUGHT + SECOND, True)], True),
    ],
)
def test_latest_block_or_unblock_by_the_time_of_purchase_decides(blocks: list[Block], confirmed: bool) -> None:
    for order in (blocks, blocks[::-1]):
        found = decide(PURCHASE, participant=replace(PARTICIPANT, blocks=order))
        assert found == (Confirmed() if confirmed else rejected("participant_blocked"))


def test_a_block_comes_right_after_admission_in_the_order_of_reasons() -> None:
    blocked = replace(PARTICIPANT, blocks=[Block(ADMITTED_AT - 3 * DAY, True)])
    assert decide(replace(PURCHASE, hours=1), participant=blocked) == rejected("participant_blocked")
    early = replace(PURCHASE, purchased_at=ADMITTED_AT - DAY)
    assert decide(early, participant=blocked) == rejected("not_admitted")


def forfeited(falls_at: datetime, amount: int) -> Participant:
    return replace(PARTICIPANT, forfeits=[Forfeit(falls_at, amount, ForfeitReason.CUT_OFF)])


@pytest.mark.parametrize(("before", "late"), [([], "first_purchase_late"), ([FIRST], "next_purchase_late")])
def test_timely_purchase_read_after_a_forfeit_is_refused_as_late(before: list[Training], late: str) -> None:
    left = PARTICIPANT.balance - sum(training.price for training in before)
    participant = forfeited(NEXT.purchased_at + SECOND, left - 1)
    assert decide(replace(NEXT, price=1), *before, participant=participant) == Confirmed()
    assert decide(replace(NEXT, price=2), *before, participant=participant) == rejected(late)


def test_purchase_after_a_forfeit_is_paid_from_what_a_void_gave_back() -> None:
    voided = replace(FIRST, voided_at=NEXT.purchased_at)
    gone = forfeited(NEXT.purchased_at, 2_000_000)
    assert decide(replace(NEXT, price=1_500_000), voided, participant=gone) == Confirmed()
    assert decide(replace(NEXT, price=1_500_001), voided, participant=gone) == rejected("balance_insufficient")


def test_late_purchase_is_refused_as_late_whatever_is_forfeited() -> None:
    bought = ADMITTED_AT + 16 * DAY
    late = replace(PURCHASE, purchased_at=bought, ends_at=bought + DAY)
    for participant in (PARTICIPANT, forfeited(bought - SECOND, 3_500_000)):
        assert decide(late, participant=participant) == undecided("first_purchase_late")


@pytest.mark.parametrize(("before", "late"), [([], "first_purchase_late"), ([FIRST], "next_purchase_late")])
def test_purchase_from_the_cut_off_on_is_late(before: list[Training], late: str) -> None:
    bought = NEXT.purchased_at
    assert decide(NEXT, *before, participant=replace(PARTICIPANT, cut_off_at=bought)) == undecided(late)
    assert decide(NEXT, *before, participant=replace(PARTICIPANT, cut_off_at=bought + SECOND)) == Confirmed()
