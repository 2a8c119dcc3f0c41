"""Tables of evidence kinds: they agree with each other, with the contracts, and with the README."""

from typing import Any

import pytest

from deploy.local.paths import ROOT
from services.completion.domain.evidence import EvidenceKind, ReportedFact
from services.completion.domain.evidence_kinds import KIND_RULES
from services.completion.handlers.evidence_sources import SOURCES, EvidenceSource
from services.completion.settings import CompletionSettings
from services.completion.subscriptions import sources
from shared.contracts.events import EventType
from shared.contracts.topics import TRAINING_ATTENDANCE, TRAINING_EVIDENCE
from shared.contracts.upstream import TrainingRated

README = ROOT / "services/completion/README.md"


def code(*names: str | None) -> str:
    return ", ".join(f"`{name}`" for name in names if name) or "-"


def row(source: EvidenceSource) -> str:
    rule = KIND_RULES[source.kind]
    cells = (
        code(source.kind),
        code(source.event.name),
        code(source.time_field),
        code(*source.extra),
        rule.part,
        rule.window,
        code(rule.demanded_by),
        "yes" if rule.counts_after_decision else "no",
    )
    return f"| {' | '.join(cells)} |"


def test_each_kind_has_one_rule_and_one_source() -> None:
    assert list(KIND_RULES) == list(EvidenceKind) == [source.kind for source in SOURCES]


def test_readme_lists_the_kinds_as_the_code_does() -> None:
    section = README.read_text().partition("## Kinds of evidence")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == [row(source) for source in SOURCES]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_event_has_the_fields_that_a_fact_takes(source: EvidenceSource) -> None:
    optional = set(ReportedFact._field_defaults)
    taken = {"redeem_code", "participant_id", source.time_field, *source.extra}
    assert taken <= set(source.event.model.model_fields)
    assert set(source.extra) <= optional


def test_each_source_is_subscribed_on_its_topic() -> None:
    subscribed = {
        (source.topic, subscription.event.name)
        for source in sources(CompletionSettings())
        for subscription in source.subscriptions
    }
    assert {(source.event.topic, source.event.name) for source in SOURCES} <= subscribed


def test_attendance_alone_comes_on_its_own_topic() -> None:
    assert {source.kind for source in SOURCES if source.event.topic == TRAINING_ATTENDANCE} == {
        kind for kind in EvidenceKind if kind.is_attendance
    }


def test_event_without_a_time_is_no_evidence_source() -> None:
    timeless: EventType[Any] = EventType("salur.training.seen.v1", TRAINING_EVIDENCE, TrainingRated)
    with pytest.raises(ValueError, match="its time"):
        EvidenceSource(EvidenceKind.TRAINING_RATED, timeless)
