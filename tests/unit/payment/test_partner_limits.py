"""Limits of partners: the room they leave, what fits into it, and the settings that give them."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import ValidationError

from services.payment.domain.partner_limits import (
    NO_LIMIT,
    PartnerLimits,
    PartnerUse,
    Room,
    count_fitting,
    room,
    use_before_restore,
    use_more,
)
from services.payment.settings import PaymentSettings
from shared.contracts.fields import MAX_RUPIAH
from shared.runtime.settings import setting_errors

SECOND = timedelta(seconds=1)
NOW = datetime(2023, 3, 1, 5, tzinfo=UTC)
"""Noon in Jakarta."""
TODAY = NOW.date()
MIDNIGHT = NOW.replace(hour=17)
REFUSAL = (
    'PAYMENT_PARTNER_LIMITS must be a JSON object of limits by partner, as {"gopay": {"per_second": 100, "in_flight":'
    ' 10000, "rupiah_per_day": 1000000000}}: whole numbers from 1, and partners of bni, bca, ovo, gopay, linkaja, dana'
)


def use(used_seconds_ago: float = 0, rupiah: int = 0, day: date = TODAY) -> PartnerUse:
    return PartnerUse(NOW - timedelta(seconds=used_seconds_ago), day, rupiah)


@pytest.mark.parametrize(
    ("limits", "used", "in_flight", "left"),
    [
        pytest.param(PartnerLimits(), use(), 10**6, Room(NO_LIMIT, NO_LIMIT), id="no limits"),
        pytest.param(PartnerLimits(per_second=3), use(2), 10**6, Room(6, NO_LIMIT), id="two seconds of the rate"),
        pytest.param(PartnerLimits(per_second=3), use(0.5), 0, Room(1, NO_LIMIT), id="parts are rounded down"),
        pytest.param(PartnerLimits(per_second=3), use(3600), 0, Room(30, NO_LIMIT), id="ten seconds are saved up"),
        pytest.param(PartnerLimits(per_second=3), use(-5), 0, Room(0, NO_LIMIT), id="used up for some seconds"),
        pytest.param(PartnerLimits(in_flight=5), use(), 3, Room(2, NO_LIMIT), id="room in flight"),
        pytest.param(PartnerLimits(in_flight=5), use(), 5, Room(0, NO_LIMIT), id="full"),
        pytest.param(PartnerLimits(in_flight=5), use(), 9, Room(0, NO_LIMIT), id="over full: the limit is new"),
        pytest.param(PartnerLimits(rupiah_per_day=9), use(rupiah=4), 0, Room(NO_LIMIT, 5), id="money of the day"),
        pytest.param(PartnerLimits(rupiah_per_day=9), use(rupiah=12), 0, Room(NO_LIMIT, 0), id="more than the day's"),
        pytest.param(PartnerLimits(10, 5, 9), use(2, 4), 1, Room(4, 5), id="the narrowest of all"),
        pytest.param(PartnerLimits(1, 5, 9), use(2, 4), 1, Room(2, 5), id="the rate is the narrowest"),
    ],
)
def test_room_is_what_the_narrowest_limit_leaves(
    limits: PartnerLimits, used: PartnerUse, in_flight: int, left: Room
) -> None:
    assert room(limits, used, in_flight, NOW) == left


@pytest.mark.parametrize(
    ("now", "rupiah"),
    [
        pytest.param(MIDNIGHT - timedelta(microseconds=1), 5, id="before midnight in Jakarta"),
        pytest.param(MIDNIGHT, 9, id="from midnight on"),
        pytest.param(NOW - timedelta(days=1), 5, id="by a clock that is behind"),
    ],
)
def test_money_of_a_day_is_new_from_midnight_in_jakarta(now: datetime, rupiah: int) -> None:
    limits = PartnerLimits(rupiah_per_day=9)
    assert room(limits, use(rupiah=4), 0, now).rupiah == rupiah
    used = use_more(limits, use(rupiah=4), 1, 3, now)
    assert room(limits, used, 0, now).rupiah == rupiah - 3


@pytest.mark.parametrize(
    ("amounts", "left", "fit"),
    [
        ([], Room(3, 9), 0),
        ([4, 4, 4], Room(3, 12), 3),
        ([4, 4, 4], Room(2, 12), 2),
        ([4, 4, 4], Room(3, 11), 2),
        ([4, 4, 4], Room(0, 12), 0),
        ([10, 1], Room(3, 9), 0),
        ([4, 6, 1], Room(3, 9), 1),
    ],
)
def test_none_overtakes_an_older_one_that_has_no_room(amounts: list[int], left: Room, fit: int) -> None:
    assert count_fitting(amounts, left) == fit


@pytest.mark.parametrize("per_second", [1, 3, 7, 100_000])
def test_no_rate_is_exceeded_however_often_room_is_asked_for(per_second: int) -> None:
    limits, used, instructed, now = PartnerLimits(per_second=per_second), use(), 0, NOW
    for number in range(1, 400):
        now = NOW + timedelta(milliseconds=37 * number)
        count = room(limits, used, 0, now).disbursements
        used = use_more(limits, used, count, count, now)
        instructed += count
        assert instructed <= per_second * (now - NOW) / SECOND
    assert instructed >= per_second * (now - NOW) / SECOND - 1


def test_no_part_of_a_second_is_given_away() -> None:
    used = use_more(PartnerLimits(per_second=3), use(), 1, 1, NOW)
    assert 3 * (used.rate_used_until - NOW) >= SECOND


def test_what_was_saved_up_is_lost_with_the_next_use() -> None:
    limits = PartnerLimits(per_second=1)
    used = use_more(limits, use(3600), 4, 4, NOW)
    assert room(limits, used, 0, NOW).disbursements == 6


@pytest.mark.parametrize(
    ("adopted", "rupiah"),
    [
        ([], 4),
        ([(NOW, 2), (NOW - timedelta(hours=12), 1)], 7),
        ([(NOW - timedelta(hours=12, microseconds=1), 2)], 4),
    ],
)
def test_money_of_before_a_restore_counts_on_its_own_day(adopted: list[tuple[datetime, int]], rupiah: int) -> None:
    limits = PartnerLimits(per_second=1)
    used = use_before_restore(limits, use(10, 4), adopted, NOW)
    assert used.rupiah == rupiah
    assert room(limits, used, 0, NOW).disbursements == 10 - len(adopted)


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_PARTNER_LIMITS", '{"bni": {"per_second": 5}, "gopay": {"rupiah_per_day": 7}}')
    given = {name: limits.model_dump(exclude_none=True) for name, limits in PaymentSettings().partner_limits.items()}
    assert given == {"bni": {"per_second": 5}, "gopay": {"rupiah_per_day": 7}}
    assert PaymentSettings(partner_limits={}).partner_limits == {}


@pytest.mark.parametrize(
    "given",
    [
        '{"bank": {"in_flight": 1}}',
        '{"bni": {"per_minute": 1}}',
        '{"bni": {"per_second": 0}}',
        '{"bni": {"in_flight": -1}}',
        '{"bni": {"rupiah_per_day": 1.5}}',
        '{"bni": {"per_second": "5"}}',
        '{"bni": {"per_second": true}}',
        '{"bni": {"per_second": 100001}}',
        '{"bni": {"in_flight": 100000001}}',
        json.dumps({"bni": {"rupiah_per_day": MAX_RUPIAH + 1}}),
        '{"bni": 5}',
        '{"bni": {}}',
        '{"bni": {"in_flight": null}}',
        "bni=5",
        "[]",
        "",
        "{",
        "{}}",
        '{"bni": {"per_second": 1}}' + " " * 10_000,
    ],
)
def test_limits_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("PAYMENT_PARTNER_LIMITS", given)
    with pytest.raises(ValidationError) as refused:
        PaymentSettings()
    (said,) = setting_errors(refused.value, PaymentSettings)
    assert said == REFUSAL
