"""The verbs of schemes, their description in words, and the page of it; none of them needs a server or a key."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.enrollment import app
from services.enrollment.__main__ import add_verbs
from services.enrollment.domain.benefits import FeePart, IncentiveRule, SurveyRule
from services.enrollment.domain.scheme import AdmissionRule, CompletionPeriods, ModeRule, PurchaseRule, Scheme
from services.enrollment.schemes import FOLDER, load_schemes
from services.enrollment.schemes.description import compare, describe
from services.enrollment.schemes.page import PAGE, latest_schemes, write_page
from services.enrollment.settings import EnrollmentSettings
from shared.runtime.cli import command_line
from tests.builders import keys_folder

NORMAL = load_schemes()["normal-2023"].latest
PURCHASE, ONLINE = NORMAL.purchase, NORMAL.modes["online"]

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a verb without any key at hand."""
    monkeypatch.setenv("ENROLLMENT_KEYS_FOLDER", str(tmp_path / "none"))
    verbs = command_line(EnrollmentSettings, app.definition, add_verbs)
    return lambda *words: CliRunner().invoke(verbs, [str(word) for word in words])


def candidate(folder: Path, key: str, value: str) -> Path:
    """Return a file with the latest normal scheme, the first value of a key changed."""
    text, found = re.subn(
        rf"(?m)^{key} = \S+", f"{key} = {value}", (FOLDER / "normal-2023.toml").read_text("utf-8"), count=1
    )
    assert found
    path = folder / "normal-2023.toml"
    path.write_text(text)
    return path


def test_show_tells_who_is_paid_what_under_each_scheme(run: Run) -> None:
    shown = run("scheme", "show")
    assert shown.exit_code == 0
    lines = {line.split("  ")[0].strip(): line for line in shown.stdout.splitlines()}
    assert lines["incentive_4"].count(" to the participant, once, 3 months after incentive_1") == 1
    assert lines["survey_2"].count(" to the participant, once, when survey 2 is answered") == 2
    assert f"Rp {NORMAL.cash:,} per participant" in lines["cash at most"]


def test_show_as_json_has_the_values_of_the_file_and_the_benefits(run: Run) -> None:
    shown = run("scheme", "show", "normal-2023", "--json")
    (scheme,) = json.loads(shown.stdout)
    assert (scheme["version"], scheme["in_force_from"]) == (NORMAL.version, NORMAL.in_force_from.isoformat())
    assert scheme["modes"]["offline"]["class_at_most"] == NORMAL.modes["offline"].class_at_most
    assert [one["amount"] for one in scheme["benefits"]] == [one.amount for one in NORMAL.benefits]


def test_superseded_version_is_shown_by_its_number(run: Run) -> None:
    assert "survey_1" not in run("scheme", "show", "normal-2023.1").stdout


def test_unknown_scheme_is_refused_with_the_names_there_are(run: Run) -> None:
    for words in (("show", "normal-2024"), ("diff", "normal-2023", "normal-2024")):
        refused = run("scheme", *words)
        assert refused.exit_code == 2
        assert "no scheme is named normal-2024; there are normal-2023, semi-bansos-2020" in refused.stderr


def test_check_passes_the_schemes_in_use(run: Run) -> None:
    checked = run("scheme", "check", "--json")
    assert checked.exit_code == 0
    rows = json.loads(checked.stdout)
    assert [one["file"] for one in rows][:3] == ["normal-2023.toml", "semi-bansos-2020.toml", "normal-2023.1.toml"]
    assert {one["problem"] for one in rows} == {None}


def test_check_names_everything_wrong_in_a_file(run: Run, tmp_path: Path) -> None:
    wrong = candidate(tmp_path, "post_test", '"almost"')
    checked = run("scheme", "check", wrong, "--json")
    assert checked.exit_code == 1
    (row,) = json.loads(checked.stdout)
    assert row["problem"].endswith('modes.online.post_test must be "passed" or "taken", not "almost"')
    assert run("scheme", "check", tmp_path / "none.toml").exit_code == 2


def test_check_refuses_other_content_under_a_version_that_stands(run: Run, tmp_path: Path) -> None:
    wrong = candidate(tmp_path, "amount", "1")
    assert f"version must be {NORMAL.version + 1}" in run("scheme", "check", wrong).stdout


def test_schemes_that_do_not_fit_each_other_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(FOLDER / "superseded", tmp_path / "superseded")
    candidate(tmp_path, "version", "1")
    monkeypatch.setenv("ENROLLMENT_SCHEMES_FOLDER", str(tmp_path))
    for other in (tmp_path / "superseded").glob("semi-*"):
        other.unlink()
    checked = run("scheme", "check")
    assert checked.exit_code == 1
    assert "normal-2023.toml: version must be above" in checked.stdout
    for verb in (("show",), ("diff", "normal-2023", "normal-2023")):
        refused = run("scheme", *verb)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert refused.stderr.startswith("enrollment: normal-2023.toml: version must be above")


