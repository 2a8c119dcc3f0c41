"""Planted bugs: each a small change of the product, with the scenario that reveals it."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from services.payment import context
from services.payment.domain.entitlement import (
    EarnedEntitlement,
    Enrollment,
    Entitlement,
    Grant,
    earned_once_per_participant,
    newly_earned,
)
from services.payment.domain.reference import reference_of
from services.payment.handlers import milestones
from services.payment.payout import grants
from shared.contracts.events import EventType
from shared.messaging.engine.batch_runner import BatchRunner
from shared.messaging.engine.plan import Plan
from shared.messaging.engine.seeker import Seeker
from shared.messaging.message import Record
from shared.messaging.outbox.page import Page
from shared.messaging.outbox.publisher import Publisher
from shared.messaging.queries import QUERIES
from shared.messaging.reading import position
from shared.messaging.reading.consumer import ContiguousConsumer
from shared.messaging.reading.position import Cursor, Position, SequenceCheck
from shared.messaging.reading.watermark import Watermarks
from shared.messaging.sequence_number import SequenceNumber
from shared.messaging.transaction import decoder, flush, session
from shared.messaging.transaction.decoder import DecodedRecord, Decoder
from shared.messaging.transaction.transaction import Transaction
from tests.faults.planted import engine_scenarios, service_scenarios
from tests.faults.planted.planted_harness import PlantedHarness, publish_pages
from tests.infrastructure import Database
from tests.integration.enrollment import harness as of_enrollment
from tests.integration.messaging import toy_world
from tests.integration.messaging.toy import TABLES
from tests.integration.payment import harness as of_payment

BugScenario = Callable[[PlantedHarness], Awaitable[list[str]]]
LATEST = datetime.max.replace(tzinfo=UTC)
PLAN: ContextVar[Plan] = ContextVar("plan")


@dataclass(frozen=True)
class Bug:
    """A bug, its scenario, and in `shows` a part of the breach that the scenario must report."""

    plant: Callable[[pytest.MonkeyPatch], None]
    scenario: BugScenario
    shows: str

    @property
    def name(self) -> str:
        return self.plant.__name__.replace("_", " ")


def it_acknowledges_before_commit(product: pytest.MonkeyPatch) -> None:
    """Move positions in a session of their own, which commits before the effects."""
    advance = position.advance

    async def ahead(_: asyncpg.Connection, moves: Sequence[tuple[Position, Position]]) -> None:
        connection = await PLAN.get().connect("ahead")
        await advance(connection, moves)
        await connection.close()

    _tell_the_plan(product)
    product.setattr(position, "advance", ahead)


def it_publishes_before_commit(product: pytest.MonkeyPatch) -> None:
    """Publish pages when they are written, whether or not the transaction commits."""
    save = flush.flush

    async def publish_at_once(*arguments: Any) -> list[Page]:
        pages = await save(*arguments)
        if pages:
            await publish_pages(PLAN.get().bootstrap, PLAN.get().service, pages)
        return pages

    _tell_the_plan(product)
    product.setattr(session, "flush", publish_at_once)


def it_skips_the_compare_and_set(product: pytest.MonkeyPatch) -> None:
    """Write positions without comparing their present values."""
    _cut_from_query(product, "advance_positions", " and p.next_offset = n.seen_offset")


def it_locks_no_lane_and_skips_the_compare_and_set(product: pytest.MonkeyPatch) -> None:
    """Let two writers of a lane work side by side; either guard alone would suffice."""
    _cut_from_query(product, "lock_lanes", " for update")
    it_skips_the_compare_and_set(product)


def it_trusts_kafkas_offset(product: pytest.MonkeyPatch) -> None:
    """Continue at the group's committed offset, not at the stored position."""
    position_partitions = Seeker._position

    async def believe(seeker: Seeker) -> None:
        session, consumer = await seeker._membership.enter(), seeker._assignment.consumer
        assert consumer is not None
        for place in consumer.assignment():
            offset = await consumer.committed(place)
            query = "update position set next_offset = coalesce($3, next_offset) where topic = $1 and partition = $2"
            await session.connection.execute(query, place.topic, place.partition, offset)
        await position_partitions(seeker)

    product.setattr(Seeker, "_position", believe)


