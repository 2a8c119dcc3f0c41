"""What the completion service can be told."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings


class CompletionSettings(ServiceSettings):
    """`attendance_source`: how `ce_source` must begin for an attendance to be believed."""

    model_config = SettingsConfigDict(env_prefix="COMPLETION_")

    http_port: int = Field(default=8082, ge=1, le=65535)
    attendance_source: str = Field(default="/attendance/", min_length=1)
