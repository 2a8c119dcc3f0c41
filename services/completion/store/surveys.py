"""Surveys that participants answered, the first answer to each."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Connection

from services.completion.domain.survey import SurveyAnswer
from services.completion.store import QUERIES


async def select_first_surveys(connection: Connection, answers: Sequence[SurveyAnswer]) -> list[SurveyAnswer]:
    """Return those of the answers, in this order, that are the first of their participant to their survey."""
    rows = await connection.fetch(QUERIES["select_first_surveys"], *map(list, zip(*answers, strict=True)))
    return [SurveyAnswer(*row) for row in rows]


async def insert_surveys(
    connection: Connection, answers: Sequence[SurveyAnswer], carried_by: Sequence[int | None], seen_at: datetime
) -> None:
    """Insert first answers, each with the number of the event that announced it."""
    records = [(*answer, number, seen_at) for answer, number in zip(answers, carried_by, strict=True)]
    columns = (*SurveyAnswer._fields, "carried_by", "seen_at")
    await connection.copy_records_to_table("survey", columns=columns, records=records)


async def load_surveys_of_participant(
    connection: Connection, participant_id: str
) -> list[tuple[SurveyAnswer, datetime]]:
    """Load what a participant answered, each with the time at which it was accepted."""
    rows = await connection.fetch(QUERIES["load_surveys_of_participant"], participant_id)
    return [(SurveyAnswer(*answer), seen_at) for *answer, seen_at in rows]


async def load_surveys_without_enrollment(connection: Connection) -> list[tuple[str, int]]:
    """Load (participant_id, survey) of answers that name no confirmed enrollment of theirs. Reads all of them."""
    return [
        (row["participant_id"], row["survey"])
        for row in await connection.fetch(QUERIES["load_surveys_without_enrollment"])
    ]
