"""`chains`: sealing what stands under a new key when the key before is lost."""

import typer

from shared.runtime.desk import Desk
from shared.runtime.invariants import ENGINE_INVARIANTS
from shared.runtime.verbs.options import Who, Why, Yes

OF_CHAINS = ("E6", "I11")
"""The checks of what stands in the chains, row by row."""


def chain_verbs(desk: Desk) -> typer.Typer:
    verbs = typer.Typer(help="See to the seals of the hash chains.")

    @verbs.callback()
    def chains() -> None:
        """See to the seals of the hash chains; `verify` checks them."""

    @verbs.command("seal-anew")
    def seal_anew(who: Who, why: Why, yes: Yes = False) -> None:
        """Seal every chain's end under the key that is there now, since the one before is lost for good."""
        keys = desk.keys.with_another_chain_key()
        checks = [one for one in (*ENGINE_INVARIANTS, *desk.parts.invariants) if one.id in OF_CHAINS]
        desk.operate(lambda c, operator: keys.sealing.seal_anew(c, operator, checks), who, why, do=yes, keys=keys)

    return verbs
