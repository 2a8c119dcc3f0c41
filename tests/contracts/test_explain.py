"""The page of `explain` names every rule that the services name."""

import re
from pathlib import Path

import pytest

from deploy.local.paths import ROOT
from services.enrollment.domain.admission import AdmissionRefusal
from services.enrollment.domain.forfeit import ForfeitReason
from services.enrollment.domain.purchase import PurchaseRejection
from services.payment.domain.claim import ClaimReason
from services.payment.domain.disbursement import HoldReason
from services.payment.domain.entitlement import Annulment

PAGE = ROOT / "docs" / "contracts" / "explain.md"
BY_REASON = {
    "admission": AdmissionRefusal,
    "purchase": PurchaseRejection,
    "forfeit": ForfeitReason,
    "hold": HoldReason,
    "claim": ClaimReason,
    "cancel": Annulment,
}


def literal_rules(path: Path) -> set[str]:
    """Return the rules that a module names as texts; what it formats from a reason is in BY_REASON."""
    return set(re.findall(r'"([a-z]+\.[a-z_]+)"', path.read_text()))


@pytest.mark.parametrize("service", ["enrollment", "completion", "payment"])
def test_every_rule_of_a_service_is_on_the_page(service: str) -> None:
    rules = literal_rules(ROOT / "services" / service / "explanation.py")
    assert len(rules) > 4
    assert [rule for rule in sorted(rules) if f"`{rule}`" not in PAGE.read_text()] == []


@pytest.mark.parametrize("family", BY_REASON)
def test_every_reason_is_a_rule_on_the_page(family: str) -> None:
    names = [f"`{family}.{reason.value}`" for reason in BY_REASON[family]]
    assert [name for name in names if name not in PAGE.read_text()] == []
