"""Bearer tokens of operators: who holds them and in which role, from a file that keeps their digests alone."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import AfterValidator, Field, ValidationError

from shared.contracts.fields import Inbound, Text
from shared.contracts.topics import SERVICES
from shared.errors import Refused
from shared.messaging.engine.operator import visible_text

LOG = structlog.get_logger()
TOKENS_FILE = "tokens.json"


class Role(StrEnum):
    """The role of a token: a viewer reads; an operator also halts and resumes, an approver also approves."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"

    def covers(self, needed: "Role") -> bool:
        """Return True if this role may do what takes the other one."""
        return needed in (self, Role.VIEWER)


def _person(name: str) -> str:
    if not visible_text(name):
        raise ValueError("no visible character")
    if visible_text(name) in SERVICES:
        raise ValueError("the name of a service, not of a person")
    return name


class Holder(Inbound):
    """Holder of one token: the name of the person, and the role that the token gives."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    who: Annotated[Text, AfterValidator(_person)]
    role: Role


class _File(Inbound):
    tokens: list[Holder]


@dataclass(frozen=True, slots=True)
class _Read:
    """The file as it was read last; `problem` is what is wrong with it, and then it has no holders."""

    stamp: tuple[int, int, int] | None
    holders: tuple[Holder, ...] = ()
    problem: str | None = None


class Tokens:
    """The tokens of an installation, read again as soon as their file has changed.

    Without the file, or while it is malformed, no token is accepted.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = _Read(stamp=None)

    @classmethod
    def load(cls, folder: Path) -> "Tokens":
        """Read the tokens in a folder of keys; raise Refused for a malformed file. There may be none."""
        tokens = cls(folder / TOKENS_FILE)
        tokens._look()
        if problem := tokens._read.problem:
            raise Refused(problem)
        return tokens

    @property
    def holders(self) -> tuple[Holder, ...]:
        """All whose token is accepted, as the file was read last."""
        return self._read.holders

    def holder_of(self, token: str) -> Holder | None:
        """Return who holds a token; None if it is unknown, or no longer known."""
        self._look()
        digest = digest_of(token)
        # Each entry is compared in full, so that the time that it takes tells nothing.
        found = [holder for holder in self._read.holders if compare_digest(holder.sha256, digest)]
        return found[0] if found else None

    def notices(self) -> list[str]:
        """Return a sentence if no token is accepted because the file is malformed."""
        self._look()
        return [f"no token is accepted: {self._read.problem}"] if self._read.problem else []

    def _look(self) -> None:
        """Read the file again if it has changed."""
        stamp = _stamp(self._file)
        if stamp == self._read.stamp:
            return
        self._read = self._read_changed(stamp)
        if self._read.problem:
            LOG.warning("tokens_refused", reason=self._read.problem)

    def _read_changed(self, stamp: tuple[int, int, int] | None) -> _Read:
        try:
            return _Read(stamp, _holders(self._file.read_bytes()))
        except FileNotFoundError:
            return _Read(stamp=None)
        except (OSError, ValueError) as error:
            return _Read(stamp, problem=f"{self._file} is not a file of tokens: {error}")


def digest_of(token: str) -> str:
    """Return the digest under which a token is kept."""
    return sha256(token.encode()).hexdigest()


def tokens_file(holders: Iterable[Holder]) -> str:
    """Return the text of a file with these holders."""
    return json.dumps(_File(tokens=list(holders)).model_dump(), indent=2) + "\n"


def _holders(text: bytes) -> tuple[Holder, ...]:
    """Parse the text of a file; raise ValueError with a sentence for each thing that is wrong."""
    try:
        holders = _File.model_validate_json(text).tokens
    except ValidationError as error:
        raise ValueError(sentences_of(error)) from None
    (_, most), *_ = Counter(holder.sha256 for holder in holders).most_common(1) or [("", 0)]
    if most > 1:
        raise ValueError("tokens: one token has several entries")
    return tuple(holders)


def sentences_of(error: ValidationError) -> str:
    """Return which fields are wrong and why, without the values that were given."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in problems)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Return what tells whether a file has changed; None if there is none."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
