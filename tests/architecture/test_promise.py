"""Each half-sentence of the promise in the README names tests; they must exist."""

import re

from deploy.local.paths import ROOT

ROW = re.compile(r"^\| (?P<part>[^|]+) \| (?P<tests>`test_[^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"`(test_\w+)`")


def test_every_half_sentence_of_the_promise_names_tests_that_exist() -> None:
    rows = ROW.findall((ROOT / "README.md").read_text())
    there = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(rows) >= 10
    missing = [name for _, tests in rows for name in NAME.findall(tests) if f"def {name}(" not in there]
    assert missing == []
