"""Versions of disbursements: who approves one names the version that was read, and any change makes another."""

from collections.abc import Sequence

from asyncpg import Connection

from services.payment.domain.disbursement import Disbursement, DisbursementKey
from services.payment.domain.eligibility import version_of
from services.payment.payout.plan import load_payee_accounts, payee_key
from services.payment.store.contradictions import count_contradictions


async def load_versions(connection: Connection, disbursements: Sequence[Disbursement]) -> dict[DisbursementKey, str]:
    """Return the version of each of these disbursements, as it and its payee's account stand now."""
    accounts = await load_payee_accounts(connection, disbursements)
    contradictions = await count_contradictions(connection, [d.key for d in disbursements])
    return {d.key: version_of(d, accounts.get(payee_key(d)), contradictions.get(d.key, 0)) for d in disbursements}