def it_skips_the_contiguity_check(product: pytest.MonkeyPatch) -> None:
    """Handle a batch although it begins beyond the position."""
    getmany = ContiguousConsumer.getmany

    async def anywhere(consumer: ContiguousConsumer, *partitions: Any, **options: Any) -> Mapping[Any, Any]:
        fetched = await getmany(consumer, *partitions, **options)
        consumer.began = dict.fromkeys(consumer.began, 0)
        return fetched

    product.setattr(ContiguousConsumer, "getmany", anywhere)


def it_ignores_the_era(product: pytest.MonkeyPatch) -> None:
    """Accept a record by its number alone, whatever its era."""
    standing = Cursor.check_sequence

    def of_one_era(cursor: Cursor, _era: int, era_first: int, sequence: int) -> SequenceCheck:
        return standing(cursor, cursor.era, era_first, sequence)

    product.setattr(Cursor, "check_sequence", of_one_era)


def it_ignores_a_gap(product: pytest.MonkeyPatch) -> None:
    """Let records after a missing number take effect."""
    _treat_as_next(product, SequenceCheck.GAP)


def it_takes_duplicates_for_new_events(product: pytest.MonkeyPatch) -> None:
    """Let duplicates take effect again."""
    _treat_as_next(product, SequenceCheck.DUPLICATE)


def it_decodes_a_record_before_it_reads_its_number(product: pytest.MonkeyPatch) -> None:
    """Park an undecodable record as if it came from a foreign producer, and read on after it."""
    decode_numbered = Decoder.decode

    def decode(reader: Decoder, record: Record, now: datetime) -> DecodedRecord:
        item = decode_numbered(reader, record, now)
        return item if item.refusal is None else item._replace(number=None)

    product.setattr(Decoder, "decode", decode)


def it_accepts_any_number_that_a_record_states(product: pytest.MonkeyPatch) -> None:
    """Compare neither source nor id with the number."""

    def believed(record: Record, _source: bytes, _newest_era: int) -> SequenceNumber:
        era, _, first = record.header("ce_era").partition(".")
        return SequenceNumber(int(era), int(first), int(record.header("ce_sequence")))

    product.setattr(decoder, "sequence_number_of", believed)


def it_sends_pages_out_of_order(product: pytest.MonkeyPatch) -> None:
    """Send the newest of the waiting pages first."""
    send = Publisher._send

    async def backwards(publisher: Publisher, producer: Any, pages: Sequence[Page], from_sequence: int) -> Any:
        sent = await send(publisher, producer, pages[::-1], from_sequence)
        return sent and replace(sent, sequence=pages[-1].last_sequence)

    product.setattr(Publisher, "_send", backwards)


def it_drops_the_business_key(product: pytest.MonkeyPatch) -> None:
    """Allow the same goal to be stored more than once."""
    product.setattr(toy_world, "TABLES", TABLES.replace("goal text primary key", "goal text not null"))


def it_drops_the_unique_key_of_claims(product: pytest.MonkeyPatch) -> None:
    """Allow one value to be claimed in several lanes."""
    prepare = of_enrollment.create_harness

    async def without_key(database: Database) -> of_enrollment.EnrollmentHarness:
        harness = await prepare(database)
        await harness.connection.execute("alter table claim drop constraint claim_pkey")
        return harness

    product.setattr(of_enrollment, "create_harness", without_key)


def it_sends_again_under_a_new_reference(product: pytest.MonkeyPatch) -> None:
    """Derive references from the clock, besides entitlement and attempt."""

    def drawn(key: bytes, lane: int, *, programme: str, **of: Any) -> str:
        return reference_of(key, lane, programme=f"{programme} {datetime.now()}", **of)  # noqa: DTZ005

    product.setattr(context, "reference_of", drawn)


