"""What the payment service can be told."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings


class PaymentSettings(ServiceSettings):
    """`programme` goes into every reference and must never change. `draw_rupiah`: how much a lane draws at once."""

    model_config = SettingsConfigDict(env_prefix="PAYMENT_")

    http_port: int = Field(default=8083, ge=1, le=65535)
    programme: str = Field(default="prakerja", min_length=1, pattern=r"^[a-z0-9-]+$")
    answer_within_seconds: int = Field(default=900, ge=1)
    retry_after_seconds: int = Field(default=3600, ge=1)
    approval_above_rupiah: int | None = Field(default=None, ge=1)
    draw_rupiah: int = Field(default=100_000_000, ge=1)
