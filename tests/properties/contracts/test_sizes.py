"""Events about the largest valid input are no larger than their readers accept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from services.completion.domain.completion import Completion, Incomplete, decide_completion, digest_of
from services.completion.domain.evidence import Evidence, EvidenceKind
from services.completion.domain.evidence_kinds import requirements
from services.completion.domain.rule import CompletionRule, Proof
from services.completion.handlers.outcome import confirmation_event, rejection_event
from services.enrollment.handlers.confirmation import confirmed_event
from services.enrollment.schemes import load_schemes
from shared.contracts import completion, enrollment, parking, payment
from shared.contracts.completion import COMPLETION_CONFIRMED, COMPLETION_REJECTED, MAX_EVIDENCE_NAMED
from shared.contracts.envelope import MAX_ID_LENGTH, MAX_RECORD_BYTES, MAX_SOURCE_LENGTH
from shared.contracts.events import EventType
from shared.contracts.upstream import LAST_SESSION, TRAINING_PURCHASED
from tests.unit.completion.facts import LAST_END, SEEN, a_rule, an_enrollment

WRITTEN = (*enrollment.EVENTS, *completion.EVENTS, *payment.EVENTS, *payment.TO_PARTNERS, *parking.EVENTS)
THOROUGH = settings(max_examples=40, deadline=None)
WIDEST = "\N{GRINNING FACE}"
LATEST = "2099-12-31T23:59:59.999999Z"
TEXTS = {
    "account": "x" * 4096,
    "benefit": "incentive_10",
    "ce_id": WIDEST * MAX_ID_LENGTH,
    "ce_source": WIDEST * MAX_ID_LENGTH,
    "ce_type": WIDEST * MAX_ID_LENGTH,
    "detail": WIDEST * 140,
    "digest": "0" * 64,
    "id": WIDEST * MAX_ID_LENGTH,
    "identity_index": "0" * 64,
    "missing": "session_attended/998",
    "purpose": "training incentive",
    "reason": WIDEST * 140,
    "sha256": "0" * 64,
    "source": "/" * MAX_SOURCE_LENGTH,
    "topic": "x" * 249,
    "type": "certificate_issued",
}
"""The longest text that each field without a bound of its own can have. A new one has to say what bounds it."""
COUNTS = {"sessions": LAST_SESSION, "evidence": MAX_EVIDENCE_NAMED, "missing": LAST_SESSION + 3, "benefits": 10}
"""The most items of a list without a bound of its own; the tests below hold the three that grow with their input."""


def largest(schema: dict[str, Any], definitions: dict[str, Any], name: str = "") -> Any:
    """Return the largest value of a JSON Schema. Raises KeyError for a text or a list that nothing bounds."""
    if "$ref" in schema:
        return largest(definitions[schema["$ref"].rpartition("/")[2]], definitions, name)
    if "anyOf" in schema:
        return max((largest(one, definitions, name) for one in schema["anyOf"]), key=lambda value: len(to_json(value)))
    match schema.get("type"):
        case "object":
            return {field: largest(one, definitions, field) for field, one in schema["properties"].items()}
        case "array":
            return [largest(schema["items"], definitions, name)] * COUNTS[name]
        case "string":
            return _longest(schema, name)
        case "integer":
            return schema.get("maximum", 2**63 - 1)
        case kind:
            return {"boolean": False, "null": None}[str(kind)]


def _longest(schema: dict[str, Any], name: str) -> str:
    if "enum" in schema or "const" in schema:
        return str(max(schema.get("enum", [schema.get("const")]), key=len))
    if schema.get("format") == "date-time":
        return LATEST
    for pattern, longest in (
        ("^[0-9]{16}$", "9" * 16),
        ("^[A-Z0-9]{12}$", "Z" * 12),
        ("^[0-9]{4}$", "9" * 4),
        ("^[A-Za-z0-9._/-]{1,64}$", "x" * 64),
        ("^(completed|rated|survey_[1-9][0-9]?)$", "completed"),
    ):
        if schema.get("pattern") == pattern:
            return longest
    return "Z" * 16 if "pattern" in schema else TEXTS[name]


@pytest.mark.parametrize("event", WRITTEN, ids=lambda event: f"{event.name} on {event.topic}")
def test_the_largest_event_of_each_type_fits_into_what_its_readers_accept(event: EventType[Any]) -> None:
    schema = event.model.model_json_schema(mode="serialization")
    data = largest(schema, schema.get("$defs", {}))
    event.parse(to_json(data))
    # Escaped, as dead letters are written, a text is at its longest.
    assert len(json.dumps(data).encode()) <= MAX_RECORD_BYTES


@THOROUGH
@given(st.sampled_from(["online", "self_paced", "offline", "hybrid"]), st.integers(1, LAST_SESSION))
def test_purchase_with_any_number_of_sessions_is_confirmed_in_an_event(mode: str, sessions: int) -> None:
    start = datetime(2099, 1, 1, 0, 0, 0, 123456, UTC)
    data = {
        "participant_id": "9" * 16,
        "redeem_code": "Z" * 12,
        **dict.fromkeys(("invoice_code", "platform", "provider_id", "course_code", "schedule_code"), "x" * 64),
        "mode": mode,
        "price": {"value": 10**12, "currency": "IDR"},
        "hours": 10_000,
        "class_size": 100_000,
        "sessions": [
            {
                "sequence": LAST_SESSION - sessions + number,
                "mode": mode,
                "starts_at": start,
                "ends_at": start + timedelta(hours=3),
            }
            for number in range(1, sessions + 1)
        ],
        "purchased_at": start,
    }
    purchase = TRAINING_PURCHASED.parse_inbound(to_json(data))
    event = confirmed_event(purchase, "x" * 64, load_schemes()["normal-2023"].latest, start)
    assert len(event.sessions) == sessions
    assert len(enrollment.ENROLLMENT_CONFIRMED.dump(event)) <= MAX_RECORD_BYTES


IDS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=MAX_ID_LENGTH)


def a_rule_of(sessions: int) -> CompletionRule:
    face: Proof = "face"
    return a_rule((face,) * sessions, graded=True, certificate=True)


def facts_for(rule: CompletionRule, identity: str, source: str) -> list[Evidence]:
    """One piece for each part that is demanded."""
    return [
        Evidence(kind, part or 0, source, identity, LAST_END.replace(microsecond=number), SEEN)
        for number, (kind, part) in enumerate(
            ((need.kind, part) for need in requirements(rule) for part in need.parts), 1
        )
    ]


@THOROUGH
@given(st.integers(1, LAST_SESSION), IDS | st.just(WIDEST * MAX_ID_LENGTH), st.integers(1, MAX_SOURCE_LENGTH))
def test_a_completion_names_its_first_evidence_counts_all_and_fits(sessions: int, identity: str, source: int) -> None:
    rule = a_rule_of(sessions)
    facts = facts_for(rule, identity, "/" * source)
    outcome = decide_completion(rule, facts)
    assert isinstance(outcome, Completion)
    event = confirmation_event(an_enrollment(rule), outcome)
    assert len(COMPLETION_CONFIRMED.dump(event)) <= MAX_RECORD_BYTES
    assert event.evidence_count == len(facts) == sessions + 3
    assert [named.happened_at for named in event.evidence] == [fact.happened_at for fact in facts][:MAX_EVIDENCE_NAMED]
    assert event.digest == digest_of(an_enrollment(rule), outcome).hex()


def test_completion_digest_covers_evidence_it_does_not_name() -> None:
    rule = a_rule_of(LAST_SESSION)
    facts = facts_for(rule, "e-1", "/attendance/face")
    others = [*facts[:-1], facts[-1]._replace(id="e-2")]
    outcomes = [decide_completion(rule, those) for those in (facts, others)]
    data = [confirmation_event(an_enrollment(rule), outcome) for outcome in outcomes if isinstance(outcome, Completion)]
    assert data[0].evidence == data[1].evidence
    assert data[0].digest != data[1].digest


def test_a_rejection_that_misses_everything_fits() -> None:
    rule = a_rule_of(LAST_SESSION)
    outcome = decide_completion(rule, [])
    assert isinstance(outcome, Incomplete)
    assert len(outcome.missing) == COUNTS["missing"]
    assert len(COMPLETION_REJECTED.dump(rejection_event(an_enrollment(rule), outcome))) <= MAX_RECORD_BYTES


def test_events_from_before_evidence_was_bounded_still_parse() -> None:
    named = [
        {"type": kind, "source": "/a", "id": str(n), "happened_at": LATEST, "seen_at": LATEST}
        for n in range(1001)
        for kind in [EvidenceKind.SESSION_ATTENDED.value]
    ]
    data = {
        "participant_id": "9" * 16,
        "redeem_code": "Z" * 12,
        "completed_at": LATEST,
        "evidence": named,
        "digest": "0" * 64,
        "scheme": "normal-2023",
        "scheme_version": 1,
    }
    event = COMPLETION_CONFIRMED.parse(to_json(data))
    assert (len(event.evidence), event.evidence_count) == (1001, None)
