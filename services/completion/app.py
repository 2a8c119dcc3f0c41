"""Composition: the only place where the parts of the completion service meet."""

from services.completion.explanation import explain
from services.completion.handlers.adoption import adopt
from services.completion.invariants import INVARIANTS
from services.completion.ops import audit_trail, gauges
from services.completion.settings import CompletionSettings
from services.completion.subscriptions import CAUSES, sources
from services.completion.timers import timers
from shared.contracts.topics import COMPLETION_EVENTS, dead_letters
from shared.runtime.definition import ServiceDefinition

NAME = "completion"


def definition(settings: CompletionSettings) -> ServiceDefinition:
    """Return the parts of this service that the runtime needs."""
    return ServiceDefinition(
        name=NAME,
        settings=settings,
        sources=sources(settings),
        timers=timers(),
        own_topics=(COMPLETION_EVENTS, dead_letters(NAME)),
        adopt=adopt,
        audit_trail=audit_trail,
        explain=explain,
        gauges=gauges,
        invariants=INVARIANTS,
        causes=CAUSES,
    )
