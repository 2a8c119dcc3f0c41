"""Settings from the environment; an unknown name is refused."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings, setting_errors


class ToySettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TOY_")

    answer_within_seconds: int = Field(default=900, ge=1, le=3600)


def setting_errors_of(error: ValidationError) -> list[str]:
    return setting_errors(error, ToySettings)


def test_every_setting_has_a_default() -> None:
    settings = ToySettings()
    assert settings.replica == "toy-1"
    assert settings.postgres_url.get_secret_value() == "postgresql://toy@127.0.0.1:15432/salur"
    assert (settings.batch_records, settings.sweep_every_seconds, settings.wait_at_most_seconds) == (3000, 5.0, 86_400)


def test_environment_is_read_under_the_services_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_ANSWER_WITHIN_SECONDS", "5")
    monkeypatch.setenv("TOY_KEYS_FOLDER", "/keys")
    monkeypatch.setenv("OTHER_BATCH_RECORDS", "7")
    settings = ToySettings()
    assert (settings.answer_within_seconds, settings.keys_folder, settings.batch_records) == (5, Path("/keys"), 3000)


def test_unknown_setting_is_refused_and_the_nearest_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_ANSWER_WITHIN_SECOND", "5")
    with pytest.raises(ValidationError) as refused:
        ToySettings()
    assert setting_errors_of(refused.value) == [
        "TOY_ANSWER_WITHIN_SECOND is not a setting of toy; did you mean TOY_ANSWER_WITHIN_SECONDS?"
    ]


def test_database_url_is_never_printed() -> None:
    settings = ToySettings(postgres_url=SecretStr("postgresql://toy:hunter2@127.0.0.1/salur"))
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
