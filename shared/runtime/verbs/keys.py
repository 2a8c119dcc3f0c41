"""`keys`: what rests sealed under each key, and how what lies under an older key of the service is sealed again."""

from collections.abc import Iterator, Mapping, Sequence

import typer
from asyncpg import Connection, Record

from shared.errors import Refused
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.transaction.parking import reseal
from shared.messaging.transaction.seal_counts import count_pages
from shared.postgres.chunks import OnPortion
from shared.runtime.command_context import PREVIEW, CommandContext
from shared.runtime.data_identity import RotatingKeys, SealedPlace, load_known_keys
from shared.runtime.verbs.options import Json, Who, Why, Yes

COLUMNS = ("set", "kid", "use", "known_since", "place", "number", "keeps_the_key")
NOTHING, PAGES = "nothing", "events kept in pages"
PROGRESS_ROWS = 10_000


def key_verbs(command: CommandContext) -> typer.Typer:
    verbs = typer.Typer(help="Show what rests sealed under each key, or seal it again.", no_args_is_help=True)

    @verbs.command("list")
    def list_(as_json: Json = False) -> None:
        """Show each key, and what rests under it. A key may go when nothing is left that keeps it in its set."""
        rings = command.keys.identity.rotating_keys
        rows = command.run_in_session(lambda connection: _rows(connection, rings), long_running=True)
        command.output.show(rows, COLUMNS, as_json=as_json)

    @verbs.command("reseal")
    def reseal_(who: Who, why: Why, yes: Yes = False) -> None:
        """Seal again what lies under older keys of the service's own set. The next run goes on with what is left."""
        ring = next(one for one in command.keys.identity.rotating_keys if one.name == command.definition.name)

        async def announce(connection: Connection, operator: Operator) -> Outcome:
            return await _announce(connection, operator, ring)

        command.output.print(command.execute(announce, who, why, commit=yes).sentence)
        if not yes:
            command.output.print(PREVIEW)
            return
        for sentence in _reseal(command):
            command.output.print(sentence)

    return verbs


async def _rows(connection: Connection, rings: Sequence[RotatingKeys]) -> list[dict[str, object]]:
    """Return a row for each key and place, and one for a key under which nothing rests."""
    known = await load_known_keys(connection)
    in_sets = {kid for ring in rings for kid in ring.keys.kids}
    rows: list[dict[str, object]] = []
    for ring in rings:
        places = list(await ring.count_sealed(connection))
        if ring.page_topic:
            places.append(SealedPlace(PAGES, await count_pages(connection, ring.page_topic)))
        missing = {kid for place in places for kid in place.by_kid} - in_sets
        for kid in (*ring.keys.kids, *sorted(missing)):
            found = [place for place in places if place.by_kid.get(kid)]
            rows += [_row(ring, kid, known, place) for place in found or [SealedPlace(NOTHING, {})]]
    return rows


def _row(ring: RotatingKeys, kid: str, known: Mapping[str, Record], place: SealedPlace) -> dict[str, object]:
    first = known.get(f"{ring.name}/{kid}")
    use = "seals" if ring.seals and kid == ring.keys.current else "opens" if kid in ring.keys.kids else "not in the set"
    return {
        "set": ring.name,
        "kid": kid,
        "use": use,
        "known_since": f"{first['since']:%Y-%m-%d %H:%M:%S}Z" if first else None,
        "place": place.name,
        "number": place.by_kid.get(kid, 0),
        "keeps_the_key": place.name not in (NOTHING, PAGES),
    }


async def _announce(connection: Connection, operator: Operator, ring: RotatingKeys) -> Outcome:
    """Note in the log of operations what is to be sealed again. Raise Refused if it is nothing."""
    current = ring.keys.current
    older = [
        (place.name, kid, number)
        for place in await ring.count_sealed(connection)
        for kid, number in sorted(place.by_kid.items())
        if kid in ring.keys.kids and kid != current
    ]
    if not older:
        raise Refused(f"nothing lies under an older key of {ring.file}; {current} seals all")
    await operator.record(connection, "keys reseal", to=current, found=[list(one) for one in older])
    listed = ", ".join(f"{number:,} {place} under {kid}" for place, kid, number in older)
    return Outcome(changed=True, sentence=f"to be sealed again under {current}: {listed}")


def _reseal(command: CommandContext) -> Iterator[str]:
    """Seal again, as the owner of the tables, and yield what was done."""
    vault, definition, progress = command.keys.own, command.definition, _progress(command)
    parked = command.run_in_session(lambda c: reseal(c, vault, progress), keys=command.keys, as_owner=True)
    yield f"resealed under {vault.current}: {parked} parked records"
    if (reseal_kept := definition.reseal) is not None:
        yield from command.run_in_session(lambda c: reseal_kept(c, progress), keys=command.keys, as_owner=True)


def _progress(command: CommandContext) -> OnPortion:
    """Return what prints, every PROGRESS_ROWS rows, how many are sealed again."""
    done = 0

    def note(rows: int) -> None:
        nonlocal done
        if done // PROGRESS_ROWS < (done + rows) // PROGRESS_ROWS:
            command.output.warn(f"{done + rows:,} are sealed again")
        done += rows

    return note
