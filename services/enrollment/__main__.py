"""Command line of enrollment: the verbs that all services have, erasure, and schemes, which need no server."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_json

from services.enrollment.app import POST_MIGRATION, definition
from services.enrollment.domain.scheme import Scheme
from services.enrollment.handlers.erasures import erase_participant
from services.enrollment.schemes import Schemes, find_version, load_schemes, read_candidate, scheme_files
from services.enrollment.schemes.description import compare
from services.enrollment.schemes.reader import read_scheme
from services.enrollment.settings import EnrollmentSettings
from shared.errors import InvalidFile
from shared.runtime.cli import main
from shared.runtime.command_context import CommandContext
from shared.runtime.output import Output
from shared.runtime.verbs.options import Json, Who, Why, Yes

CheckRow = tuple[str | None, str | None, int | None, str | None]
"""(file, scheme, version, problem)."""

NAME_HELP = "A scheme, such as normal-2023, or a version of it, such as normal-2023.1."
Name = Annotated[str | None, typer.Argument(help=f"{NAME_HELP} The latest of all when left out.", metavar="NAME")]
Files = Annotated[
    list[Path] | None, typer.Argument(exists=True, dir_okay=False, help="Scheme files; those in use when left out.")
]
NameOrFile = Annotated[str, typer.Argument(help=f"{NAME_HELP} Or a scheme file.")]

CHECK_COLUMNS = ("file", "scheme", "version", "problem")
DIFF_COLUMNS = ("subject", "old", "new")


def add_verbs(verbs: typer.Typer, command: CommandContext) -> None:
    """Add the verbs of enrollment."""

    @verbs.command("erase")
    def erase_verb(participant: str, who: Who, why: Why, yes: Yes = False) -> None:
        """Erase PARTICIPANT for ever: destroy what is personal and kept in every service, and cancel what is unpaid."""
        erase = partial(erase_participant, command.transaction_terms(), participant)
        command.execute_and_report(erase, who, why, commit=yes)

    scheme_verbs = typer.Typer(help="Show, check and compare schemes.", no_args_is_help=True)
    verbs.add_typer(scheme_verbs, name="scheme")
    output = command.output

    @scheme_verbs.command("show")
    def show_verb(name: Name = None, as_json: Json = False) -> None:
        """Show what a scheme pays, to whom, when and on what evidence; as JSON, the values of its file."""
        schemes = _load_schemes(command)
        shown = [one.latest for one in schemes.values()] if name is None else [_find(output, schemes, name)]
        if as_json:
            output.print(to_json(shown, indent=2).decode())
        else:
            _show(output, ("subject", *(one.name for one in shown)), compare(shown), as_json=False)

    @scheme_verbs.command("check")
    def check_verb(files: Files = None, as_json: Json = False) -> None:
        """Check scheme files; exit 1 with everything that is wrong, by file and key."""
        rows = [_check(command, path) for path in files] if files else _check_all(_schemes_folder(command))
        _show(output, CHECK_COLUMNS, rows, as_json=as_json)
        if any(problem for *_, problem in rows):
            raise typer.Exit(1)

    @scheme_verbs.command("diff")
    def diff_verb(old: NameOrFile, new: NameOrFile, as_json: Json = False) -> None:
        """Show what differs between two schemes or versions; exit 1 if anything does."""
        schemes = _load_schemes(command)
        rows = [row for row in compare([_find(output, schemes, one) for one in (old, new)]) if row[1] != row[2]]
        _show(output, DIFF_COLUMNS, rows, as_json=as_json)
        if rows:
            raise typer.Exit(1)


def _schemes_folder(command: CommandContext) -> Path:
    return EnrollmentSettings.model_validate(command.settings()).schemes_folder


def _load_schemes(command: CommandContext) -> Schemes:
    try:
        return load_schemes(_schemes_folder(command))
    except InvalidFile as error:
        command.output.fail(str(error))


def _find(output: Output, schemes: Schemes, name: str) -> Scheme:
    """Return a version by its name or file; fail if there is none."""
    try:
        found = read_scheme(Path(name)) if name.endswith(".toml") else find_version(schemes, name)
    except InvalidFile as error:
        output.fail(str(error))
    return found or output.fail(f"no scheme is named {name}; there are {', '.join(schemes)}")


def _check_all(folder: Path) -> list[CheckRow]:
    """Check the files in use, each by itself and then together."""
    rows = [_check_file(path, read_scheme) for path in scheme_files(folder)]
    if not any(problem for *_, problem in rows):
        try:
            load_schemes(folder)
        except InvalidFile as error:
            rows.append((None, None, None, str(error)))
    return rows


def _check(command: CommandContext, path: Path) -> CheckRow:
    schemes = _load_schemes(command)
    return _check_file(path, lambda file: read_candidate(file, schemes))


def _check_file(path: Path, read: Callable[[Path], Scheme]) -> CheckRow:
    try:
        scheme = read(path)
    except InvalidFile as error:
        return (path.name, None, None, str(error))
    return (path.name, scheme.scheme, scheme.version, None)


def _show(output: Output, columns: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    output.show([dict(zip(columns, row, strict=True)) for row in rows], columns, as_json=as_json)


if __name__ == "__main__":
    main(EnrollmentSettings, definition, add_verbs, post_migration=POST_MIGRATION)
