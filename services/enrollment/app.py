"""Composition: the only place where the parts of the enrollment service meet."""

from datetime import timedelta

from asyncpg import Connection

from services.enrollment.handlers import TAKEN_IN, Context
from services.enrollment.handlers.adoption import adopt
from services.enrollment.handlers.identity import fixed, rings
from services.enrollment.handlers.resealing import seal_again
from services.enrollment.invariants import INVARIANTS
from services.enrollment.ops import gauges, trail
from services.enrollment.schemes import load_schemes
from services.enrollment.settings import EnrollmentSettings
from services.enrollment.store.account import anything_is_kept
from services.enrollment.subscriptions import CAUSES, sources
from services.enrollment.timers import timers
from shared.contracts import upstream
from shared.contracts.sealed import BlindIndex, KeyRing
from shared.contracts.topics import ENROLLMENT_EVENTS, dead_letters
from shared.messaging.transaction import Terms
from shared.runtime.parts import LookBack, ServiceParts

NAME = "enrollment"


def context_of(settings: EnrollmentSettings) -> Context:
    """Return what all use cases share; raises OSError or ValueError for bad keys or schemes."""
    keys = settings.keys_folder
    programme, own = keys / "programme.jwks.json", KeyRing.load(keys / f"{NAME}.jwks.json")
    taken_in = own.derived(TAKEN_IN)
    return Context(
        identities=KeyRing.load(programme, may_seal=upstream.PARTICIPANT_ADMITTED.name).joined(taken_in),
        accounts=KeyRing.load(programme, may_seal=upstream.ACCOUNT_LINKED.name).joined(taken_in),
        upstream=KeyRing.load(programme),
        own=own,
        taken_in=taken_in,
        for_payment=KeyRing.load(keys / "accounts.jwks.json"),
        index=BlindIndex.load(keys / "identity-index.key"),
        schemes=load_schemes(),
        wait_at_most=timedelta(seconds=settings.wait_at_most_seconds),
    )


def parts(settings: EnrollmentSettings) -> ServiceParts:
    """All that the runtime needs to know of this service. Raises OSError or ValueError for bad keys or schemes."""
    context = context_of(settings)
    return ServiceParts(
        name=NAME,
        settings=settings,
        sources=sources(context),
        timers=timers(context),
        own_topics=(ENROLLMENT_EVENTS, dead_letters(NAME)),
        adopt=adopt,
        trail=trail,
        gauges=gauges,
        invariants=INVARIANTS,
        causes=CAUSES,
        fixed=fixed(context),
        rings=rings(context),
    )


async def look_back(service: ServiceParts, _: Terms, connection: Connection) -> list[str]:
    """Seal again what lies under another key, or waits under a seal of before 1.0."""
    return await seal_again(context_of(EnrollmentSettings.model_validate(service.settings)), connection)


LOOK_BACK = LookBack(anything_is_kept, look_back)