def it_keeps_unused_claims(product: pytest.MonkeyPatch) -> None:
    """Keep a refused admission's claim on its NIK."""

    async def keep(*_: object) -> None:
        return None

    product.setattr(Transaction, "unclaim", keep)


def a_deadline_ignores_the_backlog(product: pytest.MonkeyPatch) -> None:
    """Act at a deadline when it is due, whatever is still unread."""

    product.setattr(Watermarks, "of", lambda *_: LATEST)


def it_parses_amounts_as_floats(product: pytest.MonkeyPatch) -> None:
    """Cut off fractions of a rupiah, as the database driver does with values that nothing refused before."""
    parse = EventType.parse

    def cut(event: EventType[Any], data: bytes) -> Any:
        return parse(event, re.sub(rb'("value":\d+)\.\d+', rb"\1", data))

    product.setattr(EventType, "parse", cut)


def it_gives_the_incentive_to_the_first_completion(product: pytest.MonkeyPatch) -> None:
    """Let only the training received first as completed earn the incentive."""
    first_completed: dict[str, str] = {}

    def of_the_first(before: Enrollment, after: Enrollment) -> list[Entitlement]:
        first = first_completed.setdefault(after.participant_id, after.redeem_code)
        return [one for one in newly_earned(before, after) if not one.first_training_only or first == after.redeem_code]

    product.setattr(milestones, "newly_earned", of_the_first)


def it_pays_the_incentive_before_the_rating(product: pytest.MonkeyPatch) -> None:
    """Treat a completed training as rated."""

    def of_completed(trainings: Sequence[Enrollment], *known: Any) -> list[EarnedEntitlement]:
        return earned_once_per_participant([one._replace(rated_at=one.completed_at) for one in trainings], *known)

    def earned(before: Enrollment, after: Enrollment) -> list[Entitlement]:
        return list(after.entitlements) if after.completed_at != before.completed_at else []

    product.setattr(grants, "earned_once_per_participant", of_completed)
    product.setattr(milestones, "newly_earned", earned)


def it_forgets_grants_and_drops_the_key_of_incentives(product: pytest.MonkeyPatch) -> None:
    """Grant an incentive for each completed and rated training; the database alone would refuse the second."""
    prepare = of_payment.create_harness

    async def without_key(database: Database) -> of_payment.PaymentHarness:
        harness = await prepare(database)
        await harness.connection.execute("drop index one_of_each_benefit_per_participant")
        return harness

    def with_each(trainings: Sequence[Enrollment], known: Sequence[Grant], announced: Any) -> list[EarnedEntitlement]:
        return earned_once_per_participant(trainings, [replace(grant, stands=False) for grant in known], announced)

    product.setattr(of_payment, "create_harness", without_key)
    product.setattr(grants, "earned_once_per_participant", with_each)


def it_forgets_grants_made_before_a_restore(product: pytest.MonkeyPatch) -> None:
    """Grant the incentive with the training that seems to be the first, whatever was announced before."""

    def afresh(trainings: Sequence[Enrollment], known: Sequence[Grant], _: Any) -> list[EarnedEntitlement]:
        return earned_once_per_participant(trainings, known, {})

    product.setattr(grants, "earned_once_per_participant", afresh)


def _tell_the_plan(product: pytest.MonkeyPatch) -> None:
    commit = BatchRunner._commit

    async def with_plan(reader: BatchRunner, *arguments: Any, **options: Any) -> None:
        PLAN.set(reader._plan)
        await commit(reader, *arguments, **options)

    product.setattr(BatchRunner, "_commit", with_plan)


def _cut_from_query(product: pytest.MonkeyPatch, query: str, words: str) -> None:
    assert words in QUERIES[query]
    product.setitem(QUERIES._statements, query, QUERIES[query].replace(words, ""))


