"""Schemes are data, and checked when they are read."""

from pathlib import Path

import pytest

from services.enrollment.schemes import FOLDER, load_scheme, load_schemes

NORMAL = (FOLDER / "normal-2023.toml").read_text("utf-8")


def test_the_amounts_are_those_of_the_programme() -> None:
    normal, earlier = load_schemes()["normal-2023"], load_scheme(Path(__file__).with_name("semi-bansos-2020.toml"))
    assert (normal.training_balance, normal.incentive.amount, normal.incentive.times) == (3_500_000, 600_000, 1)
    assert (normal.survey.amount, normal.survey.times) == (50_000, 2)
    assert (earlier.training_balance, earlier.incentive.total, earlier.survey.total) == (1_000_000, 2_400_000, 150_000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("amount = 600_000", "amount = 600_000.5"),
        ("amount = 600_000", 'amount = "600000"'),
        ("amount = 600_000", "amount = -600_000"),
        ("amount = 600_000", "amount = 600_000\ncurrency = 'IDR'"),
        ("amount = 600_000", ""),
        ('post_test = "passed"', 'post_test = "almost"'),
        ("[modes.online]", "[modes.evening]"),
        ("graded = true", "graded = 1"),
        ('scheme = "normal-2023"', 'scheme = "normal-2024"'),
    ],
)
def test_a_file_that_is_no_scheme_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in NORMAL
    (tmp_path / "normal-2023.toml").write_text(NORMAL.replace(old, new, 1))
    with pytest.raises(ValueError):
        load_schemes(tmp_path)


def test_the_normal_scheme_gives_more_to_training_than_as_cash(tmp_path: Path) -> None:
    file = tmp_path / "normal-2023.toml"
    file.write_text(NORMAL.replace("3_500_000", "700_001"))
    assert load_schemes(tmp_path)["normal-2023"].training_balance == 700_001
    file.write_text(NORMAL.replace("3_500_000", "700_000"))
    with pytest.raises(ValueError, match="more goes to training"):
        load_schemes(tmp_path)


def test_sessions_of_a_hybrid_training_are_proved_each_in_its_own_way() -> None:
    modes = load_schemes()["normal-2023"].modes
    assert [modes["hybrid"].proof_of(mode) for mode in ("online", "offline")] == ["face", "venue_qr"]
    assert modes["offline"].proof_of("online") == "venue_qr"
    assert modes["self_paced"].proof_of("self_paced") == "face"
