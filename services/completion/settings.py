"""Settings of the completion service."""

from typing import Annotated

from pydantic_settings import SettingsConfigDict

from shared.runtime.bounds import TextFormat
from shared.runtime.settings import Port, ServiceSettings

UriReference = Annotated[str, TextFormat("1 to 128 characters of a URI reference", r"[!-~]+", 128)]


class CompletionSettings(ServiceSettings):
    """Settings of every service, and `attendance_source`: the beginning of `ce_source` that attendance must have."""

    model_config = SettingsConfigDict(env_prefix="COMPLETION_")

    http_port: Port = 8082
    attendance_source: UriReference = "/attendance/"
