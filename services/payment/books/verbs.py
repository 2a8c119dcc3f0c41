"""The verbs of the books: `balance` and `export`."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, TextIO

import typer
from asyncpg import Connection
from pydantic_core import to_json

from services.payment.books.balance import Balance, age_of, load_balance
from services.payment.books.export import export
from shared.errors import Refused
from shared.runtime.command_context import CommandContext
from shared.runtime.verbs.options import Json

Wave = Annotated[str | None, typer.Option(help="Only this wave.", metavar="NAME")]
Partner = Annotated[str | None, typer.Option(help="Only what is in clearing at this partner.", metavar="NAME")]
Out = Annotated[Path | None, typer.Option(help="Write to this file; to standard output if left out.", metavar="FILE")]
FormatName = Annotated[
    Literal["hledger", "beancount"], typer.Option("--format", help="The program that is to read it.")
]

ACCOUNT_COLUMNS = ("wave", "component", "account", "transfers", "debit", "credit", "balance")
LEG_COLUMNS = ("wave", "component", "account", "reference", "amount", "since", "age")


def book_verbs(command: CommandContext) -> typer.Typer:
    """Return the verbs that show the books, export them and check them."""
    verbs = typer.Typer(help="Show the books, export them for foreign programs, and check them.", no_args_is_help=True)

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

    return verbs


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
