"""Cures: every hold reason has one, and the README shows them all."""

import re

from deploy.local.paths import ROOT
from services.payment.domain.cures import CURES, Cure, reasons_cured_by
from services.payment.domain.disbursement import HoldReason
from services.payment.store.cures import QUERY_OF

ROW = re.compile(r"^\| ((?:`\w+` ?)+) \| ((?:`\w+` ?)+) \|", re.MULTILINE)


def test_every_hold_reason_has_a_cure() -> None:
    assert set(CURES) == set(HoldReason)
    assert all(CURES.values())


def test_every_cure_ends_a_hold_reason() -> None:
    assert all(reasons_cured_by(cure) for cure in Cure)


def test_reasons_that_a_cure_ends_are_those_of_the_table() -> None:
    assert {cure: reasons_cured_by(cure) for cure in Cure} == {
        cure: {reason for reason, cures in CURES.items() if cure in cures} for cure in Cure
    }
    assert reasons_cured_by(Cure.APPROVAL) == {
        HoldReason.NEEDS_APPROVAL,
        HoldReason.PARTNER_REJECTED,
        HoldReason.SHARED_ACCOUNT,
    }


def test_every_cure_is_swept_for_or_has_a_queue_a_timer_or_a_handler() -> None:
    assert set(Cure) - set(QUERY_OF) == {Cure.MONEY, Cure.TIME, Cure.ROOM, Cure.UNBLOCK}


def test_readme_lists_the_cures_of_every_hold_reason() -> None:
    readme = (ROOT / "services/payment/README.md").read_text()
    table = readme.split("| held for | cure |")[1].split("\n\n")[0]
    listed = {
        reason: set(re.findall(r"\w+", cures)) for reasons, cures in ROW.findall(table) for reason in _names(reasons)
    }
    assert listed == {reason.value: {cure.value for cure in cures} for reason, cures in CURES.items()}


def _names(cell: str) -> list[str]:
    return re.findall(r"\w+", cell)