def _treat_as_next(product: pytest.MonkeyPatch, wrongly: SequenceCheck) -> None:
    standing = Cursor.check_sequence

    def lenient(cursor: Cursor, era: int, era_first: int, sequence: int) -> SequenceCheck:
        found = standing(cursor, era, era_first, sequence)
        return SequenceCheck.NEXT if found is wrongly else found

    product.setattr(Cursor, "check_sequence", lenient)


BUGS = (
    Bug(it_acknowledges_before_commit, engine_scenarios.a_session_is_cut_before_its_commit, "lost: g2"),
    Bug(it_publishes_before_commit, engine_scenarios.a_session_is_cut_before_its_commit, "one too many: g2"),
    Bug(
        it_skips_the_compare_and_set,
        engine_scenarios.an_operator_moves_a_position_in_the_middle_of_a_batch,
        "one too many: g2",
    ),
    Bug(
        it_locks_no_lane_and_skips_the_compare_and_set,
        engine_scenarios.two_processes_have_fetched_the_same_batch,
        "one too many: g2",
    ),
    Bug(it_trusts_kafkas_offset, engine_scenarios.offsets_are_reset_to_the_end, "lost: g2"),
    Bug(
        it_skips_the_contiguity_check,
        engine_scenarios.the_database_is_restored_while_a_batch_is_in_flight,
        "lost: g1",
    ),
    Bug(it_ignores_the_era, engine_scenarios.events_are_lost_repeated_and_sent_by_a_zombie, "lost: g5"),
    Bug(it_ignores_a_gap, engine_scenarios.events_are_lost_repeated_and_sent_by_a_zombie, "the gap is not reported"),
    Bug(
        it_takes_duplicates_for_new_events,
        engine_scenarios.events_are_lost_repeated_and_sent_by_a_zombie,
        "one too many: g3",
    ),
    Bug(
        it_decodes_a_record_before_it_reads_its_number,
        engine_scenarios.a_foreign_producer_and_a_newer_version_write_into_an_internal_topic,
        "lost: g2",
    ),
    Bug(
        it_accepts_any_number_that_a_record_states,
        engine_scenarios.a_foreign_producer_and_a_newer_version_write_into_an_internal_topic,
        "one too many: g9",
    ),
    Bug(
        it_sends_pages_out_of_order,
        engine_scenarios.everything_comes_three_times_while_nothing_can_be_published,
        "leaves a gap",
    ),
    Bug(
        it_drops_the_business_key,
        engine_scenarios.everything_comes_three_times_while_nothing_can_be_published,
        "one too many: g1",
    ),
    Bug(
        it_drops_the_unique_key_of_claims,
        service_scenarios.a_nik_is_refused_and_comes_twice,
        "was admitted under a NIK that is not theirs alone",
    ),
    Bug(
        it_sends_again_under_a_new_reference,
        service_scenarios.a_restore_forgets_instructions,
        "fee is instructed twice",
    ),
    Bug(it_keeps_unused_claims, service_scenarios.a_nik_is_refused_and_comes_twice, "claims a NIK"),
    Bug(a_deadline_ignores_the_backlog, engine_scenarios.a_deadline_falls_due_during_an_outage, "lost: g1"),
    Bug(
        it_gives_the_incentive_to_the_first_completion,
        service_scenarios.the_training_received_first_is_never_rated,
        "PRAT00000001 incentive_1 is earned and has no disbursement",
    ),
    Bug(
        it_pays_the_incentive_before_the_rating,
        service_scenarios.the_training_received_first_is_never_rated,
        "PRAT00000002 incentive_1 has no entitlement that matches it",
    ),
    Bug(
        it_forgets_grants_and_drops_the_key_of_incentives,
        service_scenarios.two_trainings_are_completed_and_rated,
        "has more than one incentive_1",
    ),
    Bug(
        it_forgets_grants_made_before_a_restore,
        service_scenarios.a_restore_forgets_which_training_came_first,
        "incentive is instructed twice",
    ),
    Bug(it_parses_amounts_as_floats, service_scenarios.money_comes_with_a_fraction, "599999 rupiah of 599999.99"),
)
