"""What the completion service can be told."""

from typing import Annotated

from pydantic_settings import SettingsConfigDict

from shared.runtime.bounds import TextFormat
from shared.runtime.settings import Port, ServiceSettings

UriReference = Annotated[str, TextFormat("1 to 128 characters of a URI reference", r"[!-~]+", 128)]


class CompletionSettings(ServiceSettings):
    """`attendance_source`: how `ce_source` must begin for an attendance to be believed."""

    model_config = SettingsConfigDict(env_prefix="COMPLETION_")

    http_port: Port = 8082
    attendance_source: UriReference = "/attendance/"
