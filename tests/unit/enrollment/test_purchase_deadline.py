"""Deadlines for buying, and what is forfeited when they pass."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from services.enrollment.domain.forfeit import Forfeit, ForfeitReason
from services.enrollment.domain.purchase import Participant, Training
from services.enrollment.domain.purchase_deadline import (
    first_deadline,
    forfeits_due,
    moments_after,
    next_deadline,
    next_moment,
)
from services.enrollment.domain.scheme import SchemeVersions
from services.enrollment.schemes import load_schemes
from tests.builders import ADMITTED_AT

NORMAL, EARLIER = (load_schemes()[name] for name in ("normal-2023", "semi-bansos-2020"))
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
PARTICIPANT = Participant("3273", ADMITTED_AT, 3_500_000)
# Admitted at 10:00 on 21 February in Jakarta: the fifteenth day ends on 8 March, 17:00 UTC.
FIRST_MIDNIGHT = datetime(2023, 3, 8, 17, tzinfo=UTC)
COMPLETED_AT = ADMITTED_AT + 4 * DAY
NEXT_MIDNIGHT = FIRST_MIDNIGHT + 4 * DAY
TRAINING = Training(1_500_000, ADMITTED_AT + DAY, ADMITTED_AT + 3 * DAY, COMPLETED_AT, COMPLETED_AT)
OPEN = replace(TRAINING, completed_at=None, rated_at=None)
CUT_OFF = datetime(2023, 12, 31, 17, tzinfo=UTC)
LONG_AFTER = CUT_OFF + 400 * DAY
FIRST, NEXT = ForfeitReason.FIRST_PURCHASE_LATE, ForfeitReason.NEXT_PURCHASE_LATE


def due(
    *trainings: Training,
    until: datetime = LONG_AFTER,
    participant: Participant = PARTICIPANT,
    versions: SchemeVersions = NORMAL,
) -> list[Forfeit]:
    return forfeits_due(participant, trainings, until, versions)


def test_balance_is_forfeited_at_the_midnight_after_the_last_day() -> None:
    assert due(until=FIRST_MIDNIGHT - SECOND) == []
    assert due(until=FIRST_MIDNIGHT) == [Forfeit(FIRST_MIDNIGHT, 3_500_000, FIRST)]


def test_what_is_left_is_forfeited_when_the_next_training_is_late() -> None:
    assert due(TRAINING, until=NEXT_MIDNIGHT - SECOND) == []
    assert due(TRAINING, until=NEXT_MIDNIGHT) == [Forfeit(NEXT_MIDNIGHT, 2_000_000, NEXT)]


@pytest.mark.parametrize(
    "training",
    [OPEN, replace(TRAINING, completed_at=LONG_AFTER), replace(TRAINING, revoked_at=NEXT_MIDNIGHT)],
)
def test_no_deadline_runs_while_nothing_else_may_be_bought(training: Training) -> None:
    assert due(training) == []


def test_revocation_after_the_deadline_does_not_undo_it() -> None:
    assert due(replace(TRAINING, revoked_at=NEXT_MIDNIGHT + SECOND)) == [Forfeit(NEXT_MIDNIGHT, 2_000_000, NEXT)]


def test_training_is_in_time_until_the_midnight_and_late_from_it_on() -> None:
    late, timely = (replace(OPEN, purchased_at=FIRST_MIDNIGHT - early) for early in (0 * SECOND, SECOND))
    assert due(timely) == []
    # It was confirmed all the same, so its price is not forfeited.
    assert due(late) == [Forfeit(FIRST_MIDNIGHT, 2_000_000, FIRST)]


def test_scheme_without_next_deadline_forfeits_nothing_after_completion() -> None:
    assert due(TRAINING, versions=EARLIER) == []
    assert due(versions=EARLIER) == [Forfeit(FIRST_MIDNIGHT + 15 * DAY, 3_500_000, FIRST)]


def test_void_until_the_midnight_starts_the_deadline_anew() -> None:
    voided_at = FIRST_MIDNIGHT - SECOND
    assert due(replace(OPEN, voided_at=voided_at)) == [Forfeit(FIRST_MIDNIGHT + 15 * DAY, 3_500_000, FIRST)]
    assert due(replace(OPEN, voided_at=FIRST_MIDNIGHT)) == [Forfeit(FIRST_MIDNIGHT + 16 * DAY, 3_500_000, FIRST)]
    other = replace(OPEN, price=1, purchased_at=COMPLETED_AT + DAY, voided_at=NEXT_MIDNIGHT - SECOND)
    assert due(TRAINING, other) == [Forfeit(NEXT_MIDNIGHT + 15 * DAY, 2_000_000, NEXT)]


def test_void_after_a_forfeit_gives_back_a_price_with_its_own_deadline() -> None:
    voided = replace(TRAINING, voided_at=NEXT_MIDNIGHT + DAY)
    last = Forfeit(NEXT_MIDNIGHT + 17 * DAY, 1_500_000, FIRST)
    assert due(voided) == [Forfeit(NEXT_MIDNIGHT, 2_000_000, NEXT), last]
    known = replace(PARTICIPANT, forfeits=[Forfeit(NEXT_MIDNIGHT, 2_000_000, NEXT)])
    assert due(voided, participant=known, until=last.falls_at - SECOND) == []
    assert due(voided, participant=known) == [last]
    assert due(voided, participant=replace(known, forfeits=[*known.forfeits, last])) == []


def test_what_a_later_void_gives_back_is_not_forfeited_before_it() -> None:
    second = replace(TRAINING, price=1_000_000, purchased_at=COMPLETED_AT + DAY, completed_at=COMPLETED_AT + 3 * DAY)
    passed = NEXT_MIDNIGHT + 3 * DAY
    voided_at, later = passed + DAY - 7 * HOUR, passed + 30 * DAY - 7 * HOUR
    trainings = [replace(second, voided_at=voided_at), replace(TRAINING, voided_at=later)]
    assert due(*trainings) == [
        Forfeit(passed, 1_000_000, NEXT),
        Forfeit(voided_at + 15 * DAY + 7 * HOUR, 1_000_000, NEXT),
        Forfeit(later + 15 * DAY + 7 * HOUR, 1_500_000, FIRST),
    ]


def test_forfeits_are_the_same_whenever_they_are_computed() -> None:
    voided = replace(TRAINING, voided_at=NEXT_MIDNIGHT + DAY)
    participant = replace(PARTICIPANT, cut_off_at=CUT_OFF)
    at_once = due(voided, participant=participant)
    day_by_day: list[Forfeit] = []
    moment = ADMITTED_AT
    while moment < LONG_AFTER:
        day_by_day += due(voided, until=moment, participant=replace(participant, forfeits=day_by_day))
        moment += DAY
    assert day_by_day == at_once
    assert sum(one.amount for one in at_once) == PARTICIPANT.balance


def test_the_earlier_of_deadline_and_cut_off_acts() -> None:
    participant = replace(PARTICIPANT, cut_off_at=CUT_OFF)
    assert due(participant=participant) == [Forfeit(FIRST_MIDNIGHT, 3_500_000, FIRST)]
    before = replace(PARTICIPANT, cut_off_at=FIRST_MIDNIGHT - DAY)
    assert due(participant=before) == [Forfeit(FIRST_MIDNIGHT - DAY, 3_500_000, ForfeitReason.CUT_OFF)]


def test_cut_off_takes_the_rest_also_while_a_training_is_under_way() -> None:
    participant = replace(PARTICIPANT, cut_off_at=CUT_OFF)
    assert due(OPEN, participant=participant, until=CUT_OFF - SECOND) == []
    assert due(OPEN, participant=participant) == [Forfeit(CUT_OFF, 2_000_000, ForfeitReason.CUT_OFF)]


def test_what_a_void_gives_back_after_the_cut_off_is_gone_at_once() -> None:
    participant, voided_at = replace(PARTICIPANT, cut_off_at=CUT_OFF), CUT_OFF + DAY
    assert due(replace(OPEN, voided_at=voided_at), participant=participant) == [
        Forfeit(CUT_OFF, 2_000_000, ForfeitReason.CUT_OFF),
        Forfeit(voided_at, 1_500_000, ForfeitReason.CUT_OFF),
    ]


def test_who_has_spent_everything_forfeits_nothing() -> None:
    whole = replace(TRAINING, price=3_500_000)
    participant = replace(PARTICIPANT, cut_off_at=CUT_OFF)
    assert due(whole, participant=participant) == []
    assert next_moment(participant, [whole], ADMITTED_AT, NORMAL) is None
    forfeited = replace(participant, forfeits=[Forfeit(FIRST_MIDNIGHT, 3_500_000, FIRST)])
    assert next_moment(forfeited, [], ADMITTED_AT, NORMAL) is None


def test_the_last_rupiah_is_forfeited_too() -> None:
    nearly_whole = replace(TRAINING, price=3_499_999)
    assert next_moment(PARTICIPANT, [nearly_whole], FIRST_MIDNIGHT, NORMAL) == NEXT_MIDNIGHT
    assert due(nearly_whole) == [Forfeit(NEXT_MIDNIGHT, 1, NEXT)]


@pytest.mark.parametrize(
    ("trainings", "moments"),
    [
        ([], [FIRST_MIDNIGHT, CUT_OFF]),
        ([OPEN], [FIRST_MIDNIGHT, CUT_OFF]),
        ([TRAINING], [FIRST_MIDNIGHT, NEXT_MIDNIGHT, CUT_OFF]),
    ],
)
def test_each_moment_with_a_possible_forfeit_is_looked_at(
    trainings: Sequence[Training], moments: list[datetime]
) -> None:
    participant, found, after = replace(PARTICIPANT, cut_off_at=CUT_OFF), [], ADMITTED_AT
    while (moment := next_moment(participant, trainings, after, NORMAL)) is not None:
        found.append(moment)
        after = moment
    assert found == moments


def test_first_moment_of_each_start_is_the_first_scheduled() -> None:
    assert min(moments_after(ADMITTED_AT, CUT_OFF, NORMAL)) == FIRST_MIDNIGHT == first_deadline(ADMITTED_AT, NORMAL)
    assert min(moments_after(CUT_OFF + DAY, CUT_OFF, NORMAL)) == CUT_OFF + DAY
    assert next_deadline(COMPLETED_AT, EARLIER) is None


def versions_of(days: int, in_force_from: date) -> SchemeVersions:
    """Return the normal scheme with one version more, which gives so many days for the first purchase."""
    before = replace(NORMAL.latest, version=1)
    later = replace(before, version=2, in_force_from=in_force_from)
    return SchemeVersions((replace(later, purchase=replace(before.purchase, first_within_days=days)), before))


@pytest.mark.parametrize(
    ("days", "in_force_from", "midnight"),
    [
        # In force from the day after the last one on: the deadline has passed under the version before.
        (30, date(2023, 3, 10), FIRST_MIDNIGHT),
        # In force on the day after the last one: a purchase on it is decided by the new version.
        (30, date(2023, 3, 9), FIRST_MIDNIGHT + 15 * DAY),
        (10, date(2023, 3, 1), FIRST_MIDNIGHT - 5 * DAY),
        # Fewer days, in force when they are over: what is bought from its first day on is late.
        (5, date(2023, 3, 1), datetime(2023, 2, 28, 17, tzinfo=UTC)),
    ],
)
def test_deadline_is_that_of_the_version_in_force_when_it_passes(
    days: int, in_force_from: date, midnight: datetime
) -> None:
    assert first_deadline(ADMITTED_AT, versions_of(days, in_force_from)) == midnight


def test_version_with_a_deadline_sets_it_after_one_without() -> None:
    without = replace(NORMAL.latest, version=1, purchase=replace(NORMAL.latest.purchase, next_within_days=None))
    later = replace(NORMAL.latest, version=2, in_force_from=date(2023, 3, 1))
    assert next_deadline(COMPLETED_AT, SchemeVersions((later, without))) == NEXT_MIDNIGHT


def test_before_its_first_day_a_schemes_first_version_sets_the_deadline() -> None:
    admitted_at = datetime(2023, 1, 1, tzinfo=UTC)
    assert first_deadline(admitted_at, NORMAL) == datetime(2023, 1, 16, 17, tzinfo=UTC)


def test_order_in_which_trainings_are_known_does_not_matter() -> None:
    other = replace(OPEN, price=1, purchased_at=COMPLETED_AT + DAY, voided_at=NEXT_MIDNIGHT - SECOND)
    last = replace(OPEN, price=2, purchased_at=COMPLETED_AT + 2 * DAY, voided_at=COMPLETED_AT + 3 * DAY)
    assert len({tuple(due(*order)) for order in permutations([TRAINING, other, last])}) == 1
