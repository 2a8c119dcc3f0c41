"""Composition: the only place where the parts of the completion service meet."""

from services.completion.handlers.adopting import adopt
from services.completion.invariants import INVARIANTS
from services.completion.ops import gauges, trail
from services.completion.settings import CompletionSettings
from services.completion.subscriptions import CAUSES, sources
from services.completion.timers import timers
from shared.contracts.topics import COMPLETION_EVENTS, dead_letters
from shared.runtime.parts import ServiceParts

NAME = "completion"


def parts(settings: CompletionSettings) -> ServiceParts:
    """All that the runtime needs to know of this service."""
    return ServiceParts(
        name=NAME,
        settings=settings,
        sources=sources(settings),
        timers=timers(),
        own_topics=(COMPLETION_EVENTS, dead_letters(NAME)),
        adopt=adopt,
        trail=trail,
        gauges=gauges,
        invariants=INVARIANTS,
        causes=CAUSES,
    )
