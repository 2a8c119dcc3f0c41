"""Distribution of keys: each service has exactly the keys it needs."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.docker.entrypoint import own_password_file
from deploy.docker.handover import HANDED_MODE, RECIPIENTS
from deploy.docker.jobs import keys
from deploy.local.keys import KEYS_OF, MADE, hand_out, make_keys
from services.completion.app import definition as completion
from services.completion.settings import CompletionSettings
from services.enrollment.app import definition as enrollment
from services.enrollment.settings import EnrollmentSettings
from services.payment.app import definition as payment
from services.payment.settings import PaymentSettings
from shared.contracts.seals import KeyRing
from shared.contracts.topics import PARTNERS
from shared.errors import Refused
from shared.runtime.chain_seals import ChainSeals
from shared.runtime.definition import ServiceDefinition
from shared.runtime.tokens import Tokens

PARTS: dict[str, Callable[[Path], ServiceDefinition]] = {
    "enrollment": lambda folder: enrollment(EnrollmentSettings(keys_folder=folder)),
    "completion": lambda folder: completion(CompletionSettings(keys_folder=folder)),
    "payment": lambda folder: payment(PaymentSettings(keys_folder=folder)),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys", services=PARTS, partners=PARTNERS)
    return tmp_path / "keys"


def read_all_keys(service: str, folder: Path) -> None:
    """Read every key as the service does at its start, and the tokens, without which it answers nobody's commands."""
    parts = PARTS[service](folder)
    KeyRing.load(folder / f"{service}.jwks.json")
    ChainSeals.load(folder, service, parts.chains)
    if not Tokens.load(folder).holders:
        raise Refused("nobody has a token in tokens.json")


@pytest.mark.parametrize("service", PARTS)
def test_service_starts_with_its_own_keys_alone(folder: Path, service: str) -> None:
    own = hand_out(folder, service)
    assert {path.name for path in own.iterdir()} == {*KEYS_OF[service]}
    read_all_keys(service, own)


@pytest.mark.parametrize(("service", "name"), [(service, name) for service in PARTS for name in KEYS_OF[service]])
def test_every_handed_key_is_needed(folder: Path, service: str, name: str) -> None:
    own = hand_out(folder, service)
    (own / name).unlink()
    with pytest.raises((OSError, Refused), match=name):
        read_all_keys(service, own)


def test_no_service_has_the_keys_of_another() -> None:
    for service in PARTS:
        others = {f"{other}.jwks.json" for other in PARTS if other != service}
        others |= {f"{other}-chain.key" for other in PARTS if other != service}
        assert not others & {*KEYS_OF[service]}
    assert [service for service in PARTS if "reference.key" in KEYS_OF[service]] == ["payment"]
    assert [service for service in PARTS if "identity-index.key" in KEYS_OF[service]] == ["enrollment"]


def test_rotated_key_is_visible_and_surplus_key_is_removed(folder: Path) -> None:
    own = hand_out(folder, "payment")
    (own / "identity-index.key").symlink_to("../identity-index.key")
    (folder / "reference.key").write_text("turned")
    assert hand_out(folder, "payment") == own
    assert (own / "reference.key").read_text() == "turned"
    assert {path.name for path in own.iterdir()} == {*KEYS_OF["payment"]}
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


@pytest.fixture
def handed(tmp_path: Path) -> Path:
    """Run the job `keys` with one folder per container, and return the parent folder."""
    for name in RECIPIENTS:
        (tmp_path / "handed" / name).mkdir(parents=True)
    keys(tmp_path / "keys", tmp_path / "handed")
    return tmp_path / "handed"


@pytest.mark.parametrize("name", RECIPIENTS)
def test_container_has_exactly_its_files(tmp_path: Path, handed: Path, name: str) -> None:
    own = handed / name
    (own / "postgres.pgpass").write_text("left behind by an earlier version")
    (tmp_path / "keys" / RECIPIENTS[name].files[-1]).write_text("turned")
    keys(tmp_path / "keys", handed)
    assert {path.name for path in own.iterdir()} == {*RECIPIENTS[name].files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in own.iterdir()} == {HANDED_MODE}
    assert (own / RECIPIENTS[name].files[-1]).read_text() == "turned"


def test_only_server_and_roles_job_have_the_superusers_password(handed: Path) -> None:
    secret = (handed / "postgres" / "postgres.password").read_text()
    found = {path.parent.name for path in handed.rglob("*") if path.is_file() and secret in path.read_text()}
    assert found == {"postgres", "roles"}


@pytest.mark.parametrize("service", PARTS)
def test_only_migration_and_roles_job_have_an_owners_password(handed: Path, service: str) -> None:
    secret = (handed / "roles" / f"{service}_owner.password").read_text()
    found = {path.parent.name for path in handed.rglob("*") if path.is_file() and secret in path.read_text()}
    assert found == {"roles", f"migrate-{service}"}


def test_list_of_all_keys_is_handed_to_nobody(folder: Path, handed: Path) -> None:
    assert (folder / MADE).exists()
    assert not list(handed.rglob(MADE))


def test_container_copies_its_password_file_for_its_user_alone(
    tmp_path: Path, handed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "payment.pgpass"
    monkeypatch.setenv("PGPASSFILE", str(own))
    for _ in range(2):
        own_password_file(handed / "payment")
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert own.read_text() == (handed / "payment" / "payment.pgpass").read_text()
    monkeypatch.delenv("PGPASSFILE")
    own_password_file(handed / "postgres")