def test_diff_shows_what_differs_and_exits_1(run: Run, tmp_path: Path) -> None:
    more = candidate(tmp_path, "amount", "1")
    differing = run("scheme", "diff", "normal-2023", more, "--json")
    assert differing.exit_code == 1
    assert [row["subject"] for row in json.loads(differing.stdout)] == ["incentive_1", "cash at most"]
    same = run("scheme", "diff", "normal-2023", FOLDER / "normal-2023.toml")
    assert (same.exit_code, same.stdout.strip()) == (0, "none")


def test_verbs_read_the_folder_that_the_settings_name(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    candidate(tmp_path, "clawback_days", "61")
    monkeypatch.setenv("ENROLLMENT_SCHEMES_FOLDER", str(tmp_path))
    assert [one["clawback_days"] for one in json.loads(run("scheme", "show", "--json").stdout)] == [61]
    (row,) = json.loads(run("scheme", "check", "--json").stdout)
    assert (row["file"], row["problem"]) == ("normal-2023.toml", None)


def test_invalid_scheme_file_stops_the_start_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    candidate(tmp_path, "training_balance", "1")
    monkeypatch.setenv("ENROLLMENT_KEYS_FOLDER", str(keys_folder()))
    monkeypatch.setenv("ENROLLMENT_SCHEMES_FOLDER", str(tmp_path))
    stopped = CliRunner().invoke(command_line(EnrollmentSettings, app.definition, add_verbs), ["run"])
    assert (stopped.exit_code, stopped.stdout) == (2, "")
    sentence = f"training_balance must be more than the cash of a normal scheme, which is {NORMAL.cash}"
    assert stopped.stderr == f"enrollment: normal-2023.toml: {sentence}\n"


CHANGES: dict[str, Any] = {
    "version": NORMAL.version + 1,
    "kind": "semi-bansos",
    "in_force_from": NORMAL.in_force_from + timedelta(days=1),
    "training_balance": 3_500_001,
    "clawback_days": 61,
    "cut_offs": NORMAL.cut_offs[:-1],
    "fee": (FeePart(100, "rated"),),
    "incentive.amount": replace(NORMAL.incentive, amount=1),
    "incentive.milestone": replace(NORMAL.incentive, milestone="completed"),
    "incentive.times": replace(NORMAL.incentive, times=2, months_apart=1),
    "survey.amount": SurveyRule(1, 2),
    "survey.times": SurveyRule(50_000, 3),
    "survey": None,
    "admission.age_at_least": replace(NORMAL.admission, age_at_least=17),
    "admission.age_at_most": replace(NORMAL.admission, age_at_most=None),
    "admission.days": replace(NORMAL.admission, days=31),
    "purchase.first_within_days": replace(PURCHASE, first_within_days=16),
    "purchase.next_within_days": replace(PURCHASE, next_within_days=16),
    "purchase.minimum_hours": replace(PURCHASE, minimum_hours=16),
    "purchase.catalogue": replace(PURCHASE, catalogue="required"),
    "purchase.offline_regions": replace(PURCHASE, offline_regions=("32",)),
    "completion.evidence_days": replace(NORMAL.completion, evidence_days=29),
    "completion.complete_within_days": replace(NORMAL.completion, complete_within_days=31),
    "modes": {"online": ONLINE},
    "modes.session_proof": {**NORMAL.modes, "online": replace(ONLINE, session_proof="venue_qr")},
    "modes.sessions_share": {**NORMAL.modes, "online": replace(ONLINE, sessions_share=80)},
    "modes.post_test": {**NORMAL.modes, "online": replace(ONLINE, post_test=None)},
    "modes.graded": {**NORMAL.modes, "online": replace(ONLINE, graded=False)},
    "modes.certificate": {**NORMAL.modes, "online": replace(ONLINE, certificate=True)},
    "modes.class_at_most": {**NORMAL.modes, "online": replace(ONLINE, class_at_most=None)},
}


@pytest.mark.parametrize("key", CHANGES)
def test_description_shows_every_value_of_a_scheme(key: str) -> None:
    other = replace(NORMAL, **{key.partition(".")[0]: CHANGES[key]})
    assert describe(other) != describe(NORMAL)


def test_changes_to_every_key_of_a_scheme_are_tried() -> None:
    tables = {"incentive": IncentiveRule, "survey": SurveyRule, "admission": AdmissionRule, "purchase": PurchaseRule}
    tables |= {"completion": CompletionPeriods, "modes": ModeRule}
    inside = {f"{table}.{one.name}" for table, rule in tables.items() for one in fields(rule)}
    whole = {one.name for one in fields(Scheme) if one.init} - tables.keys()
    assert CHANGES.keys() == (inside | whole | {"survey", "modes"}) - {"scheme", "incentive.months_apart"}


def test_schemes_are_compared_by_every_subject_of_each() -> None:
    first, second = load_schemes()["normal-2023"].versions[-1], load_schemes()["semi-bansos-2020"].latest
    for schemes in ((first, second), (second, first)):
        rows = {subject: texts for subject, *texts in compare(schemes)}
        assert rows.keys() == describe(second).keys()
        assert rows["survey_3"][schemes.index(first)] == "-"


def test_the_page_of_the_schemes_is_that_of_their_files() -> None:
    assert PAGE.read_text("utf-8") == write_page(latest_schemes()), "make schemas"
