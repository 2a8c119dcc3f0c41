"""Event types: name, topic and model of the data."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaSerializer, SchemaValidator

from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.strict_json import check_json, count_members, truncate_numbers

T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class EventType(Generic[T]):
    """An event type. `name` is the ce_type; `time_field` is the field with the time at which it happened."""

    name: str
    topic: str
    model: type[T]
    time_field: str | None = None
    _validator: SchemaValidator = field(init=False, repr=False, compare=False)
    _serializer: SchemaSerializer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        model = cast("type[BaseModel]", self.model)
        object.__setattr__(self, "_validator", model.__pydantic_validator__)
        object.__setattr__(self, "_serializer", model.__pydantic_serializer__)

    def read_as(self, view: type[V]) -> "EventType[V]":
        """Return the type as a reader needs it: `view` is a model of some of the fields, the others are not parsed."""
        return EventType(self.name, self.topic, view, self.time_field)

    def parse(self, data: bytes) -> T:
        """Parse the event's data.

        Raise Parked with invalid_json, or with invalid_field and the JSON Pointer of the first wrong field. For an
        unknown field the pointer is that of its object, since its name is the sender's choice.
        """
        try:
            return cast("T", self._validator.validate_json(data))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            if first["type"] != "json_invalid":
                location = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
                raise Parked(ParkReason.INVALID_FIELD, json_pointer(location)) from None
        truncated = truncate_numbers(data)
        if truncated == data:
            raise Parked(ParkReason.INVALID_JSON)
        return self.parse(truncated)

    def parse_inbound(self, data: bytes) -> T:
        """Parse data from outside; raise what `check_json` raises before anything else.

        A model that refuses unknown fields bounds the depth, and a duplicate key is one member more in the text than in
        the model: data that were parsed and have as many members as the text need no further check.
        """
        try:
            parsed = cast("T", self._validator.validate_json(data))
        except ValidationError:
            check_json(data)
            return self.parse(data)
        if count_model_members(cast("BaseModel", parsed)) != count_members(data):
            check_json(data)
        return parsed

    def dump(self, data: T) -> bytes:
        """Return compact JSON in one line."""
        return self._serializer.to_json(data)


def count_model_members(model: BaseModel) -> int:
    """Count the members of the JSON that the model was read from, those of inner objects included."""
    count = len(model.model_fields_set)
    for name in _fields_with_models(type(model)):
        inner = getattr(model, name)
        if isinstance(inner, tuple):
            count += sum(map(count_model_members, inner))
        elif inner is not None:
            count += count_model_members(inner)
    return count


@cache
def _fields_with_models(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the fields that hold a model, a tuple of models, or a model or null, in this order."""
    held = {name: get_args(field.annotation) or (field.annotation,) for name, field in model.model_fields.items()}
    return tuple(name for name, (kind, *_) in held.items() if isinstance(kind, type) and issubclass(kind, BaseModel))


def json_pointer(location: "tuple[Any, ...]") -> str:
    """Return a JSON Pointer (RFC 6901) of names in the schema and indexes; the root is `/`."""
    return "".join(f"/{part}" for part in location) or "/"
