"""Bounds of settings: each number has both ends, each text a length and a form, and each can be said in words."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from annotated_types import Ge, Le
from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

# The clock ends two years before the last time that an event can bear, and a process may run on for one of them: what a
# setting adds to it still has a date.
LONGEST_SECONDS = 180 * 86_400
LONGEST_DAYS = 3650

_PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.%]{2,64}\])"
_SERVER = rf"{_HOST}(?::{_PORT})?"


@dataclass(frozen=True, slots=True)
class TextFormat:
    """The form of a text: at most `longest` characters, all of which match. `words` complete "must be ..."."""

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
# As Kafka has it, which knows each member of a group by such a name.
ReplicaName = Annotated[
    str,
    TextFormat(
        "1 to 128 letters, digits, dots, hyphens or underscores, and not dots alone",
        r"(?!\.{1,2}\Z)[A-Za-z0-9._-]+",
        128,
    ),
]


def describe_bounds(field: FieldInfo) -> str:
    """Complete the sentence "must be ..." for a setting.

    Raises TypeError for a number without both ends, and for a text, or anything else, without a form.
    """
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    forms = [part.description for part in field.metadata if isinstance(part, TextFormat)]
    least = [part.ge for part in field.metadata if isinstance(part, Ge)]
    most = [part.le for part in field.metadata if isinstance(part, Le)]
    if len(forms) == 1:
        return forms[0]
    if kinds in ([int], [float]) and len(least) == len(most) == 1:
        return f"a {'whole ' if kinds == [int] else ''}number from {least[0]} to {most[0]}"
    raise TypeError(f"a setting of {field.annotation} needs both bounds (ge, le), or a Form")
