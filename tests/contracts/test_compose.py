"""The compose file: valid, bound to this machine, each container with its own keys and grants."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.docker.handover import RECIPIENTS
from deploy.docker.jobs import JOBS
from deploy.local.paths import ROOT
from deploy.local.up import PORT_SETTINGS
from shared.contracts.topics import SERVICES

COMPOSE = ROOT / "docker-compose.yml"
COMPOSITION: dict[str, Any] = YAML(typ="safe").load(COMPOSE)
CONTAINERS: dict[str, dict[str, Any]] = COMPOSITION["services"]
OURS = {name: container for name, container in CONTAINERS.items() if container["image"] == "salur"}
(TMPFS,) = COMPOSITION["x-salur"]["tmpfs"]
ONE_SHOT = {*JOBS, *(f"migrate-{service}" for service in SERVICES)}


def dependencies(name: str) -> dict[str, str]:
    return {other: wait["condition"] for other, wait in CONTAINERS[name].get("depends_on", {}).items()}


def test_compose_file_follows_the_specification() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    command: list[str | Path] = [tool, "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_container_has_or_gains_privileges(name: str) -> None:
    assert CONTAINERS[name]["cap_drop"] == ["ALL"]
    assert CONTAINERS[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_read_only_images(name: str) -> None:
    assert OURS[name]["read_only"] is True


@pytest.mark.parametrize("name", CONTAINERS)
def test_ports_are_bound_to_loopback(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in CONTAINERS[name].get("ports", []))


@pytest.mark.parametrize("name", ["kafka", "postgres", *SERVICES])
def test_ports_are_those_of_make_up_and_move_by_the_same_settings(name: str) -> None:
    setting, default = PORT_SETTINGS[name]
    (port,) = CONTAINERS[name]["ports"]
    assert f"${{{setting}:-{default}}}" in port


@pytest.mark.parametrize("name", ["kafka", "postgres", *SERVICES])
def test_servers_have_a_health_check(name: str) -> None:
    assert CONTAINERS[name]["healthcheck"]["test"][0] == "CMD"
    assert CONTAINERS[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", CONTAINERS)
def test_dependencies_wait_for_ended_jobs_and_healthy_servers(name: str) -> None:
    expected = {
        other: "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        for other in dependencies(name)
    }
    assert dependencies(name) == expected


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_after_its_topics_and_its_schema(service: str) -> None:
    assert set(dependencies(service)) == {"topics", f"migrate-{service}"}
    assert set(dependencies(f"migrate-{service}")) == {"roles"}


@pytest.mark.parametrize("service", SERVICES)
def test_service_has_only_its_own_database_url_without_a_password(service: str) -> None:
    environment = CONTAINERS[service]["environment"]
    assert environment["PGPASSFILE"] == f"{TMPFS}/{service}.pgpass"
    assert environment[f"{service.upper()}_POSTGRES_URL"] == f"postgresql://{service}@postgres:5432/salur"
    others = tuple(f"{other.upper()}_" for other in SERVICES if other != service)
    assert not any(name.startswith((*others, "SALUR_")) for name in environment)
    assert f"{service.upper()}_MIGRATE_URL" not in environment


@pytest.mark.parametrize("service", SERVICES)
def test_migration_runs_as_the_owner_only(service: str) -> None:
    environment = CONTAINERS[f"migrate-{service}"]["environment"]
    assert environment == {
        "PGPASSFILE": f"{TMPFS}/{service}_owner.pgpass",
        f"{service.upper()}_MIGRATE_URL": f"postgresql://{service}_owner@postgres:5432/salur",
        f"{service.upper()}_KEYS_FOLDER": "/keys",
    }


def mounts(name: str) -> dict[str, Any]:
    """Volumes of a container that hold keys, by their source."""
    volumes = CONTAINERS[name].get("volumes", [])
    pairs = [one.split(":") for one in volumes if isinstance(one, str)]
    listed = [{"source": source, "target": target} for source, target in pairs]
    listed += [one for one in volumes if isinstance(one, dict)]
    return {one["source"]: one for one in listed if one["source"].startswith("keys")}


@pytest.mark.parametrize("name", sorted(CONTAINERS.keys() - {"keys"}))
def test_container_sees_only_its_own_keys(name: str) -> None:
    own = {"type": "volume", "source": f"keys-{name}", "target": "/keys", "read_only": True, "volume": {"nocopy": True}}
    assert mounts(name) == ({f"keys-{name}": own} if name in RECIPIENTS else {})


def test_key_job_hands_keys_to_all_that_need_them() -> None:
    found = {source: one["target"] for source, one in mounts("keys").items()}
    assert found == {"keys": "/keys", **{f"keys-{name}": f"/handed/{name}" for name in RECIPIENTS}}


@pytest.mark.parametrize("name", RECIPIENTS)
def test_container_runs_as_the_user_that_its_keys_belong_to(name: str) -> None:
    uid = RECIPIENTS[name].uid
    assert CONTAINERS[name]["user"] == f"{uid}:{uid}"
    hand = re.search(rf"hand (\d+) {name}\b(?!-)", (ROOT / "deploy" / "docker" / "Dockerfile").read_text())
    assert hand is not None
    assert int(hand[1]) == uid


def test_no_two_services_run_as_one_user() -> None:
    running = ["postgres", "partners", "roles", *SERVICES]
    assert len({CONTAINERS[name]["user"] for name in running}) == len(running)


@pytest.mark.parametrize("name", OURS)
def test_command_names_an_existing_module(name: str) -> None:
    python, option, module, *_ = OURS[name]["command"]
    assert (python, option) == ("python", "-m")
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()


@pytest.mark.parametrize("name", sorted(CONTAINERS.keys() - OURS.keys()))
def test_foreign_image_names_its_version(name: str) -> None:
    _, _, tag = CONTAINERS[name]["image"].partition(":")
    assert tag[:1].isdigit()
