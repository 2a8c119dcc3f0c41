"""The verbs of the books: `balance`, `export`, `heads`, `totals` and `verify`."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, TextIO

import typer
from asyncpg import Connection
from pydantic_core import to_json

from services.payment.books.balance import Balance, age_of, load_balance
from services.payment.books.export import export
from services.payment.books.heads import PUBLISHED, signed_lines, totals_of
from services.payment.books.verification import (
    added_breaches,
    chain_breaches,
    lines_of,
    statement_breach,
    stored_lines,
)
from shared.contracts.signatures import PublicKeys
from shared.errors import Refused
from shared.runtime.chain_seals import ChainSeals
from shared.runtime.command_context import CommandContext
from shared.runtime.verbs.options import Json

Wave = Annotated[str | None, typer.Option(help="Only this wave.", metavar="NAME")]
Partner = Annotated[str | None, typer.Option(help="Only what is in clearing at this partner.", metavar="NAME")]
Out = Annotated[Path | None, typer.Option(help="Write to this file; to standard output if left out.", metavar="FILE")]
FormatName = Annotated[
    Literal["hledger", "beancount"], typer.Option("--format", help="The program that is to read it.")
]
Day = Annotated[datetime, typer.Option(help="The day in Jakarta.", formats=["%Y-%m-%d"])]
HeadsFile = Annotated[Path | None, typer.Option(help="Statements that were published, one JWS a line.", metavar="FILE")]
KeyFile = Annotated[
    Path | None, typer.Option(help="The published public keys; those of the service if left out.", metavar="FILE")
]

ACCOUNT_COLUMNS = ("wave", "component", "account", "transfers", "debit", "credit", "balance")
LEG_COLUMNS = ("wave", "component", "account", "reference", "amount", "since", "age")


def book_verbs(command: CommandContext) -> typer.Typer:
    """Return the verbs that show the books, export them and check them."""
    verbs = typer.Typer(help="Show the ledger, export it for foreign programs, and check it.", no_args_is_help=True)

    @verbs.command("balance")
    def balance_verb(wave: Wave = None, partner: Partner = None, as_json: Json = False) -> None:
        """Show each account and the identity of each wave and component; exit 1 if one does not hold."""
        balance = command.run_in_session(load_balance, long_running=True).select(wave, partner)
        _show_balance(command, balance, as_json=as_json)
        if not balance.holds:
            raise typer.Exit(1)

    @verbs.command("export")
    def export_verb(name: FormatName, out: Out = None) -> None:
        """Write every transfer as a transaction, the oldest first, and assert all balances at the end."""
        _write(command, lambda connection: export(connection, name), out)

    @verbs.command("heads")
    def heads_verb(out: Out = None) -> None:
        """Write all signed statements of heads, one JWS a line; publish them, and keep what was published."""
        _write(command, signed_lines, out)

    @verbs.command("totals")
    def totals_verb(day: Day, as_json: Json = False) -> None:
        """Show the totals of a day in Jakarta, as they were declared and signed."""
        totals = command.run_in_session(lambda connection: totals_of(connection, day.date()))
        rows = [one._asdict() | {"balance": one.balance} for one in totals.accounts]
        command.output.show(rows, ACCOUNT_COLUMNS, as_json=as_json)

    @verbs.command("verify")
    def verify_verb(heads: HeadsFile = None, key: KeyFile = None) -> None:
        """Name each transfer that was altered, is missing or was added, and the first statement that is not true.

        The statements are those in the database or, with --heads, those that were published. Exit 1 if anything is
        found.
        """
        key = key or command.settings().keys_folder / PUBLISHED
        seals = command.keys.chain_seals
        found = command.run_in_session(lambda connection: _verify(connection, heads, key, seals), long_running=True)
        for breach in found:
            command.output.print(f"BROKEN {breach}")
        if found:
            raise typer.Exit(1)
        command.output.print("OK every transfer follows from the one before, and every statement is true")

    return verbs


async def _verify(connection: Connection, heads: Path | None, key: Path, seals: ChainSeals) -> list[str]:
    keys = PublicKeys.load(key)
    lines = None if heads is None else _read_lines(heads)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        found = [
            *await chain_breaches(connection),
            *await added_breaches(connection),
            *await seals.breaches(connection),
        ]
        statements = stored_lines(connection) if lines is None else lines_of(lines)
        breach = await statement_breach(connection, statements, keys)
        return [*found, breach] if breach else found


def _read_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {type(error).__name__}") from None
    if not any(map(str.strip, lines)):
        raise Refused(f"{path} holds no statement")
    return lines


def _show_balance(command: CommandContext, balance: Balance, *, as_json: bool) -> None:
    now = command.clock().now()
    accounts = [one._asdict() | {"balance": one.balance} for one in balance.accounts]
    legs = [leg._asdict() | {"age": str(age_of(leg.since, now))} for leg in balance.legs]
    if as_json:
        identities = [
            {name: getattr(one, name) for name in (*one.__dataclass_fields__, "open", "holds")}
            for one in balance.identities
        ]
        command.output.print(to_json({"accounts": accounts, "identities": identities, "legs": legs}, indent=2).decode())
        return
    command.output.show(accounts, ACCOUNT_COLUMNS, as_json=False)
    for identity in balance.identities:
        command.output.print(identity.sentence())
    if legs:
        command.output.print("Open at partners:")
        command.output.show(legs, LEG_COLUMNS, as_json=False)


def _write(command: CommandContext, texts: Callable[[Connection], AsyncIterator[str]], out: Path | None) -> None:
    """Write texts as they come, to a file that appears when it is whole, or to standard output."""

    async def write_all(connection: Connection) -> None:
        with _target(out) as file:
            async for text in texts(connection):
                _write_text(file, text, out)

    command.run_in_session(write_all, long_running=True)


@contextmanager
def _target(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    making = out.with_name(f"{out.name}.making")
    try:
        file = making.open("w")
    except OSError as error:
        raise _unwritable(out, error) from None
    try:
        with file:
            yield file
        making.replace(out)
    finally:
        making.unlink(missing_ok=True)


def _write_text(file: TextIO, text: str, out: Path | None) -> None:
    try:
        file.write(text)
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path | None, error: OSError) -> Refused:
    return Refused(f"{out or 'standard output'} cannot be written: {error.strerror}")
