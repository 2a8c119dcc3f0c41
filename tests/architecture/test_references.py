"""Check that documents and code refer only to files that are there."""

import re
from pathlib import Path

import pytest

from deploy.local.paths import ROOT
from tests.architecture.repository import CODE, place, sources

# A change log names what is gone; `var` is made by running things.
TEXTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if path.name != "CHANGELOG.md")
READMES = sorted(path for folder in CODE for path in (ROOT / folder).rglob("*.md"))

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|md|sql|toml|yml|json|sh))`")
IN_CODE = re.compile(r"[\w./-]*\w\.md\b")
# Whatever stands below one of these may be named without it.
BASES = ("", "tests", "docs")


@pytest.mark.parametrize("text", [*TEXTS, *READMES], ids=place)
def test_text_links_to_what_is_there(text: Path) -> None:
    missing = [link for link in LINK.findall(text.read_text()) if not (text.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("text", [*TEXTS, *READMES], ids=place)
def test_text_names_files_that_are_there(text: Path) -> None:
    bases = [text.parent, *(ROOT / base for base in BASES)]
    named = (name for name in NAMED.findall(text.read_text()) if not name.startswith("var/"))
    missing = [name for name in named if not any((base / name).exists() for base in bases)]
    assert missing == []


def test_code_names_pages_that_are_there() -> None:
    texts = {path.name for path in [*TEXTS, *READMES, ROOT / "CHANGELOG.md"]}
    missing = [
        f"{place(path)}: {name}"
        for path in sources("services", "shared", "deploy")
        for name in IN_CODE.findall(path.read_text())
        if Path(name).name not in texts
    ]
    assert missing == []
