"""The AsyncAPI 3.0 document of all topics and types, made from the tables that the services run on."""

from collections.abc import Mapping
from typing import Any

from shared.contracts.envelope import MAX_ID_LENGTH
from shared.contracts.events import EventType
from shared.contracts.topics import PARTNERS, PROGRAMME_REGISTRY, TOPICS, TREASURY_FUNDING, Topic

_SCHEMAS = "../../shared/contracts/schemas"
_SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
_PARTNER_FAMILIES = ("disbursements", "disbursement-reports")
_KEYS = {
    PROGRAMME_REGISTRY: "wave, provider_id or course_code",
    TREASURY_FUNDING: "wave",
    "disbursements": "reference",
    "disbursement-reports": "reference",
}


def document(events: Mapping[str, EventType[Any]]) -> dict[str, Any]:
    """Return the AsyncAPI document; `events` are named by the file of their JSON Schema."""
    topics = {_family(topic.name): topic for topic in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Salur",
            "version": "1",
            "description": "What Salur reads and writes on Kafka. Operations are named from Salur's side.",
        },
        "defaultContentType": "application/json",
        "channels": {family: _channel(family, topic, events) for family, topic in topics.items()},
        "operations": {
            f"{_action(topic)}.{family}": {
                "action": _action(topic),
                "channel": {"$ref": f"#/channels/{family}"},
            }
            for family, topic in topics.items()
        },
        "components": {
            "messages": {name.removesuffix(".json"): _message(name, event) for name, event in events.items()},
            "schemas": {"Envelope": _envelope(numbered=False), "NumberedEnvelope": _envelope(numbered=True)},
        },
    }


def _family(topic: str) -> str:
    """Return the channel of a topic; the topics of all partners are one channel."""
    name, _, partner = topic.partition(".")
    return name if partner in PARTNERS else topic


def _action(topic: Topic) -> str:
    return "send" if topic.internal else "receive"


def _channel(family: str, topic: Topic, events: Mapping[str, EventType[Any]]) -> dict[str, Any]:
    of_partners = family in _PARTNER_FAMILIES
    names = [name.removesuffix(".json") for name, event in events.items() if event.topic == family]
    return {
        "address": f"{family}.{{partner}}" if of_partners else family,
        **({"parameters": {"partner": {"enum": list(PARTNERS)}}} if of_partners else {}),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"partitions": topic.partitions, "bindingVersion": "0.5.0"}},
    }


def _message(name: str, event: EventType[Any]) -> dict[str, Any]:
    numbered = {_family(topic.name): topic.internal for topic in TOPICS}[event.topic]
    described = _KEYS.get(event.topic, "position of the record" if "dead" in event.topic else "participant_id")
    return {
        "name": event.name,
        "contentType": "application/json",
        "headers": {"$ref": f"#/components/schemas/{'NumberedEnvelope' if numbered else 'Envelope'}"},
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"{_SCHEMAS}/{name}"}},
        "bindings": {"kafka": {"key": {"type": "string", "description": described}, "bindingVersion": "0.5.0"}},
    }


def _envelope(*, numbered: bool) -> dict[str, Any]:
    """Return the headers of CloudEvents 1.0 in binary mode, with sequence numbers on what Salur writes."""
    text = {"type": "string"}
    required = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {**text, "minLength": 1, "maxLength": MAX_ID_LENGTH},
        "ce_source": {**text, "format": "uri-reference"},
        "ce_type": text,
        "ce_time": {**text, "format": "date-time"},
        "content-type": {**text, "examples": ["application/json"]},
    }
    numbers = {
        "ce_era": {**text, "pattern": r"^\d+\.\d+$", "description": "<era>.<first sequence of the era>"},
        "ce_sequence": {**text, "pattern": r"^\d+$", "description": "gapless per topic, partition and era"},
    }
    optional = {"ce_subject": text, "traceparent": text}
    return {
        "type": "object",
        "required": [*required, *(numbers if numbered else {})],
        "properties": {**required, **(numbers if numbered else {}), **optional},
    }
