"""The published files: the JSON Schema of every event, and the AsyncAPI document.

`python -m shared.contracts.published_files` writes them.
"""

import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

from shared.contracts import asyncapi, completion, enrollment, parking, partner, payment, upstream
from shared.contracts.events import EventType

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "shared" / "contracts" / "schemas"
DOCUMENT = ROOT / "docs" / "contracts" / "asyncapi.yaml"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

EVENTS: tuple[EventType[Any], ...] = (
    *upstream.EVENTS,
    *partner.EVENTS,
    *payment.TO_PARTNERS,
    *enrollment.EVENTS,
    *completion.EVENTS,
    *payment.EVENTS,
    *parking.EVENTS,
)
_TIMES_NAMED = Counter(event.name for event in EVENTS)


def file_name(event: EventType[Any]) -> str:
    """Return `<ce_type>.json`; a type on two topics has the topic behind its name."""
    return f"{event.name}.json" if _TIMES_NAMED[event.name] == 1 else f"{event.name}-{event.topic}.json"


def schema(event: EventType[Any]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the event's data."""
    model: type[BaseModel] = event.model
    return {"$schema": DIALECT, **model.model_json_schema(), "title": event.name}


def files() -> Mapping[Path, str]:
    """Return every published file with its text."""
    written = {SCHEMAS / file_name(event): _json(schema(event)) for event in EVENTS}
    return {**written, DOCUMENT: _yaml(asyncapi.document({file_name(event): event for event in EVENTS}))}


def publish() -> None:
    """Write every published file, and delete schemas that no event has any more."""
    wanted = files()
    for path in SCHEMAS.glob("*.json"):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _yaml(value: object) -> str:
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    stream.write("# Written by `make schemas`.\n")
    yaml.dump(value, stream)
    return stream.getvalue()


if __name__ == "__main__":
    publish()
