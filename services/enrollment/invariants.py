"""Invariants of enrollment."""

from asyncpg import Connection

from services.enrollment.store import invariants
from shared.runtime.definition import Invariant


async def quota_holds(connection: Connection) -> list[str]:
    return [
        f"wave {row['wave']}: quota {row['quota']}, admitted {row['admitted']} and counted {row['counted_admitted']}, "
        f"refused {row['refused']} and counted {row['counted_refused']}, "
        f"promised {row['promised']} and counted {row['counted_promised']}"
        for row in await invariants.load_miscounted_waves(connection)
    ]


async def announcements_have_causes(connection: Connection) -> list[str]:
    keys = await invariants.load_uncaused_announcements(connection)
    return [f"{key} was announced before a restore, and no event read since is its cause" for key in keys]


async def once_per_nik(connection: Connection) -> list[str]:
    people = await invariants.load_niks_admitted_twice(connection)
    return [f"{person} was admitted under a NIK that is not theirs alone" for person in people]


async def refusals_use_nothing_up(connection: Connection) -> list[str]:
    people = await invariants.load_used_up_niks(connection)
    return [f"{person} claims a NIK without having been admitted under it" for person in people]


async def balance_suffices(connection: Connection) -> list[str]:
    return [
        f"{row['participant_id']} has spent {row['spent']} and forfeited {row['forfeited']} of {row['granted']} rupiah"
        for row in await invariants.load_overdrawn_balances(connection)
    ]


async def balances_have_deadlines(connection: Connection) -> list[str]:
    people = await invariants.load_balances_without_deadline(connection)
    return [f"{person} has money left that no deadline will take" for person in people]


async def voided_were_confirmed(connection: Connection) -> list[str]:
    codes = await invariants.load_voids_of_unconfirmed(connection)
    return [f"{code} is voided, and cannot have been confirmed" for code in codes]


async def once_per_redeem_code(connection: Connection) -> list[str]:
    codes = await invariants.load_misclaimed_redeem_codes(connection)
    return [f"{code} is not claimed for the participant who used it" for code in codes]


async def state_counts_agree(connection: Connection) -> list[str]:
    return [
        f"{row['counted']} enrollments are counted as {row['state']}, the table has {row['actual']}"
        for row in await invariants.load_state_count_differences(connection)
    ]


async def erased_have_no_account(connection: Connection) -> list[str]:
    people = await invariants.load_accounts_of_the_erased(connection)
    return [f"participant {person} was erased, and an account or a key is kept" for person in people]


INVARIANTS = (
    Invariant("I8", "no wave admits more than its quota, and its counters equal the decisions", quota_holds),
    Invariant("I12", "each event announced before a restore has its cause", announcements_have_causes),
    Invariant("I2", "a NIK is admitted once", once_per_nik),
    Invariant("I3", "only an admitted participant claims a NIK", refusals_use_nothing_up),
    Invariant("I8", "no participant spends and forfeits more than was granted", balance_suffices),
    Invariant("I3", "what may be forfeited of a balance has a deadline", balances_have_deadlines),
    Invariant("I8", "what is voided had been confirmed", voided_were_confirmed),
    Invariant("I2", "each redeem code belongs to one participant", once_per_redeem_code),
    Invariant("I14", "of erased participants no account and no key is kept", erased_have_no_account),
    Invariant("I7", "the state counts equal the table", state_counts_agree),
)
