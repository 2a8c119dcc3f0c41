"""Scheme files: what they say, and what is refused when they are loaded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from services.enrollment.domain.benefits import Benefit
from services.enrollment.domain.scheme import Scheme, SchemeVersions
from services.enrollment.schemes import FOLDER, find_version, load_schemes, read_candidate
from services.enrollment.schemes.reader import BOUNDS, fingerprint_rules, read_scheme
from shared.errors import InvalidFile

SCHEMES = load_schemes()
NORMAL, EARLIER = SCHEMES["normal-2023"].latest, SCHEMES["semi-bansos-2020"].latest
FIRST = (FOLDER / "superseded" / "normal-2023.1.toml").read_text("utf-8")
"""A version that nobody changes any more."""
TEXT = FIRST.replace("[admission]", "[survey]\namount = 50_000\ntimes = 2\n\n[admission]")


def read(folder: Path, text: str) -> Scheme:
    file = folder / "normal-2023.toml"
    file.write_text(text)
    return read_scheme(file)


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_the_amounts_are_those_of_the_programme() -> None:
    assert (NORMAL.training_balance, NORMAL.incentive.amount, NORMAL.incentive.times) == (3_500_000, 600_000, 1)
    assert NORMAL.survey is not None
    assert (NORMAL.survey.amount, NORMAL.survey.times) == (50_000, 2)
    assert (EARLIER.training_balance, EARLIER.incentive.amount, EARLIER.incentive.times) == (1_000_000, 600_000, 4)
    assert EARLIER.survey is not None
    assert (EARLIER.survey.amount, EARLIER.survey.times) == (50_000, 3)
    assert (NORMAL.cash, EARLIER.cash) == (700_000, 2_550_000)


def test_benefits_of_both_schemes_have_their_amounts_and_times() -> None:
    normal = [
        Benefit("fee", None, "provider", "completed", once=False),
        Benefit("incentive_1", 600_000, "participant", "rated", once=True),
        Benefit("survey_1", 50_000, "participant", "survey_1", once=True),
        Benefit("survey_2", 50_000, "participant", "survey_2", once=True),
    ]
    monthly = [replace(normal[1], benefit=f"incentive_{number}", months_after=number - 1) for number in (2, 3, 4)]
    third = Benefit("survey_3", 50_000, "participant", "survey_3", once=True)
    assert list(NORMAL.benefits) == normal
    assert list(EARLIER.benefits) == [*normal[:2], *monthly, *normal[2:], third]


def test_first_version_of_the_normal_scheme_pays_no_surveys() -> None:
    first = find_version(SCHEMES, "normal-2023.1")
    assert first is not None
    assert [one.benefit for one in first.benefits] == ["fee", "incentive_1"]
    assert first.cash == 600_000


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("amount = 600_000", "amount = 600_000.5", "incentive.amount must be a whole number from 1 to"),
        ("amount = 600_000", 'amount = "600000"', 'incentive.amount must be a whole number from 1 to .*, not "600000"'),
        ("amount = 600_000", "amount = true", "incentive.amount must be a whole number from 1 to .*, not true"),
        ("amount = 600_000", "amount = 0", "incentive.amount must be a whole number from 1 to .*, not 0"),
        ("amount = 600_000", "", "incentive.amount is missing and must be a whole number"),
        ("amount = 600_000", "ammount = 600_000", r"incentive.ammount is no key of a scheme \(known here: amount\)"),
        ("times = 1", "times = 2", "incentive.months_apart is missing"),
        ("times = 1", "times = 1\nmonths_apart = 1", "incentive.months_apart must be left out"),
        ("share = 100 ", "share = 99 ", "fee must have shares of 100 percent in all, not 99"),
        ("share = 100 ", "share = 101 ", r"fee\[1\].share must be a whole number from 1 to 100, not 101"),
        ('milestone = "completed"', 'milestone = "bought"', r'fee\[1\].milestone must be "completed" or "rated"'),
        ("age_at_most = 64", "age_at_most = 17", "admission.age_at_most must be at least age_at_least, 18"),
        ("evidence_days = 30", "evidence_days = 31", "completion.complete_within_days must be at least evidence_days"),
        ('post_test = "passed"', 'post_test = "almost"', 'online.post_test must be "passed" or "taken", not "almost"'),
        ("[modes.online]", "[modes.evening]", r"modes.evening is no key of a scheme \(known here: online, self_paced"),
        ('session_proof = "face"', 'session_proof = "by_session"', "modes.online.session_proof must name one proof"),
        ("graded = true", "graded = 1", "modes.online.graded must be true or false, not 1"),
        ("sessions_share = 100", "sessions_share = 0", "modes.online.sessions_share must be a whole number from 1"),
        ("in_force_from = 2023-02-17", 'in_force_from = "soon"', 'in_force_from must be a date such as .*, not "soon"'),
        ('scheme = "normal-2023"', 'scheme = "normal 2023"', "scheme must be a text that matches"),
        ('scheme = "normal-2023"', "scheme = [1]", "scheme must be a text that matches .*, not a list"),
        ('catalogue = "optional"', 'catalogue = "perhaps"', 'purchase.catalogue must be "required" or "optional"'),
        (
            "# offline_regions:",
            'offline_regions = ["32", "Bandung"] #',
            r"purchase.offline_regions\[2\] must be a text",
        ),
        ("# offline_regions:", 'offline_regions = "32" #', 'purchase.offline_regions must be a list, not "32"'),
        ("[survey]", "[[survey]]", "survey must be a table, not a list"),
        ("version = 1", "version = 1\ncut_offs = 2023-12-31", "cut_offs must be a list, not 2023-12-31"),
        ("version = 1", 'version = 1\ncut_offs = ["2023-12-31"]', r"cut_offs\[1\] must be a date such as 2023-02-17"),
        ("version = 1", "version = 1\ncut_offs = [2023-12-31T00:00:00Z]", r"cut_offs\[1\] must be a date such as"),
        (
            "version = 1",
            "version = 1\ncut_offs = [2024-12-31, 2023-12-31]",
            "cut_offs must rise, and 2023-12-31 does not come after 2024-12-31",
        ),
        ("version = 1", "version = 1\ncut_offs = [2023-12-31, 2023-12-31]", "cut_offs must rise, and 2023-12-31"),
        (
            "version = 1",
            "version = 1\ncut_offs = [2023-02-16]",
            "cut_offs must not begin before in_force_from, 2023-02-17",
        ),
        ("version = 1", "version 1", r"normal-2023.toml is not TOML: .*at line 5, column 9"),
    ],
)
def test_invalid_file_is_refused_with_key_and_what_is_right(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(InvalidFile, match=sentence):
        read(tmp_path, changed(TEXT, old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("age_at_most = 64", "age_at_most = 18"),
        ("version = 1", "version = 1\ncut_offs = [2023-02-17, 2023-02-18]"),
    ],
)
def test_values_that_just_fit_each_other_are_accepted(tmp_path: Path, old: str, new: str) -> None:
    assert read(tmp_path, changed(TEXT, old, new)).version == 1


def test_fee_of_several_parts_is_refused(tmp_path: Path) -> None:
    parts = 'share = 70\nmilestone = "completed"\n\n[[fee]]\nshare = 30'
    with pytest.raises(InvalidFile, match="fee must be one part, since an enrollment promises one fee, and has 2"):
        read(tmp_path, changed(TEXT, "share = 100 ", f"{parts} "))


def test_offline_regions_without_trainings_in_a_room_are_refused(tmp_path: Path) -> None:
    text = changed(TEXT, "minimum_hours = 15", 'minimum_hours = 15\noffline_regions = ["32"]')
    assert read(tmp_path, text).purchase.offline_regions == ("32",)
    text = text.partition("[modes.offline]")[0]
    with pytest.raises(InvalidFile, match=r": purchase.offline_regions must be left out .* hybrid trainings$"):
        read(tmp_path, text)


def test_scheme_without_modes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r": modes must have a table of at least one mode$"):
        read(tmp_path, TEXT.partition("[modes.online]")[0] + "[modes]")


def test_everything_wrong_in_a_file_is_named_at_once(tmp_path: Path) -> None:
    text = changed(changed(TEXT, "times = 1", "times = 0"), "minimum_hours", "minimum_hour")
    with pytest.raises(InvalidFile) as refused:
        read(tmp_path, text)
    assert len(str(refused.value).split("; ")) == 3


def test_file_that_is_no_text_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "normal-2023.toml"
    with pytest.raises(InvalidFile, match=r"normal-2023.toml cannot be read"):
        read_scheme(file)
    file.write_bytes(b"\xff")
    with pytest.raises(InvalidFile, match=r"normal-2023.toml is not TOML"):
        read_scheme(file)


def numbers(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            if isinstance(value, int) and not isinstance(value, bool):
                yield name
            yield from numbers(value)
    elif isinstance(part, tuple):
        for one in part:
            yield from numbers(one)


def test_every_number_of_a_scheme_has_bounds() -> None:
    found = {name for scheme in (NORMAL, EARLIER) for name in numbers(asdict(scheme) | {"benefits": ()})}
    assert found == BOUNDS.keys()


@pytest.mark.parametrize("name", BOUNDS)
def test_scheme_number_beyond_its_bounds_is_refused(tmp_path: Path, name: str) -> None:
    bounds = BOUNDS[name]
    text = changed(TEXT, "times = 1", "times = 4\nmonths_apart = 1") if name == "months_apart" else TEXT
    for value in (bounds[0] - 1, bounds[-1] + 1, 10**30):
        with pytest.raises(InvalidFile, match=f"{name} must be a whole number from {bounds[0]} to {bounds[-1]}"):
            read(tmp_path, re.sub(rf"(?m)^{name} = \S+", f"{name} = {value}", text, count=1))


def test_the_normal_scheme_gives_more_to_training_than_as_cash(tmp_path: Path) -> None:
    balance, cash = "training_balance = 3_500_000", 700_000
    assert read(tmp_path, changed(TEXT, balance, f"training_balance = {cash + 1}")).training_balance == cash + 1
    too_little = changed(TEXT, balance, f"training_balance = {cash}")
    with pytest.raises(InvalidFile, match=f"training_balance must be more than the cash of a normal scheme, .* {cash}"):
        read(tmp_path, too_little)
    assert read(tmp_path, changed(too_little, 'kind = "normal"', 'kind = "semi-bansos"')).training_balance == cash


def test_sessions_of_a_hybrid_training_need_proof_by_their_own_mode() -> None:
    modes = NORMAL.modes
    assert [modes["hybrid"].proof_of(mode) for mode in ("online", "offline")] == ["face", "venue_qr"]
    assert modes["offline"].proof_of("online") == "venue_qr"
    assert modes["self_paced"].proof_of("self_paced") == "face"


@pytest.mark.parametrize(
    ("share", "sessions", "at_least"),
    [(100, 5, None), (80, 5, 4), (80, 4, None), (50, 3, 2), (1, 998, 10), (1, 1, None)],
)
def test_least_share_of_sessions_is_rounded_up(share: int, sessions: int, at_least: int | None) -> None:
    assert replace(NORMAL.modes["online"], sessions_share=share).sessions_at_least(sessions) == at_least


def test_version_in_force_is_that_of_the_day_in_jakarta() -> None:
    second = replace(NORMAL, version=2, in_force_from=date(2023, 2, 17))
    third = replace(NORMAL, version=3, in_force_from=date(2023, 6, 1))
    versions = SchemeVersions((third, second, replace(second, version=1)))
    midnight = datetime(2023, 5, 31, 17, tzinfo=UTC)
    assert versions.at(midnight) is third
    assert versions.at(midnight - timedelta(microseconds=1)) is second
    assert versions.at(datetime(2023, 2, 16, 17, tzinfo=UTC)) is second


def test_before_its_first_day_a_scheme_decides_by_its_first_version() -> None:
    assert SCHEMES["normal-2023"].at(datetime(2023, 2, 16, 16, tzinfo=UTC)).version == 1


def test_cut_off_of_a_wave_ends_the_first_day_not_before_it_opens() -> None:
    ends = [datetime(year, 12, 31, 17, tzinfo=UTC) for year in (2020, 2021, 2022)]
    last_moment = ends[0] - timedelta(microseconds=1)
    assert EARLIER.cut_off_of_wave(datetime(2020, 4, 11, tzinfo=UTC)) == ends[0]
    assert EARLIER.cut_off_of_wave(last_moment) == ends[0]
    assert EARLIER.cut_off_of_wave(ends[0]) == ends[1]
    assert EARLIER.cut_off_of_wave(ends[2] - timedelta(days=1)) == ends[2]
    assert EARLIER.cut_off_of_wave(ends[2]) is None
    assert NORMAL.cut_offs == (date(2023, 12, 31),)


def test_file_is_named_after_its_scheme_or_superseded_version(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="holds no scheme"):
        load_schemes(tmp_path)
    (tmp_path / "superseded").mkdir()
    (tmp_path / "normal-2024.toml").write_text(TEXT)
    with pytest.raises(InvalidFile, match=r"normal-2024.toml describes normal-2023: name it normal-2023.toml"):
        load_schemes(tmp_path)
    (tmp_path / "normal-2024.toml").unlink()
    old = tmp_path / "superseded" / "normal-2023.2.toml"
    old.write_text(TEXT)
    with pytest.raises(InvalidFile, match=r"normal-2023.2.toml describes normal-2023.1: name it normal-2023.1.toml"):
        load_schemes(tmp_path)
    old.rename(tmp_path / "superseded" / "normal-2023.1.toml")
    with pytest.raises(InvalidFile, match=r"normal-2023.1.toml has no successor normal-2023.toml"):
        load_schemes(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("version = 1", "version = 1"),
            "normal-2023.toml: version must be above that of superseded/normal-2023.1.toml",
        ),
        (("version = 1", "version = 2"), "normal-2023.toml: in_force_from must not be before that of superseded"),
    ],
)
def test_later_version_must_be_higher_and_not_begin_earlier(
    tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    (tmp_path / "superseded").mkdir()
    (tmp_path / "superseded" / "normal-2023.1.toml").write_text(FIRST)
    earlier = changed(TEXT, "in_force_from = 2023-02-17", "in_force_from = 2023-02-16")
    (tmp_path / "normal-2023.toml").write_text(changed(earlier, *change))
    with pytest.raises(InvalidFile, match=sentence):
        load_schemes(tmp_path)


def test_version_that_stands_cannot_be_given_other_content(tmp_path: Path) -> None:
    file = tmp_path / "normal-2023.toml"
    file.write_text(TEXT)
    standing = {"normal-2023": SchemeVersions((read_scheme(file),))}
    assert read_candidate(file, standing) == standing["normal-2023"].latest
    file.write_text(changed(TEXT, "amount = 600_000", "amount = 700_000"))
    with pytest.raises(InvalidFile, match=r"normal-2023.toml: version must be 2, since decisions may have been made"):
        read_candidate(file, standing)
    file.write_text(changed(file.read_text(), "version = 1", "version = 2"))
    assert read_candidate(file, standing).version == 2


def test_fingerprint_of_a_version_tells_rules_and_not_comments(tmp_path: Path) -> None:
    file = FOLDER / "normal-2023.toml"
    same, other = tmp_path / "same.toml", tmp_path / "other.toml"
    same.write_text("# A remark\n" + file.read_text())
    other.write_text(file.read_text().replace("minimum_hours = 15", "minimum_hours = 14"))
    assert fingerprint_rules(same) == fingerprint_rules(file) != fingerprint_rules(other)
