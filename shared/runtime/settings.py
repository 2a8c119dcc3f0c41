"""Settings from the environment, under the prefix of the service."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.bounds import (
    LONGEST_DAYS,
    LONGEST_SECONDS,
    BootstrapServers,
    Folder,
    Host,
    PostgresUrl,
    ReplicaName,
    describe_bounds,
)

Port = Annotated[int, Field(ge=1, le=65_535)]


class ServiceSettings(BaseSettings):
    """The settings that all services have. `migrate_url` is the tables' owner's, for `migrate` alone.

    A service derives its own class with `env_prefix`, its port and its own settings.

    An environment variable with the service's prefix that names no setting is refused, each setting has bounds, and a
    message about a bad value never shows the value. Raises pydantic's ValidationError; `setting_errors` turns that into
    sentences.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, env_prefix="SERVICE_"
    )

    postgres_url: PostgresUrl
    migrate_url: PostgresUrl
    kafka_bootstrap: BootstrapServers = "127.0.0.1:19092"
    http_host: Host = "127.0.0.1"
    http_port: Port = 8080
    keys_folder: Folder = Path("var/keys")
    replica: ReplicaName
    batch_records: int = Field(default=3000, ge=1, le=10_000)
    sweep_every_seconds: float = Field(default=5.0, ge=0.01, le=60)
    look_every_seconds: float = Field(default=60.0, ge=0.01, le=3600)
    wait_at_most_seconds: int = Field(default=86_400, ge=1, le=LONGEST_SECONDS)
    waiting_per_key: int = Field(default=5000, ge=1, le=100_000)
    waiting_in_all: int = Field(default=2_000_000, ge=1, le=100_000_000)
    page_retention_days: int = Field(default=42, ge=1, le=LONGEST_DAYS)
    parked_retention_days: int = Field(default=365, ge=1, le=LONGEST_DAYS)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Refuse a class with a setting that has no bounds."""
        for field in cls.model_fields.values():
            describe_bounds(field)

    @classmethod
    def service(cls) -> str:
        """Return the name of the service: its prefix in lower case."""
        return str(cls.model_config.get("env_prefix", "")).rstrip("_").lower()

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_and_add_defaults(cls, given: Any) -> Any:
        if unknown := unknown_variables(cls, os.environ):
            raise ValueError("; ".join(unknown))
        service = cls.service()
        roles = {"postgres_url": service, "migrate_url": f"{service}_owner"}
        urls = {name: f"postgresql://{role}@127.0.0.1:15432/salur" for name, role in roles.items()}
        return urls | {"replica": f"{service}-1"} | dict(given)


def unknown_variables(settings: type[ServiceSettings], names: Iterable[str]) -> list[str]:
    """Return a sentence for each name that has the service's prefix and is no setting of it."""
    prefix = str(settings.model_config.get("env_prefix", "")).upper()
    known = [prefix + field.upper() for field in settings.model_fields]
    sentences = []
    for name in sorted(names):
        if not name.upper().startswith(prefix) or name.upper() in known:
            continue
        near = get_close_matches(name.upper(), known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        sentences.append(f"{name} is not a setting of {settings.service()}{meant}")
    return sentences


def setting_errors(error: ValidationError, settings: type[ServiceSettings]) -> list[str]:
    """Return a sentence for each setting that is wrong: its name and what it must be, not the value given."""
    prefix = str(settings.model_config.get("env_prefix", "")).upper()
    sentences = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if field := settings.model_fields.get(name):
            sentences.append(f"{prefix}{name.upper()} must be {describe_bounds(field)}")
        else:
            sentences.append(problem["msg"].removeprefix("Value error, "))
    return sentences
