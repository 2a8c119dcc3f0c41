"""The published files: schemas, the AsyncAPI document, and samples that must be accepted for ever."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from ruamel.yaml import YAML

from shared.contracts.completion import COMPLETION_CONFIRMED, TrainingCompleted
from shared.contracts.enrollment import ENROLLMENT_CONFIRMED, EnrollmentBenefits, EnrollmentEvidence
from shared.contracts.events import EventType
from shared.contracts.fields import Internal
from shared.contracts.published_files import DOCUMENT, EVENTS, SCHEMAS, file_name, files
from shared.contracts.topics import PARTNERS, TOPICS

# Frozen: a sample is never changed or taken away. A type that gains a case gains a file, `<name>+2.json`.
SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))
BY_NAME = {file_name(event).removesuffix(".json"): event for event in EVENTS}
ASYNCAPI: dict[str, Any] = YAML(typ="safe").load(DOCUMENT)


def type_of(sample: Path) -> EventType[Any]:
    return BY_NAME[sample.stem.partition("+")[0]]


def without_nulls(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: without_nulls(value) for name, value in node.items() if value is not None}
    return [without_nulls(value) for value in node] if isinstance(node, list) else node


def test_published_files_are_up_to_date() -> None:
    published = {path: path.read_text() for path in (*SCHEMAS.glob("*"), DOCUMENT)}
    assert published == files(), "run `make schemas`"


def test_every_type_has_a_sample() -> None:
    assert {type_of(sample) for sample in SAMPLES} == set(EVENTS)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_is_parsed_without_loss(sample: Path) -> None:
    event = type_of(sample)
    written = json.loads(sample.read_bytes())
    dumped = json.loads(event.dump(event.parse(sample.read_bytes())))
    # What a later version has added is null.
    assert without_nulls(dumped) == without_nulls(written)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_follows_its_schema(sample: Path) -> None:
    schema = json.loads((SCHEMAS / file_name(type_of(sample))).read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(sample.read_text()))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_unknown_field_is_refused_from_outside_and_ignored_inside(sample: Path) -> None:
    event = type_of(sample)
    schema = json.loads((SCHEMAS / file_name(event)).read_text())
    more = json.loads(sample.read_text()) | {"something_new": 1}
    inbound = schema.get("additionalProperties") is False
    assert Draft202012Validator(schema).is_valid(more) is not inbound


VIEWS = (
    (COMPLETION_CONFIRMED, TrainingCompleted),
    (ENROLLMENT_CONFIRMED, EnrollmentBenefits),
    (ENROLLMENT_CONFIRMED, EnrollmentEvidence),
)


@pytest.mark.parametrize(("event", "view"), VIEWS, ids=[view.__name__ for _, view in VIEWS])
def test_reader_of_some_fields_sees_them_as_they_were_written(event: EventType[Any], view: type[Internal]) -> None:
    for sample in (path for path in SAMPLES if type_of(path) == event):
        whole, seen = event.parse(sample.read_bytes()), event.read_as(view).parse(sample.read_bytes())
        assert seen == view.model_construct(**{name: getattr(whole, name) for name in view.model_fields})


def test_every_topic_is_in_the_asyncapi_document() -> None:
    addresses = {
        channel["address"].format(partner=partner) for channel in ASYNCAPI["channels"].values() for partner in PARTNERS
    }
    assert addresses == {topic.name for topic in TOPICS}


def test_every_type_is_in_the_asyncapi_document_on_its_topic() -> None:
    messages = ASYNCAPI["components"]["messages"]
    spoken = {
        (messages[name]["name"], channel)
        for channel, described in ASYNCAPI["channels"].items()
        for name in described["messages"]
    }
    assert spoken == {(event.name, event.topic) for event in EVENTS}


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_every_reference_in_the_asyncapi_document_resolves() -> None:
    for reference in references(ASYNCAPI):
        if not reference.startswith("#/"):
            assert (DOCUMENT.parent / reference).is_file(), reference
            continue
        node: Any = ASYNCAPI
        for step in reference[2:].split("/"):
            node = node[step]
        assert node
