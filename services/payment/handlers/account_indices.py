"""Indices of accounts that participants linked before accounts had one, and of approvals: filled in at an upgrade."""

from asyncpg import Connection

from services.payment.context import Context
from services.payment.payout.account_seals import OpenedAccounts, index_of
from services.payment.store import accounts
from services.payment.store.approvals import index_approvals

PORTION = 2000


async def index_accounts(context: Context, connection: Connection) -> list[str]:
    """Index the accounts that have no index, and approvals for them; return a sentence if there were any.

    Each portion is a transaction of its own, so that an interrupted run can be continued. An account that does not open
    stays without an index, and counts for nobody.
    """
    opened, after, done = OpenedAccounts(context.own_keys), "", 0
    while kept := await accounts.load_unindexed_accounts(connection, after, PORTION):
        after = kept[-1].subject
        numbers = ((one, opened.number(one)) for one in kept)
        found = [(one, index_of(context.index, one.partner, number)) for one, number in numbers if number]
        await accounts.index_accounts(connection, found)
        done += len(found)
    await index_approvals(connection)
    return [f"indexed: {done} accounts of participants"] if done else []
