"""Composition: the only place where the parts of the payment service meet."""

from datetime import timedelta
from functools import partial

from asyncpg import Connection

from services.payment.handlers import Context
from services.payment.handlers.adopting import adopt
from services.payment.handlers.identity import fixed, rings
from services.payment.handlers.looking_back import freeze_contradicted, is_contradiction_parked
from services.payment.handlers.measuring import AnswerTimes
from services.payment.handlers.resealing import seal_again
from services.payment.invariants import INVARIANTS
from services.payment.ops import degraded, funds, gauges, halts, trail
from services.payment.settings import PaymentSettings
from services.payment.store.accounts import anything_is_kept
from services.payment.store.books import BOOKS
from services.payment.subscriptions import sources
from services.payment.timers import timers
from shared.clock import Clock
from shared.contracts import upstream
from shared.contracts.sealed import BlindIndex, KeyRing, read_key
from shared.contracts.topics import PARTNERS, PAYMENT_EVENTS, dead_letters, disbursements
from shared.messaging.intake import Intake
from shared.messaging.transaction import Terms
from shared.runtime.parts import LookBack, ServiceParts

NAME = "payment"


def context_of(settings: PaymentSettings) -> Context:
    """What all use cases share; raises OSError or ValueError when keys are missing or malformed."""
    keys = settings.keys_folder
    programme = keys / "programme.jwks.json"
    return Context(
        programme=settings.programme,
        reference_key=read_key(keys / "reference.key"),
        providers=KeyRing.load(programme, may_seal=upstream.PROVIDER_REGISTERED.name),
        linked=KeyRing.load(keys / "accounts.jwks.json"),
        own=KeyRing.load(keys / f"{NAME}.jwks.json"),
        upstream=KeyRing.load(programme),
        partners={partner: KeyRing.load(keys / f"{partner}.jwks.json") for partner in PARTNERS},
        index=BlindIndex.load(keys / "account-index.key"),
        answer_within=timedelta(seconds=settings.answer_within_seconds),
        retry_after=timedelta(seconds=settings.retry_after_seconds),
        approval_above=settings.approval_above_rupiah,
        block=settings.draw_rupiah,
        answers=AnswerTimes(),
    )


def parts(settings: PaymentSettings) -> ServiceParts:
    """All that the runtime needs to know of this service."""
    context = context_of(settings)
    return ServiceParts(
        name=NAME,
        settings=settings,
        sources=sources(context),
        timers=timers(context),
        # As they are adopted: what was told to partners, then which rights it pays.
        own_topics=(*map(disbursements, PARTNERS), PAYMENT_EVENTS, dead_letters(NAME)),
        adopt=adopt,
        trail=partial(trail, context),
        gauges=partial(gauges, Clock.from_environment()),
        invariants=INVARIANTS,
        measures=(context.answers,),
        fixed=fixed(context),
        rings=rings(context),
        chains=(BOOKS,),
        views={"/halts": halts, "/funds": funds},
        degraded=degraded,
    )


async def is_to_look_back(connection: Connection) -> bool:
    """Tell whether anything is kept or parked that may have to be seen to."""
    return await anything_is_kept(connection) or await is_contradiction_parked(connection)


async def look_back(service: ServiceParts, terms: Terms, connection: Connection) -> list[str]:
    """Seal again what lies under another key, and freeze what was parked as a contradiction before that froze."""
    context = context_of(PaymentSettings.model_validate(service.settings))
    sealed = await seal_again(context, connection)
    now = Clock.from_environment().now()
    return [*sealed, *await freeze_contradicted(context, terms, Intake(service.sources), now, connection)]


LOOK_BACK = LookBack(is_to_look_back, look_back)
