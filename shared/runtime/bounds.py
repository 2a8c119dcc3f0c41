"""Bounds of settings: both ends of a number, length and form of a text, and a description of each."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from annotated_types import Ge, Le
from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

# The clock ends two years before the last time that an event can have, and a process may run on for one of them: a
# setting added to the clock must still give a date.
LONGEST_SECONDS = 180 * 86_400
LONGEST_DAYS = 3650

_PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.%]{2,64}\])"
_SERVER = rf"{_HOST}(?::{_PORT})?"


@dataclass(frozen=True, slots=True)
class TextFormat:
    """The form of a text: at most `max_length` characters that match the pattern as a whole.

    `description` completes the sentence "must be ...".
    """

    description: str
    pattern: str
    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def _check(self, given: object) -> object:
        text = given.get_secret_value() if isinstance(given, SecretStr) else str(given)
        if len(text) > self.max_length or not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError(f"must be {self.description}")
        return given


PostgresUrl = Annotated[
    SecretStr,
    TextFormat(
        "postgresql://user:password@host:port/database, at most 2000 characters",
        rf"postgres(?:ql)?://(?:[^\s/@?#]*@)?(?:{_SERVER}(?:,{_SERVER})*)?(?:/[^\s/?#]*)?(?:\?[^\s#]*)?",
        2000,
    ),
]
BootstrapServers = Annotated[
    str,
    TextFormat(
        "host:port, or several joined by commas, at most 2000 characters",
        rf"{_HOST}:{_PORT}(?:,{_HOST}:{_PORT})*",
        2000,
    ),
]
Host = Annotated[
    str, TextFormat("a host name or an address, at most 253 characters", r"[A-Za-z0-9:][A-Za-z0-9.:_-]*", 253)
]
Folder = Annotated[Path, TextFormat("a path of 1 to 1000 characters that can be seen", r"[^\x00-\x1f\x7f]+", 1000)]
# Kafka knows the members of a group by such names.
ReplicaName = Annotated[
    str,
    TextFormat(
        "1 to 128 letters, digits, dots, hyphens or underscores, and not dots alone",
        r"(?!\.{1,2}\Z)[A-Za-z0-9._-]+",
        128,
    ),
]


def describe_bounds(field: FieldInfo) -> str:
    """Return what completes the sentence "must be ..." for a setting.

    Raise TypeError for a number without both ends, and for anything else without a TextFormat.
    """
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    forms = [part.description for part in field.metadata if isinstance(part, TextFormat)]
    least = [part.ge for part in field.metadata if isinstance(part, Ge)]
    most = [part.le for part in field.metadata if isinstance(part, Le)]
    if len(forms) == 1:
        return forms[0]
    if kinds in ([int], [float]) and len(least) == len(most) == 1:
        return f"a {'whole ' if kinds == [int] else ''}number from {least[0]} to {most[0]}"
    raise TypeError(f"a setting of {field.annotation} needs both bounds (ge, le), or a TextFormat")
