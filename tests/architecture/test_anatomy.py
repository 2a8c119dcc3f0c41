"""Anatomy of the services: the same parts in each, and the same module names for the same things."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.repository import place, services

LANED = {"enrollment", "completion", "payment"}
FILES = {
    "README.md",
    "__init__.py",
    "__main__.py",
    "app.py",
    "explanation.py",
    "invariants.py",
    "ops.py",
    "grants.sql",
    "schema.sql",
    "settings.py",
    "subscriptions.py",
    "timers.py",
}
FOLDERS = {"domain", "handlers", "migrations", "sql", "store"}
# Parts for which only these services have a need.
OWN = {
    "enrollment": {"context.py", "schemes"},
    "payment": {"books", "commands.py", "context.py", "metrics.py", "payout", "reason_page.py", "reconciliation"},
}

# Modules that several services have: under one name is the same thing.
COMMON_MODULES = {
    "domain": {"block", "calendar", "deferral_kinds"},
    "handlers": {
        "accounts",
        "adoption",
        "blocks",
        "data_identity",
        "enrollments",
        "erasures",
        "milestones",
        "resealing",
    },
    "store": {"accounts", "blocks", "data_identity", "enrollments", "erasures", "state_counts", "views"},
}
# Modules that payment has in `payout` and another service in `handlers`: there, payouts need them as well.
IN_PAYOUT = {"account_seals"}
# Modules for which one service alone has a need.
OWN_MODULES = {
    "enrollment": {
        "domain": {
            "admission",
            "benefits",
            "claim_kinds",
            "course",
            "forfeit",
            "identity",
            "purchase",
            "purchase_deadline",
            "region_codes",
            "scheme",
        },
        "handlers": {
            "account_seals",
            "admissions",
            "confirmation",
            "courses",
            "forfeits",
            "nik_claims",
            "opened_seals",
            "purchase_decisions",
            "purchases",
            "voided_enrollments",
            "voids",
            "waves",
        },
        "store": {"admissions", "courses", "forfeits", "invariants", "voids", "waves"},
    },
    "completion": {
        "domain": {
            "completion",
            "enrollment",
            "evidence",
            "evidence_check",
            "evidence_kinds",
            "reopening",
            "revocation",
            "rule",
            "survey",
        },
        "handlers": {
            "announced_events",
            "evidence",
            "evidence_sources",
            "outcome",
            "reopening",
            "revocations",
            "surveys",
        },
        "store": {"deadlines", "evidence", "remembered_events", "revocations", "surveys"},
    },
    "payment": {
        "domain": {
            "attempt",
            "claim",
            "cures",
            "cut_off",
            "disbursement",
            "eligibility",
            "entitlement",
            "funds",
            "ledger",
            "partner_limits",
            "reason_codes",
            "reason_table",
            "reconciliation",
            "reference",
            "report_outcome",
            "series",
        },
        "handlers": {
            "account_indices",
            "appropriations",
            "approvals",
            "cancellations",
            "claims",
            "contradiction_backfill",
            "halts",
            "providers",
            "reports",
        },
        "store": {
            "approvals",
            "attempts",
            "books",
            "claims",
            "contradictions",
            "cures",
            "cut_offs",
            "disbursements",
            "funds",
            "halts",
            "ledger",
            "monthly_dues",
            "partner_limits",
            "providers",
            "statements",
            "status_checks",
        },
    },
}


def parts_of(service: Path) -> set[str]:
    return {path.name for path in service.iterdir() if path.name != "__pycache__"}


def modules_of(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_three_services_have_lanes() -> None:
    assert {service.name for service in services()} == LANED


def test_every_service_has_the_same_parts_and_no_others() -> None:
    for service in services():
        assert parts_of(service) - OWN.get(service.name, set()) == FILES | FOLDERS, service.name


@pytest.mark.parametrize("folder", COMMON_MODULES)
def test_modules_have_the_names_of_the_anatomy(folder: str) -> None:
    found = {service.name: modules_of(service / folder) for service in services()}
    own = {name: modules - COMMON_MODULES[folder] for name, modules in found.items()}
    assert own == {name: folders[folder] for name, folders in OWN_MODULES.items()}
    shared = {name for name in COMMON_MODULES[folder] if sum(name in modules for modules in found.values()) > 1}
    assert shared == COMMON_MODULES[folder], "name a module here only if several services have it"


@pytest.mark.parametrize("folder", COMMON_MODULES)
def test_no_two_services_have_the_same_module_as_their_own(folder: str) -> None:
    names = [name for folders in OWN_MODULES.values() for name in folders[folder]]
    assert len(names) == len(set(names)), "move the name to COMMON_MODULES"


def test_payout_and_the_handlers_of_others_share_the_modules_named() -> None:
    payment = next(service for service in services() if service.name == "payment")
    handlers = set().union(*(modules_of(service / "handlers") for service in services() if service != payment))
    assert modules_of(payment / "payout") & handlers == IN_PAYOUT


def test_migrations_are_numbered_without_a_gap() -> None:
    for service in services():
        numbers = [path.name[:4] for path in sorted((service / "migrations").glob("*.sql"))]
        assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)], service.name
        assert numbers, service.name


def test_every_package_and_module_has_a_docstring() -> None:
    silent = [
        place(path)
        for service in services()
        for path in sorted(service.rglob("*.py"))
        if not path.read_text().startswith(('"""', 'r"""'))
    ]
    assert silent == []
