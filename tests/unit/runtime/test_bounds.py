"""The bounds of every setting of every service; a value beyond them is refused with a sentence that names them."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from annotated_types import Ge, Le
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsConfigDict

from services.completion.settings import CompletionSettings
from services.enrollment.settings import EnrollmentSettings
from services.payment.settings import PaymentSettings
from shared.runtime.bounds import TextFormat, describe_bounds
from shared.runtime.settings import ServiceSettings, setting_errors

CLASSES = (EnrollmentSettings, CompletionSettings, PaymentSettings)


def settings() -> Iterator[Any]:
    for each in CLASSES:
        for name, field in each.model_fields.items():
            yield pytest.param(each, name, field, id=f"{each.service()}-{name}")


def numbers() -> Iterator[Any]:
    for case in settings():
        if any(isinstance(part, Ge) for part in case.values[2].metadata):
            yield case


def texts() -> Iterator[Any]:
    for case in settings():
        if any(isinstance(part, TextFormat) for part in case.values[2].metadata):
            yield case


def ends(field: FieldInfo) -> tuple[Any, Any]:
    (least,) = [part.ge for part in field.metadata if isinstance(part, Ge)]
    (most,) = [part.le for part in field.metadata if isinstance(part, Le)]
    return least, most


def refusal(of: type[ServiceSettings], name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(f"{of.service()}_{name}".upper(), text)
    with pytest.raises(ValidationError) as refused:
        of()
    return setting_errors(refused.value, of)


def test_every_setting_is_a_number_or_a_text_with_bounds() -> None:
    assert len(list(settings())) == len(list(numbers())) + len(list(texts()))


@pytest.mark.parametrize(("of", "name", "field"), list(numbers()))
def test_number_may_be_either_bound_and_nothing_beyond(
    of: type[ServiceSettings], name: str, field: FieldInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    least, most = ends(field)
    variable = f"{of.service()}_{name}".upper()
    for end in (least, most):
        monkeypatch.setenv(variable, str(end))
        assert getattr(of(), name) == end
    step = 1e-9 if field.annotation is float else 1
    sentence = f"{variable} must be {describe_bounds(field)}"
    assert f"from {least} to {most}" in sentence
    for beyond in (least - step, most + step, "9" * 5000, "-" + "9" * 5000, math.nan, math.inf, "1e999", "many", ""):
        assert refusal(of, name, str(beyond), monkeypatch) == [sentence]


@pytest.mark.parametrize(("of", "name", "field"), list(texts()))
def test_text_has_a_form_and_a_length_and_its_value_is_not_repeated(
    of: type[ServiceSettings], name: str, field: FieldInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = f"{of.service()}_{name}".upper() + f" must be {describe_bounds(field)}"
    for text in ("", "hunter2" * 500, "hunter2\nhunter2", "hunter2\x7f", "hunter2\x1b[31m"):
        assert refusal(of, name, text, monkeypatch) == [sentence]
        assert "hunter2" not in sentence


@pytest.mark.parametrize("text", [".", "..", "payment 1", "payment-1\n", "x" * 129])
def test_replica_name_is_one_that_kafka_accepts(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(PaymentSettings, "replica", text, monkeypatch)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://payment@127.0.0.1:15432/salur",
        "postgresql://payment:p%40ss@db.example:1/salur?sslmode=verify-full",
        "postgres://payment@[::1]:65535/salur",
        "postgresql://payment@one:5432,two:5432/salur?target_session_attrs=read-write",
        "postgresql:///salur?host=/run/postgresql",
    ],
)
def test_database_url_is_accepted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_POSTGRES_URL", text)
    assert PaymentSettings().postgres_url.get_secret_value() == text


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:15432/salur",
        "mysql://a@b/c",
        "postgresql://a@b:65536/c",
        "postgresql://a@b:x/c",
        "postgresql://a@b:0/c",
    ],
)
def test_malformed_database_url_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(PaymentSettings, "postgres_url", text, monkeypatch)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("kafka:9092", True),
        ("one:9092,two:9092,[::1]:1", True),
        ("kafka", False),
        ("kafka:65536", False),
        ("kafka:9092,", False),
        ("kafka:9092 two:9092", False),
    ],
)
def test_bootstrap_server_has_a_host_and_a_port(text: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if good:
        monkeypatch.setenv("PAYMENT_KAFKA_BOOTSTRAP", text)
        assert PaymentSettings().kafka_bootstrap == text
    else:
        assert refusal(PaymentSettings, "kafka_bootstrap", text, monkeypatch)


@pytest.mark.parametrize(
    ("annotation", "field"),
    [
        (int, Field(default=1, ge=1)),
        (int, Field(default=1, le=1)),
        (float, Field(default=1.0)),
        (str, Field(default="x", max_length=9)),
        (str, Field(default="x", pattern="x")),
        (int | None, Field(default=None, ge=1)),
        (bool, Field(default=True)),
    ],
)
def test_settings_class_without_bounds_does_not_load(annotation: Any, field: Any) -> None:
    with pytest.raises(TypeError, match="needs both bounds"):
        type(
            "BoundlessSettings",
            (ServiceSettings,),
            {
                "__module__": __name__,
                "__annotations__": {"boundless": annotation},
                "boundless": field,
                "model_config": SettingsConfigDict(env_prefix="BOUNDLESS_"),
            },
        )
