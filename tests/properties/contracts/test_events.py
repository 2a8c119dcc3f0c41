"""Every type: an event that is written can be read again."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.events import EventType
from shared.contracts.park_reasons import Parked
from shared.contracts.published_files import EVENTS, schema
from shared.contracts.strict_json import check_json
from tests.contracts.test_published import SAMPLES, type_of

Schema = dict[str, Any]
# Without a zone: it is written behind them.
CENTURY = (datetime(2000, 1, 1), datetime(2099, 12, 31))  # noqa: DTZ001

# Fields whose values another one of the record decides: an answer drawn at random may contradict it.
BOUND_TO_OTHERS = {
    "closes_at",
    "ends_at",
    "id",
    "modes",
    "sessions",
    "reason",
    "amount",
    "partner_reference",
}


def values_of(node: Schema, root: Schema) -> st.SearchStrategy[Any]:
    """Return a strategy for the values that the JSON Schema allows here."""
    if "$ref" in node:
        return values_of(root["$defs"][node["$ref"].rpartition("/")[2]], root)
    if "anyOf" in node:
        return st.one_of([values_of(choice, root) for choice in node["anyOf"]])
    if "const" in node or "enum" in node:
        return st.sampled_from(node.get("enum") or [node["const"]])
    match node["type"]:
        case "object":
            return st.fixed_dictionaries({name: values_of(part, root) for name, part in node["properties"].items()})
        case "array":
            sizes = {"min_size": node.get("minItems", 0), "max_size": 3}
            return st.lists(values_of(node["items"], root), **sizes)
        case "integer":
            return st.integers(node.get("minimum", -(2**70)), node.get("maximum", 2**70))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return _texts(node)


def _texts(node: Schema) -> st.SearchStrategy[str]:
    if node.get("format") == "date-time":
        seconds = st.datetimes(*CENTURY).map(lambda moment: moment.isoformat(timespec="seconds"))
        fractions = st.sampled_from(["", ".5", ".123456"])
        return st.builds("{}{}Z".format, seconds, fractions)
    if "pattern" in node:
        return st.from_regex(node["pattern"].replace("$", r"\Z"), fullmatch=True)
    characters = st.characters(exclude_categories=["Cs"])
    return st.text(characters, min_size=node.get("minLength", 0), max_size=node.get("maxLength"))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event.name}-{event.topic}")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_what_is_written_is_read_again(event: EventType[Any], data: st.DataObject) -> None:
    described = schema(event)
    drawn = data.draw(values_of(described, described))
    try:
        event_data = event.parse(json.dumps(drawn).encode())
    except Parked as refusal:
        parked = refusal
    else:
        written = event.dump(event_data)
        check_json(written)
        assert event.parse(written) == event_data
        assert event.dump(event.parse(written)) == written
        return
    # What a rule between two fields refuses, or one about characters, the schema cannot say.
    assert parked.detail.rpartition("/")[2] in BOUND_TO_OTHERS


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
@given(st.data())
def test_fields_of_the_first_version_are_required(sample: Any, data: st.DataObject) -> None:
    event, event_data = type_of(sample), json.loads(sample.read_text())
    needed = [name for name, field in event.model.model_fields.items() if field.is_required()]
    del event_data[data.draw(st.sampled_from(sorted(needed)))]
    with pytest.raises(Parked):
        event.parse(json.dumps(event_data).encode())
