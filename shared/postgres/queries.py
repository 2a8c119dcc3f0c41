"""SQL lives in named blocks of `.sql` files beside the code that asks them."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)


class BadQueries(Exception):
    """A `.sql` file is not a sequence of named blocks, or a name is taken twice."""


class Queries(Mapping[str, str]):
    """Name -> statement. A block is `-- name: load_enrollments`, a comment line of why, and the statement."""

    __slots__ = ("_statements",)

    def __init__(self, statements: Mapping[str, str]) -> None:
        self._statements = dict(statements)

    @classmethod
    def load(cls, package: str) -> "Queries":
        """Reads all `sql/*.sql` of a package; raises BadQueries."""
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
    """(name, statement) of each block of a file; `place` is how messages name the file."""
    before, *parts = NAME.split(text)
    if _statement(before):
        raise BadQueries(f"{place}: a statement stands before the first name")
    for name, block in zip(parts[::2], parts[1::2], strict=True):
        why, _, rest = block.lstrip("\n").partition("\n")
        if not why.startswith("-- "):
            raise BadQueries(f"{place}: {name} does not say why it is there")
        statement = _statement(rest)
        if not statement:
            raise BadQueries(f"{place}: {name} has no statement")
        yield name, statement


def _statement(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
