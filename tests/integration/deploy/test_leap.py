"""Clock of an installation with data: it passes open deadlines only on request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local.leap import Leap, refuse_leap, time_shown
from shared.contracts.topics import SERVICES
from tests.infrastructure import Database

BEFORE = datetime(2023, 3, 1, tzinfo=UTC)
DUE = BEFORE + timedelta(days=1)


async def _with_schemas(database: Database) -> asyncpg.Connection:
    for service in SERVICES:
        await database.migrate(service)
    return await asyncpg.connect(database.url)


@pytest.mark.parametrize("service", SERVICES)
async def test_leap_over_waiting_records_is_refused(database: Database, service: str) -> None:
    connection = await _with_schemas(database)
    await connection.execute(
        f'insert into {service}.waiting (lane, kind, key, owner, topic, partition, "offset", since, due, record)'
        " values (0, 'wave', '50', '', 'enrollment.requests', 0, 0, $1, $2, '')",
        BEFORE,
        DUE,
    )
    await connection.close()
    with pytest.raises(Leap, match=f"1 waiting records of {service}.*LEAP=1"):
        await refuse_leap(database.url, BEFORE, DUE)
    await refuse_leap(database.url, BEFORE, DUE - timedelta(seconds=1))
    await refuse_leap(database.url, DUE, DUE + timedelta(days=365))
    await refuse_leap(database.url, DUE + timedelta(days=1), BEFORE)


@pytest.mark.parametrize(("state", "refused"), [("open", True), ("not_completed", False)])
async def test_leap_over_open_trainings_is_refused(database: Database, state: str, refused: bool) -> None:
    connection = await _with_schemas(database)
    await connection.execute("insert into completion.deadline values ($1, 0, '{KEPT000001A0}')", DUE)
    await connection.execute(
        "insert into completion.enrollment (redeem_code, participant_id, lane, provider_id, scheme, scheme_version,"
        " rule, known_at, state, decided_at) values ('KEPT000001A0', '4810000000000001', 0, 'LP', 's', 1, '{}', $1,"
        " $2::text::completion.enrollment_state, $3)",
        BEFORE,
        state,
        None if state == "open" else BEFORE,
    )
    await connection.close()
    if refused:
        with pytest.raises(Leap, match="1 trainings not completed"):
            await refuse_leap(database.url, BEFORE, DUE)
    else:
        await refuse_leap(database.url, BEFORE, DUE)


def test_clock_continues_from_the_stored_offset(tmp_path: Path) -> None:
    (tmp_path / "clock-offset").write_text("-86400\n")
    shown = time_shown(tmp_path / "clock-offset")
    assert abs(shown - datetime.now(UTC) + timedelta(days=1)) < timedelta(minutes=1)


@pytest.mark.parametrize("text", [None, "", "yesterday", "9" * 30])
def test_data_without_a_clock_are_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "clock-offset").write_text(text)
    with pytest.raises(Leap, match="CLOCK="):
        time_shown(tmp_path / "clock-offset")
