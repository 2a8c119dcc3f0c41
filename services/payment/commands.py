"""Commands over HTTP: halts, resumes and approvals, by the use cases that the verbs call."""

from collections.abc import Mapping
from functools import partial

from asyncpg import Connection

from services.payment.handlers.approvals import approve
from services.payment.handlers.halts import halt, resume
from shared.contracts.fields import Text
from shared.messaging.engine.operator import Operator, Outcome
from shared.runtime.commands import Command, CommandBody
from shared.runtime.tokens import Role

HALT = "/halts/{scope:path}"
APPROVAL = "/disbursements/{redeem_code}/{benefit}/approvals"

Parameters = Mapping[str, str]


class ApprovalBody(CommandBody):
    """Why somebody approves, and the `version` of what is approved, as `held` shows it."""

    version: Text


def commands(approval_above: int | None) -> tuple[Command, ...]:
    """Return the commands of payment; an amount above this many rupiah takes two persons (None: no limit)."""
    return (
        Command("POST", HALT, Role.OPERATOR, CommandBody, _halt),
        Command("DELETE", HALT, Role.OPERATOR, CommandBody, _resume),
        Command("POST", APPROVAL, Role.APPROVER, ApprovalBody, partial(_approve, approval_above)),
    )


async def _halt(connection: Connection, operator: Operator, path: Parameters, _: CommandBody) -> Outcome:
    return await halt(connection, operator, path["scope"])


async def _resume(connection: Connection, operator: Operator, path: Parameters, _: CommandBody) -> Outcome:
    return await resume(connection, operator, path["scope"])


async def _approve(
    limit: int | None, connection: Connection, operator: Operator, path: Parameters, body: ApprovalBody
) -> Outcome:
    return await approve(connection, operator, limit, path["redeem_code"], path["benefit"], body.version)
