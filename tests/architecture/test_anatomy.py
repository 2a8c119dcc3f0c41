"""Who knows one service finds everything in the others."""

from __future__ import annotations

from pathlib import Path

from tests.architecture.repository import place, services

LANED = {"enrollment", "completion", "payment"}
FILES = {
    "README.md",
    "__init__.py",
    "__main__.py",
    "app.py",
    "invariants.py",
    "ops.py",
    "grants.sql",
    "schema.sql",
    "settings.py",
    "subscriptions.py",
    "timers.py",
}
FOLDERS = {"domain", "handlers", "migrations", "sql", "store"}
# Rooms for which only these services have a need.
OWN = {"enrollment": {"context.py", "schemes"}, "payment": {"context.py", "metrics.py", "payout"}}


def parts_of(service: Path) -> set[str]:
    return {path.name for path in service.iterdir() if path.name != "__pycache__"}


def test_three_services_have_lanes() -> None:
    assert {service.name for service in services()} == LANED


def test_every_service_has_the_same_parts_and_no_others() -> None:
    for service in services():
        assert parts_of(service) - OWN.get(service.name, set()) == FILES | FOLDERS, service.name


def test_migrations_are_numbered_without_a_gap() -> None:
    for service in services():
        numbers = [path.name[:4] for path in sorted((service / "migrations").glob("*.sql"))]
        assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)], service.name
        assert numbers, service.name


def test_every_package_and_module_says_what_it_is() -> None:
    silent = [
        place(path)
        for service in services()
        for path in sorted(service.rglob("*.py"))
        if not path.read_text().startswith(('"""', 'r"""'))
    ]
    assert silent == []
