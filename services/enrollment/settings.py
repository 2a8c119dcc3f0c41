"""What the enrollment service can be told."""

from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import Port, ServiceSettings


class EnrollmentSettings(ServiceSettings):
    """`wait_at_most_seconds` is also how long a purchase waits for the previous training to be completed and rated."""

    model_config = SettingsConfigDict(env_prefix="ENROLLMENT_")

    http_port: Port = 8081
