"""Settings of the enrollment service."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.runtime.bounds import Folder
from shared.runtime.settings import Port, ServiceSettings


class EnrollmentSettings(ServiceSettings):
    """Settings of every service, and the folder of the scheme files.

    `wait_at_most_seconds` also bounds the wait for the previous training's completion.
    """

    model_config = SettingsConfigDict(env_prefix="ENROLLMENT_")

    http_port: Port = 8081
    schemes_folder: Folder = Path(__file__).parent / "schemes"
