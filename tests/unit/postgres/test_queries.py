"""Named blocks of SQL."""

from pathlib import Path

import pytest

from shared.postgres.queries import BadQueries, Queries, blocks

FILE = """-- What is said about the file as a whole.

-- name: load_things
-- Because somebody asks.
select *
from thing;

-- name: delete_things
-- And somebody wants them gone.
-- Said again in the middle.
delete from thing
"""


def test_block_is_its_statement_without_comments_and_last_semicolon() -> None:
    assert dict(blocks(FILE, "thing.sql")) == {
        "load_things": "select *\nfrom thing",
        "delete_things": "delete from thing",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select 1;\n-- name: a\n-- Why.\nselect 1", "before the first name"),
        ("-- name: a\nselect 1", "no comment"),
        ("-- name: a\n-- Why.\n", "has no statement"),
    ],
)
def test_file_without_named_blocks_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadQueries, match=says):
        list(blocks(text, "thing.sql"))


def test_package_has_the_queries_of_all_its_files() -> None:
    queries = Queries.load("shared.messaging")
    assert queries["lock_lanes"].startswith("select")
    assert "load_parked" in queries
    with pytest.raises(KeyError):
        queries["never_written"]


def test_duplicate_query_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "twice"
    (folder / "sql").mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name in ("one.sql", "two.sql"):
        (folder / "sql" / name).write_text("-- name: a\n-- Why.\nselect 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BadQueries, match="two queries are named a"):
        Queries.load("twice")
