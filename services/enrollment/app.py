"""Composition: the only place where the parts of the enrollment service meet."""

from datetime import timedelta

from services.enrollment.handlers import Context
from services.enrollment.handlers.adoption import adopt
from services.enrollment.handlers.identity import fixed, rings
from services.enrollment.invariants import INVARIANTS
from services.enrollment.ops import gauges, trail
from services.enrollment.schemes import load_schemes
from services.enrollment.settings import EnrollmentSettings
from services.enrollment.subscriptions import CAUSES, sources
from services.enrollment.timers import timers
from shared.contracts.sealed import BlindIndex, KeyRing
from shared.contracts.topics import ENROLLMENT_EVENTS, dead_letters
from shared.runtime.parts import ServiceParts

NAME = "enrollment"


def parts(settings: EnrollmentSettings) -> ServiceParts:
    """All that the runtime needs to know of this service. Raises OSError or ValueError for bad keys or schemes."""
    context = Context(
        keys=KeyRing.load(settings.keys_folder / "programme.jwks.json"),
        index=BlindIndex.load(settings.keys_folder / "identity-index.key"),
        schemes=load_schemes(),
        wait_at_most=timedelta(seconds=settings.wait_at_most_seconds),
    )
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
        rings=rings(context, KeyRing.load(settings.keys_folder / f"{NAME}.jwks.json")),
    )
