"""Settings of payment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.contracts.fields import MAX_RUPIAH
from shared.runtime.bounds import LONGEST_SECONDS, TextFormat
from shared.runtime.settings import Port, ServiceSettings

Programme = Annotated[str, TextFormat("1 to 64 small letters, digits or hyphens", r"[a-z0-9-]+", 64)]


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
