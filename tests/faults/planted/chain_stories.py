"""Short stories about chains that are rewritten by somebody who has all of Postgres. A story returns the breaches."""

from contextlib import suppress

from services.payment.handlers.halting import halt, resume
from shared.contracts.topics import lane_of
from shared.messaging.chain import GENESIS, BrokenChain
from shared.messaging.operation_log import operation_hash
from tests.faults.planted.ground import Ground
from tests.infrastructure import sealing_of
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import PARTICIPANT, journey
from tests.integration.payment.forging import rewrite_book

LANE = lane_of(PARTICIPANT)
BESIDE = (LANE + 1) % 12


async def a_book_and_the_log_are_rewritten_and_gone_on_with(ground: Ground) -> list[str]:
    """A fee is made smaller and a halt another's, every hash as it must be; then both chains would go on."""
    async with ground.payment() as bench:
        await bench.prepare()
        await bench.receive(*journey()[:3])
        await bench.operate(halt, None)
        await rewrite_book(bench.connection, LANE, 1)
        await _rewrite_log(bench)
        with suppress(BrokenChain):
            await bench.report(bench.told("fee")[0].reference, "settled")
        with suppress(BrokenChain):
            await bench.operate(resume, None)
        return await _passing(bench, f"book {LANE}", "operations")


async def a_book_is_put_in_the_place_of_another(ground: Ground) -> list[str]:
    """The end of a book is copied, seal and all, to a book that has as many rows."""
    async with ground.payment() as bench:
        await bench.prepare()
        copied = "update book b set (number, hash, seal) = (select number, hash, seal from book where lane = $1)"
        await bench.connection.execute(f"{copied} where lane = $2", LANE, BESIDE)
        return await _passing(bench, f"book {BESIDE}")


async def _rewrite_log(bench: Bench) -> None:
    (row,) = await bench.connection.fetch("select *, detail::text as text from operation where number = 1")
    hashed = operation_hash(GENESIS, 1, row["at"], row["verb"], "somebody else", row["why"], row["text"])
    await bench.connection.execute("alter table operation disable trigger user")
    await bench.connection.execute("update operation set who = 'somebody else', hash = $1", hashed)
    await bench.connection.execute("alter table operation enable trigger user")
    await bench.connection.execute("update operation_head set hash = $1", hashed)


async def _passing(bench: Bench, *chains: str) -> list[str]:
    """Those of these chains, all of them rewritten, that `verify` takes for ours."""
    found = await sealing_of("payment").breaches(bench.connection)
    return [f"{chain} was rewritten and passes for ours" for chain in chains if not any(chain in b for b in found)]
