"""Waves: a wave is a cause shared by all lanes; the sweep of each lane releases what was deferred for it."""

from collections.abc import Sequence

from services.enrollment.context import Context
from services.enrollment.domain.admission import Wave
from services.enrollment.store.waves import insert_waves, load_waves, recount_promised
from shared.contracts import upstream
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction


async def open_waves(context: Context, tx: Transaction, messages: Sequence[Message[upstream.WaveOpened]]) -> None:
    """Store new waves; park one of an unknown scheme, and other content under a known name."""
    known = await load_waves(tx.connection, {message.data.wave for message in messages})
    opened: dict[str, Wave] = {}
    for message in messages:
        data = message.data
        versions = context.schemes.get(data.scheme)
        if versions is None:
            tx.park(message, ParkReason.INVALID_FIELD, "/scheme")
            continue
        cut_off_at = versions.at(data.opens_at).cut_off_of_wave(data.opens_at)
        wave = Wave(data.wave, data.scheme, data.quota, data.opens_at, data.closes_at, cut_off_at)
        if known.setdefault(data.wave, wave) != wave:
            tx.park(message, ParkReason.CONFLICT, "/wave")
        else:
            opened[data.wave] = wave
    await insert_waves(tx.connection, opened.values())
    await recount_promised(tx.connection, opened)
