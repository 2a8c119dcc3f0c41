"""Values for tests of the rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement
from services.payment.domain.entitlement import COMPLETED, RATED, Enrollment, Entitlement, Payee

NOW = datetime(2023, 3, 2, 8, tzinfo=UTC)
FEE = Entitlement("fee", 1_500_000, Payee.PROVIDER, COMPLETED, first_training_only=False)
INCENTIVE = Entitlement("incentive_1", 600_000, Payee.PARTICIPANT, RATED, first_training_only=True)


def an_enrollment(**changes: Any) -> Enrollment:
    values: dict[str, Any] = {
        "redeem_code": "PRAT0AB12CD3",
        "participant_id": "4810000000000017",
        "lane": 3,
        "wave": "48",
        "provider_id": "LP0001",
        "entitlements": (FEE, INCENTIVE),
    }
    return Enrollment(**values | changes)


def a_disbursement(**changes: Any) -> Disbursement:
    values: dict[str, Any] = {
        "redeem_code": "PRAT0AB12CD3",
        "benefit": "incentive_1",
        "participant_id": "4810000000000017",
        "lane": 3,
        "wave": "48",
        "payee": Payee.PARTICIPANT,
        "provider_id": "LP0001",
        "amount": 600_000,
        "due_at": NOW,
    }
    return Disbursement(**values | changes)


def an_attempt(**changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "reference": "3ABCDEFGHJKMNPQR",
        "lane": 3,
        "partner": "gopay",
        "amount": 600_000,
        "account": "sealed",
        "instructed_at": NOW,
        "answer_by": NOW + timedelta(minutes=15),
        "redeem_code": "PRAT0AB12CD3",
        "benefit": "incentive_1",
        "number": 1,
    }
    return Attempt(**values | changes)
