"""Services whose deadlines are swept in the benchmark: how their tables are filled, and what they take in meanwhile."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from asyncpg import Connection

from services.completion import invariants as of_completion
from services.enrollment import invariants as of_enrollment
from tests.builders import an_admission
from tests.infrastructure import Database
from tests.integration.completion import harness as completion
from tests.integration.enrollment import harness as enrollment
from tests.unit.completion.facts import CODE, SEEN

Fill = Callable[[Connection, Any, int], Awaitable[None]]


@dataclass(frozen=True)
class SweptService:
    """A service with deadlines; `timer` takes those that `due` counts by a time, and `outcomes` counts what it does."""

    service: str
    definition: Any
    create_harness: Callable[[Database], Awaitable[Any]]
    fill: Fill
    midnight: datetime
    timer: str
    due: str
    outcomes: str
    intake: Callable[[], Iterator[Any]]
    breaches: Callable[[Connection], Awaitable[list[str]]]


# Admitted on 21 February and the days after; the first deadline passes on 8 March, 17:00 UTC.
ADMITTED_AT = datetime(2023, 2, 21, 3, tzinfo=UTC)
MIDNIGHT = datetime(2023, 3, 8, 17, tzinfo=UTC)
ENROLLMENTS = """
insert into wave (wave, scheme, quota, opens_at, closes_at, cut_off_at, admitted) values
    ('48', 'normal-2023', 100000000, '2023-02-17T12:00Z', '2023-06-30T12:00Z', '2023-12-31T17:00Z', {people});
insert into admission (participant_id, wave, lane, state, scheme, scheme_version, balance, regency, admitted_at,
                       decided_at, identity_index, content_digest)
select (4810000000000000 + n)::text, '48', n % 12, 'admitted', 'normal-2023', 3, 3500000, '3273', at, at,
       int8send(n), ''
from generate_series(1, {people}) n, lateral (select '{admitted_at}'::timestamptz + n / 12 % 120 * interval '1 day')
     as admitted (at);
-- One in twenty has bought nothing that stands, half of the others have completed their training.
insert into enrollment (redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id,
                        course_code, price, purchased_at, ends_at, decided_at, content_digest, completed_at, rated_at)
select lpad(n::text, 12, '0'), (4810000000000000 + n)::text, n % 12,
       case when none then 'rejected' else 'confirmed' end, case when none then 'hours_too_few' end,
       'normal-2023', 3, 'LP0001', 'C-0815', 1500000, at + interval '3 days', at + interval '5 days', at, '', done_at,
       done_at
from generate_series(1, {people}) n, lateral (select '{admitted_at}'::timestamptz + n / 12 % 120 * interval '1 day')
     as admitted (at), lateral (select n / 1440 % 20 = 0) as nothing (none),
     lateral (select case when n / 1440 % 2 = 1 and not none then at + interval '10 days' end) as done (done_at);
insert into purchase_deadline (due_at, lane, participant_ids)
select '{midnight}'::timestamptz + n / 12 % 120 * interval '1 day', n % 12, array_agg((4810000000000000 + n)::text)
from generate_series(1, {people}) n group by n / 12 % 120, n % 12, n / 144000;
analyze;
"""
# Half of the trainings are completed, the others lack all evidence but that of their first session. A row has five
# deadlines, as if so many had been taken in at once.
COMPLETIONS = """
insert into enrollment (redeem_code, participant_id, lane, provider_id, scheme, scheme_version, rule, known_at, state,
                        decided_at, completed_at, digest)
select lpad(n::text, 12, '0'), (4810000000000000 + n)::text, n % 12, t.provider_id, t.scheme, t.scheme_version, t.rule,
       t.known_at, (case when n / 1440 % 2 = 1 then 'completed' else 'open' end)::enrollment_state, done_at, done_at,
       case when done_at is not null then ''::bytea end
from enrollment t, generate_series(1, {people}) n,
     lateral (select case when n / 1440 % 2 = 1 then t.known_at end) as done (done_at)
where t.redeem_code = '{template}';
insert into evidence (happened_at, seen_at, part, kind, redeem_code, source, id)
select '{known_at}', '{known_at}', 1, 'session_attended', lpad(n::text, 12, '0'), '/attendance/face', n::text
from generate_series(1, {people}) n;
insert into deadline (due_at, lane, redeem_codes)
select '{midnight}'::timestamptz + n / 12 % 120 * interval '1 day', n % 12, array_agg(lpad(n::text, 12, '0'))
from generate_series(1, {people}) n group by n / 12 % 120, n % 12, n / 7200;
analyze;
"""
LEARNING_ENDED_AT = datetime(2023, 4, 1, 17, tzinfo=UTC)


async def _fill_enrollment(superuser: Connection, _: Any, people: int) -> None:
    await superuser.execute(ENROLLMENTS.format(people=people, admitted_at=ADMITTED_AT, midnight=MIDNIGHT))


async def _fill_completion(superuser: Connection, harness: Any, people: int) -> None:
    """Copy an enrollment that the service has taken in."""
    await harness.receive(completion.confirmed())
    await superuser.execute(COMPLETIONS.format(people=people, template=CODE, known_at=SEEN, midnight=LEARNING_ENDED_AT))


def _admissions() -> Iterator[Any]:
    while True:
        yield an_admission()


def _confirmations() -> Iterator[Any]:
    for number in NEW:
        yield completion.confirmed(f"NEW{number:09}", f"482{number:013}")


async def _breaches_of_enrollment(connection: Connection) -> list[str]:
    return [
        *await of_enrollment.balance_suffices(connection),
        *await of_enrollment.balances_have_deadlines(connection),
        *await of_enrollment.quota_holds(connection),
    ]


async def _breaches_of_completion(connection: Connection) -> list[str]:
    return [
        *await of_completion.all_open_have_a_deadline(connection),
        *await of_completion.evidence_has_an_enrollment(connection),
    ]


NEW = count(1)
SWEPT = (
    SweptService(
        service="enrollment",
        definition=enrollment.load_definition(),
        create_harness=enrollment.create_harness,
        fill=_fill_enrollment,
        midnight=MIDNIGHT,
        timer="forfeit_overdue",
        due="select sum(cardinality(participant_ids)) from purchase_deadline where due_at <= $1",
        outcomes="select count(*) from forfeit",
        intake=_admissions,
        breaches=_breaches_of_enrollment,
    ),
    SweptService(
        service="completion",
        definition=completion.DEFINITION,
        create_harness=completion.create_harness,
        fill=_fill_completion,
        midnight=LEARNING_ENDED_AT,
        timer="give_up",
        due="select sum(cardinality(redeem_codes)) from deadline where due_at <= $1",
        outcomes="select count(*) from enrollment where state = 'not_completed'",
        intake=_confirmations,
        breaches=_breaches_of_completion,
    ),
)
