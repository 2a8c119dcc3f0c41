"""Settings of payment."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import from_json
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.contracts.fields import MAX_RUPIAH, Partner
from shared.contracts.topics import PARTNERS
from shared.runtime.bounds import LONGEST_SECONDS, TextFormat
from shared.runtime.settings import Port, ServiceSettings

Programme = Annotated[str, TextFormat("1 to 64 small letters, digits or hyphens", r"[a-z0-9-]+", 64)]


class GivenLimits(BaseModel):
    """Limits of a partner, as the settings give them; one that is left out does not limit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    per_second: int | None = Field(default=None, ge=1, le=100_000)
    in_flight: int | None = Field(default=None, ge=1, le=100_000_000)
    rupiah_per_day: int | None = Field(default=None, ge=1, le=MAX_RUPIAH)

    @model_validator(mode="after")
    def _require_one(self) -> "GivenLimits":
        if self.per_second is self.in_flight is self.rupiah_per_day is None:
            raise ValueError("a partner without limits is left out")
        return self


def _decoded(given: object) -> object:
    return from_json(given) if isinstance(given, str) else given


Limits = Annotated[
    dict[Partner, GivenLimits],
    NoDecode,
    BeforeValidator(_decoded),
    TextFormat(
        'a JSON object of limits by partner, as {"gopay": {"per_second": 100, "in_flight": 10000, "rupiah_per_day":'
        f" 1000000000}}}}: whole numbers from 1, and partners of {', '.join(PARTNERS)}",
        r"(?s:\s*\{.*\}\s*)",
        10_000,
    ),
]


class PaymentSettings(ServiceSettings):
    """Settings of payment. `programme` is part of every reference and must never change.

    `draw_rupiah`: the rupiah that a lane is allotted at once. `partner_memory_days`: how long partners keep references.
    `people_per_account`: the most participants who may link one account before nothing more is paid into it.
    """

    model_config = SettingsConfigDict(env_prefix="PAYMENT_")

    http_port: Port = 8083
    programme: Programme = "prakerja"
    answer_within_seconds: int = Field(default=900, ge=1, le=LONGEST_SECONDS)
    retry_after_seconds: int = Field(default=3600, ge=1, le=LONGEST_SECONDS)
    partner_memory_days: int = Field(default=60, ge=1, le=3650)
    approval_above_rupiah: int | None = Field(default=None, ge=1, le=MAX_RUPIAH)
    people_per_account: int = Field(default=3, ge=1, le=1_000_000)
    draw_rupiah: int = Field(default=100_000_000, ge=1, le=MAX_RUPIAH)
    partner_limits: Limits = Field(default={})
