"""Reader of scheme files: TOML into a `Scheme`, with a sentence for everything that is wrong.

Types are strict, no table may have unknown keys, and each number has bounds and each text a form.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from services.enrollment.domain.benefits import WHOLE
from services.enrollment.domain.scheme import Scheme
from shared.contracts.fields import MAX_RUPIAH
from shared.errors import InvalidFile

# Bounds that events with such numbers, and dates computed from them, can hold.
_DAYS, _RUPIAH, _AGE, _PERCENT = range(366), range(1, MAX_RUPIAH + 1), range(151), range(1, WHOLE + 1)
BOUNDS = {
    "version": range(1, 2**31),
    "training_balance": _RUPIAH,
    "clawback_days": _DAYS,
    "share": _PERCENT,
    "amount": _RUPIAH,
    "times": range(1, 13),
    "months_apart": range(1, 13),
    "age_at_least": _AGE,
    "age_at_most": _AGE,
    "days": _DAYS,
    "first_within_days": _DAYS,
    "next_within_days": _DAYS,
    "evidence_days": _DAYS,
    "complete_within_days": _DAYS,
    "minimum_hours": range(10_001),
    "sessions_share": _PERCENT,
    "class_at_most": range(1, 1_000_001),
}
FORMS = {"scheme": r"[A-Za-z0-9._/-]{1,64}", "offline_regions": r"[0-9]{1,4}"}


def read_scheme(path: Path) -> Scheme:
    """Return the scheme of a file. Raise InvalidFile with the file, and everything that is wrong in it."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidFile(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # Not UTF-8, or not TOML: the text names line and column.
        raise InvalidFile(f"{path.name} is not TOML: {error}") from None
    reader = _Reader()
    scheme: Scheme | None = reader.read(Scheme, document, "")
    if scheme is None:
        raise InvalidFile(f"{path.name}: {'; '.join(reader.problems)}")
    return scheme


def fingerprint_rules(path: Path) -> str:
    """Return the digest, in hex, of the rules that a readable scheme file states."""
    document = tomllib.loads(path.read_text("utf-8"))
    return sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


@dataclass
class _Reader:
    """The problems found so far, each a sentence that begins with the path of its key."""

    problems: list[str] = field(default_factory=list)

    def read(self, hint: Any, value: object, path: str) -> Any:
        """Return the value as its type demands; None, and a problem more, if it cannot be that."""
        if not _fits(hint, _name(path), value):
            return self._refuse(f"{path} must be {_what_is_right(hint, _name(path))}, not {_written(value)}")
        if is_dataclass(hint):
            return self._read_table(hint, cast(Mapping[str, object], value), path)
        if get_origin(hint) is Mapping:
            return self._read_mapping(hint, cast(Mapping[str, object], value), path)
        if get_origin(hint) is tuple:
            parts = enumerate(cast(Sequence[object], value), 1)
            return tuple(self.read(get_args(hint)[0], part, f"{path}[{number}]") for number, part in parts)
        return value

    def _read_table(self, table: Any, value: Mapping[str, object], path: str) -> Any:
        keys, types, before = [one for one in fields(table) if one.init], get_type_hints(table), len(self.problems)
        hints = {key.name: _present(types[key.name]) for key in keys}
        for name in value:
            if name not in hints:
                near = get_close_matches(name, hints, 1) or hints
                self._refuse(f"{_join(path, name)} is no key of a scheme (known here: {', '.join(near)})")
        for key in keys:
            if key.default is MISSING and key.name not in value:
                right = _what_is_right(hints[key.name], key.name)
                self._refuse(f"{_join(path, key.name)} is missing and must be {right}")
        read = {name: self.read(hints[name], value[name], _join(path, name)) for name in hints if name in value}
        if len(self.problems) > before:
            return None
        try:
            return table(**read)
        except ValueError as contradiction:
            return self._refuse(_join(path, str(contradiction)))

    def _read_mapping(self, hint: Any, value: Mapping[str, object], path: str) -> Any:
        names, hint_of_each = get_args(hint)
        for name in value:
            if name not in get_args(names):
                self._refuse(f"{path}.{name} is no key of a scheme (known here: {', '.join(get_args(names))})")
        return {name: self.read(hint_of_each, one, f"{path}.{name}") for name, one in value.items()}

    def _refuse(self, sentence: str) -> None:
        self.problems.append(sentence)


def _fits(hint: Any, name: str, value: object) -> bool:
    """Return True if a value has the type, and within it the bounds or the form that its name has."""
    if is_dataclass(hint) or get_origin(hint) is Mapping:
        return isinstance(value, Mapping)
    if get_origin(hint) is tuple:
        return isinstance(value, list)
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if type(value) is not hint:
        return False
    if isinstance(value, str):
        return re.fullmatch(FORMS[name], value) is not None
    return hint is not int or value in BOUNDS[name]


def _what_is_right(hint: Any, name: str) -> str:
    if is_dataclass(hint) or get_origin(hint) is Mapping:
        return "a table"
    if get_origin(hint) is tuple:
        return "a list"
    if get_origin(hint) is Literal:
        return " or ".join(f'"{one}"' for one in get_args(hint))
    if hint is int:
        return f"a whole number from {BOUNDS[name][0]} to {BOUNDS[name][-1]}"
    if hint is str:
        return f"a text that matches {FORMS[name]}"
    return "true or false" if hint is bool else "a date such as 2023-02-17"


def _present(hint: Any) -> Any:
    """Return the type without None: TOML has no null, a key is left out."""
    optional = get_origin(hint) in (Union, UnionType)
    return next(one for one in get_args(hint) if one is not NoneType) if optional else hint


def _name(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _written(value: object) -> str:
    """Return a value as TOML writes it, tables and lists by their kind."""
    match value:
        case Mapping():
            return "a table"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
    return str(value)
