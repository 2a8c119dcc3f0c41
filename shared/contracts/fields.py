"""The fields of contracts: strict types and patterns, without coercion and without invisible characters."""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

MAX_RUPIAH = 10**12
PARTICIPANT_ID = "[0-9]{16}"
REFERENCE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_TIME_PATTERN = r"20\d\d-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z"
_TIME = re.compile(_TIME_PATTERN, re.ASCII)


class Inbound(BaseModel):
    """A model of data from outside: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Internal(BaseModel):
    """A model of data between Salur's services: an unknown field is a later version's, and ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)


def parse_time(text: str) -> datetime:
    """Parse RFC 3339 with `Z`, years 2000 to 2099; raise ValueError for any other form of a time."""
    if not _TIME.fullmatch(text):
        raise ValueError("not an RFC 3339 time in UTC with Z, years 2000-2099")
    return datetime.fromisoformat(text)


def _text(value: str) -> str:
    """Refuse a text that is not in NFC or has control, bidirectional-override or zero-width characters."""
    if not unicodedata.is_normalized("NFC", value):
        raise ValueError("not in NFC")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for character in value):
        raise ValueError("a character that cannot be seen")
    return value


def _printable(value: str) -> str:
    """Refuse a text with a character that no `ce_id` has."""
    if not value.isprintable():
        raise ValueError("a character that cannot be printed")
    return value


class VerbatimTime(datetime):
    """A time that keeps the text it was read from, where two texts must agree byte for byte."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "VerbatimTime":
        """Parse a time; raise ValueError."""
        time = cls.fromisoformat(text)
        time.text = text
        return time


def _schema_of(read: Callable[[str], datetime]) -> Callable[[Any, Any], core_schema.CoreSchema]:
    """Return the schema of a time in UTC; it validates without a step in Python, since every record has several."""
    written = core_schema.str_schema(pattern=f"(?-u)^{_TIME_PATTERN}$", strict=True)
    schema = core_schema.json_or_python_schema(
        json_schema=core_schema.chain_schema([written, core_schema.no_info_plain_validator_function(read)]),
        python_schema=core_schema.datetime_schema(strict=True, tz_constraint=0),
        serialization=core_schema.simple_ser_schema("datetime"),
    )
    return lambda _, __: schema


_TIME_IN_JSON = WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_TIME_PATTERN}$"})
Time = Annotated[datetime, GetPydanticSchema(_schema_of(datetime.fromisoformat)), _TIME_IN_JSON]
SealedTime = Annotated[VerbatimTime, GetPydanticSchema(_schema_of(VerbatimTime.parse)), _TIME_IN_JSON]
ParticipantId = Annotated[str, Field(pattern=f"^{PARTICIPANT_ID}$")]
RedeemCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{12}$")]
Reference = Annotated[str, Field(pattern=rf"^[{REFERENCE_ALPHABET}]{{16}}$")]
Regency = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,64}$")]
Text = Annotated[str, Field(min_length=1, max_length=140), AfterValidator(_text)]
# What `ce_source` and `ce_id` may be, as far as a pattern can say it.
EventSource = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~:/?#\[\]@!\x24&'()*+,;=%-]{1,256}$")]
EventId = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_printable)]
# Only opening it tells whether it is a seal: bad_seal.
Seal = Annotated[str, Field(min_length=1, max_length=4096)]
Partner = Literal["bni", "bca", "ovo", "gopay", "linkaja", "dana"]
Mode = Literal["online", "self_paced", "offline", "hybrid"]
ReasonCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{4}$")]


class Rupiah(BaseModel):
    """Whole rupiah, 1 to 10^12."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    value: Annotated[int, Field(ge=1, le=MAX_RUPIAH)]
    currency: Literal["IDR"] = "IDR"


class RupiahInbound(Rupiah):
    """Whole rupiah from outside: the currency must be stated."""

    currency: Literal["IDR"]


@lru_cache(maxsize=10_000, typed=True)
def rupiah(value: int) -> Rupiah:
    """Return the amount as a model; cached, since all payments have few amounts."""
    return Rupiah(value=value)
