"""Follow-ups: a further step is sent once, after the step before, and after all that this leads to was observed."""

from deploy.demo.follow_ups import FollowUps
from deploy.demo.observer import Observed
from deploy.simulation.people import DEADLINES_PASSED_AT, Person, Persona, cohort
from deploy.simulation.seals import Seals

KEYS = Seals({kid: bytes(32) for kid in ("registration", "registry")})
COHORT = cohort(7, 500)


def one_with(persona: Persona) -> Person:
    return next(person for person in COHORT if person.persona is persona)


def follow_ups_of(*people: Person) -> FollowUps:
    follow_ups = FollowUps()
    follow_ups.add(people, KEYS)
    return follow_ups


def kinds_due(follow_ups: FollowUps, seen: Observed) -> set[str]:
    """Take what is due, and return the kinds of its records."""
    return {dict(record.headers)["ce_type"].decode().split(".")[2] for record in follow_ups.take_due(seen).records}


def test_step_waits_until_the_step_before_is_observed() -> None:
    person = one_with(Persona.UNBLOCKED)
    follow_ups, seen = follow_ups_of(person), Observed()
    seen.admitted.add(person.participant_id)
    assert kinds_due(follow_ups, seen) == set()
    seen.latest_blocks[person.participant_id] = (DEADLINES_PASSED_AT, True)
    assert {"training_purchased", "training_rated"} <= kinds_due(follow_ups, seen)
    assert kinds_due(follow_ups, seen) == set()
    seen.enrolled.add(person.redeem_code)
    seen.completed.add(person.redeem_code)
    for benefit, amount in (("fee", person.price), ("incentive_1", 600_000)):
        assert kinds_due(follow_ups, seen) == set()
        key = (person.redeem_code, benefit)
        seen.states[key], seen.reasons[key], seen.amounts[key] = "held", "participant_blocked", amount
    assert kinds_due(follow_ups, seen) == {"participant_unblocked"}
    assert follow_ups.records_left == 0


def test_late_step_waits_for_the_clock_too() -> None:
    person = one_with(Persona.REOPENED)
    follow_ups, seen = follow_ups_of(person), Observed()
    seen.admitted.add(person.participant_id)
    seen.enrolled.add(person.redeem_code)
    assert follow_ups.take_due(seen) == ([], [])
    assert follow_ups.take_due(seen, DEADLINES_PASSED_AT) == ([], [])
    seen.expired[person.redeem_code] = "not_completed_in_time"
    due = follow_ups.take_due(seen, DEADLINES_PASSED_AT)
    assert (len(due.records) > 0, due.to_reopen) == (True, [person])


def test_step_waits_until_the_step_before_is_sent_whole() -> None:
    """A revocation before its evidence leads to nothing that could be observed."""
    person = one_with(Persona.FRAUD_FOUND_FIRST)
    follow_ups, seen = follow_ups_of(person), Observed()
    seen.admitted.add(person.participant_id)
    seen.enrolled.add(person.redeem_code)
    assert follow_ups.take_due(seen, unsent={person.participant_id.encode()}) == ([], [])
    assert "session_attended" in kinds_due(follow_ups, seen)


def test_people_with_one_step_have_no_follow_up() -> None:
    assert follow_ups_of(one_with(Persona.ORDINARY), one_with(Persona.SECOND_TRAINING)).records_left == 0


def test_equal_people_have_equal_follow_ups() -> None:
    assert follow_ups_of(*COHORT).records_left == follow_ups_of(*COHORT).records_left > 0
