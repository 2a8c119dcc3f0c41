"""Reset of a property's database to its beginning."""

from typing import Any

from services.payment.store.ledger import LEDGER_CHAINS
from shared.messaging.chain import GENESIS
from shared.messaging.operation_log import CHAIN
from tests.builders import LATER
from tests.integration.payment.harness import PaymentHarness

KEPT = ("era", "fingerprint", "lane", "migration", "operation_head", "position", "publication", "replica", "sequence")
"""Tables of the installation itself, not of what it has read."""
EMPTY_ALL_OTHERS = """
do $$
declare
    emptied regclass[];
    guarded regclass[];
    one regclass;
begin
    select array_agg(oid::regclass) into emptied from pg_class
    where relkind = 'r' and relnamespace = current_schema()::regnamespace and not relname = any('{%s}');
    select array_agg(distinct tgrelid::regclass) into guarded from pg_trigger
    where tgrelid = any(emptied) and not tgisinternal;
    foreach one in array guarded loop execute format('alter table %%s disable trigger user', one); end loop;
    execute 'truncate ' || array_to_string(emptied, ', ');
    foreach one in array guarded loop execute format('alter table %%s enable trigger user', one); end loop;
end $$
"""


async def reset_database(harness: PaymentHarness) -> None:
    """Reset database and harness for the next example."""
    await harness.connection.execute(EMPTY_ALL_OTHERS % ",".join(KEPT))
    heads = [harness.terms.chain.seal(name, 0, GENESIS) for name in LEDGER_CHAINS.names]
    await LEDGER_CHAINS.save(harness.connection, heads)
    sealed = harness.terms.chain.seal(CHAIN, 0, GENESIS)
    await harness.connection.execute("update operation_head set number = 0, hash = $1, seal = $2", GENESIS, sealed.seal)
    await harness.connection.execute(
        "update sequence set next_sequence = 1, era_first = 1; update lane set era = era + 1"
    )
    fresh: dict[str, Any] = {"announced": [], "instructions": [], "status_requests": [], "pages": [], "now": LATER}
    for name, value in fresh.items():
        setattr(harness, name, value)
