"""Named SQL statements, in blocks of `.sql` files beside the code that runs them."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

from shared.errors import SalurError

NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)


class BadQueries(SalurError):
    """A `.sql` file that is no sequence of named blocks, or a name that is taken twice."""


class Queries(Mapping[str, str]):
    """Statements by name. A block is `-- name: load_enrollments`, a comment line of why, and the statement."""

    __slots__ = ("_statements",)

    def __init__(self, statements: Mapping[str, str]) -> None:
        self._statements = dict(statements)

    @classmethod
    def load(cls, package: str) -> "Queries":
        """Read all `sql/*.sql` of a package; raise BadQueries."""
        statements: dict[str, str] = {}
        for file in sorted(files(package).joinpath("sql").iterdir(), key=lambda file: file.name):
            if not file.name.endswith(".sql"):
                continue
            for name, statement in blocks(file.read_text("utf-8"), file.name):
                if name in statements:
                    raise BadQueries(f"{package}: two queries are named {name}")
                statements[name] = statement
        return cls(statements)

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def blocks(text: str, place: str) -> Iterator[tuple[str, str]]:
    """Yield name and statement of each block of a file; `place` names the file in errors."""
    before, *parts = NAME.split(text)
    if _statement(before):
        raise BadQueries(f"{place}: a statement stands before the first name")
    for name, block in zip(parts[::2], parts[1::2], strict=True):
        why, _, rest = block.lstrip("\n").partition("\n")
        if not why.startswith("-- "):
            raise BadQueries(f"{place}: {name} has no comment that gives its reason")
        statement = _statement(rest)
        if not statement:
            raise BadQueries(f"{place}: {name} has no statement")
        yield name, statement


def _statement(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
